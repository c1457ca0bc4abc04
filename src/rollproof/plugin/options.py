"""The command line and `[tool.rollproof]`, as one frozen `Settings`."""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rollproof.errors import SystemFileError

if TYPE_CHECKING:
    from rollproof.model.systemfile import Settings as Table

ENVIRONMENTS = ("embedded", "containers", "staging")
COMPONENTS = frozenset(
    """alarm api database function image notifications pipeline release runnable secret service settings site
    smoke stack table traffic variables""".split()
)
"""Tags that name a kind of component; every other tag is a plain marker."""
IN_WORDS = {
    "image": "service whose releases are images",
    "pipeline": "two healthy releases that a service runs from {path}",
    "runnable": "two releases with a path that a service could run",
    "variables": "settings of the kind service-environment",
}
"""What a system lacks, where its tag alone does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What this session was asked to do.

    Attributes:
        root: pytest's rootdir; paths in `[tool.rollproof]` are relative to it.
        in_use: False when nothing asks for Rollproof: no `[tool.rollproof]`, no option, no feature file.
        systems: system files to drill, `--system` before `[tool.rollproof]`.
        features: folders (or files) whose feature files are collected whenever pytest walks there.
        steps: modules, or folders of modules, with the project's own step definitions.
        environment: where the systems run.
        strict: "not proven here" fails.
        reports: the folder that a run's report folder is made in.
    """

    root: Path
    in_use: bool
    systems: tuple[Path, ...]
    features: tuple[Path, ...]
    steps: tuple[str, ...]
    environment: str
    strict: bool
    reports: Path


_TABLE = pytest.StashKey["Table | None"]()
_SETTINGS = pytest.StashKey[Settings]()
_SHORT: dict[str, dict[str, Any]] = {
    "--system": {
        "dest": "rollproof_systems",
        "action": "append",
        "metavar": "PATH",
        "type": os.path.abspath,
        "help": "system file to drill; repeat it for several (default: [tool.rollproof] systems)",
    },
    "--environment": {
        "dest": "rollproof_environment",
        "metavar": "NAME",
        "help": "where the systems run: embedded, containers, or the name of an [environments.NAME] of "
        f"theirs, such as staging (default: {ENVIRONMENTS[0]})",
    },
    "--reports": {
        "dest": "rollproof_reports",
        "metavar": "DIR",
        "type": os.path.abspath,
        "help": "folder for the reports of runs (default: reports in the rootdir)",
    },
}


def settings(config: pytest.Config) -> Settings:
    """The session's settings. Raises pytest.UsageError when they are wrong."""
    if _SETTINGS not in config.stash:
        config.stash[_SETTINGS] = _settings(config)
    return config.stash[_SETTINGS]


def table(config: pytest.Config) -> Table | None:
    """`[tool.rollproof]` of the rootdir's pyproject.toml; None where there is none.

    Raises pytest.UsageError that names file, line, key and what is expected.
    """
    if _TABLE not in config.stash:
        config.stash[_TABLE] = _read_table(config.rootpath / "pyproject.toml")
    return config.stash[_TABLE]


def asked_early(config: pytest.Config, args: Sequence[str]) -> bool:
    """`Settings.in_use` before the command line is parsed, when steps must already be registered."""
    asked = any(argument.startswith(("--system", "--rollproof-")) for argument in args)
    paths = config.known_args_namespace.file_or_dir
    return asked or table(config) is not None or any(map(is_feature, paths))


def explicit_features(config: pytest.Config, args: Sequence[str]) -> Iterator[Path]:
    """Feature files that the command line names, a node id's part after `::` cut off."""
    for argument in filter(is_feature, args):
        path = config.invocation_params.dir / argument.partition("::")[0]
        yield Path(os.path.abspath(path))  # noqa: PTH100  # pytest itself does not follow links here


def is_feature(argument: str) -> bool:
    """True when a command line argument is a feature file or a node id in one."""
    return argument.partition("::")[0].endswith(".feature")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rollproof", "rehearsing rollbacks (rollproof)")
    for name, spec in _SHORT.items():
        group.addoption(f"--rollproof-{name[2:]}", **spec)
    group.addoption(
        "--rollproof-strict",
        dest="rollproof_strict",
        action="store_true",
        default=False,
        help='fail, rather than skip, what is "not proven here"',
    )
    group.addoption(
        "--rollproof-steps",
        dest="rollproof_steps",
        action="store_true",
        default=False,
        help="list the phrases that the collected scenarios can use, and run nothing",
    )


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Iterator[None]:
    """Add the short names once every conftest has had its choice of names."""
    if asked_early(early_config, args):
        _hide_values(early_config, args)
    result = yield
    for name, spec in _SHORT.items():
        if not _is_taken(parser, name):
            parser.getgroup("rollproof").addoption(name, **spec)
    return result


def _hide_values(config: pytest.Config, args: Sequence[str]) -> None:
    """Until the short names are known, pytest takes their values for folders to collect."""
    values = {value for name, value in pairwise(args) if name in _SHORT}
    paths = config.known_args_namespace.file_or_dir
    paths[:] = [path for path in paths if path not in values]


def _is_taken(parser: pytest.Parser, name: str) -> bool:
    """`--environment` in a conftest is common; the project's own option wins over ours."""
    try:
        _, unknown = parser.parse_known_and_unknown_args([f"{name}=x"])
    except pytest.UsageError:
        return True
    return not unknown


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    settings(session.config)


def _read_table(pyproject: Path) -> Table | None:
    if not _has_table(pyproject):
        return None
    from rollproof.model.systemfile import read_settings

    try:
        return read_settings(pyproject)
    except SystemFileError as error:
        raise pytest.UsageError(str(error)) from None


def _has_table(pyproject: Path) -> bool:
    """Looked up without pydantic: most projects have none, and must not wait for it."""
    try:
        text = pyproject.read_text(encoding="utf-8-sig")
        return "rollproof" in text and "rollproof" in tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return "[tool.rollproof]" in text
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _settings(config: pytest.Config) -> Settings:
    given, option = table(config), config.option
    return Settings(
        root=config.rootpath,
        in_use=given is not None or bool(option.rollproof_systems) or any(map(is_feature, config.args)),
        systems=_command_line_systems(option) or (given.system_files if given else ()),
        features=_features(given, config),
        steps=given.steps if given else (),
        environment=option.rollproof_environment or (given.environment if given else ENVIRONMENTS[0]),
        strict=option.rollproof_strict or (given.strict if given else False),
        reports=Path(option.rollproof_reports or config.rootpath / (given.reports if given else "reports")),
    )


def _command_line_systems(option: argparse.Namespace) -> tuple[Path, ...]:
    paths = tuple(dict.fromkeys(map(Path, option.rollproof_systems or ())))
    for path in paths:
        if not path.exists():
            raise pytest.UsageError(f"--system {path}: there is no such file")
    return paths


def _features(given: Table | None, config: pytest.Config) -> tuple[Path, ...]:
    """`features` beside pyproject.toml by default, yet only where something asks for Rollproof."""
    if given is not None and given.features:
        return given.feature_paths
    asked = given is not None or config.option.rollproof_systems
    return (config.rootpath / "features",) if asked else ()
