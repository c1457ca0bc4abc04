"""Which files decide what a plan's drill does: those that an approval of it covers.

Beside the plan itself these are the system files, what they name (migrations, releases, scripts of
commands), the feature files, and the project's own steps and conftests. What Rollproof ships is part of
its version.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.features_folder import feature_path, shipped_features
from rollproof.model.json import Json

if TYPE_CHECKING:
    from rollproof.model.plan import Plan

_JUNK = frozenset(
    """.git .hg .svn __pycache__ .venv venv node_modules .mypy_cache .ruff_cache .pytest_cache .tox
    .hypothesis reports""".split()
)
"""Folders in which nothing lies that a drill is made of."""
_ELSEWHERE = "environments"
"""The table of a system file that names no part of the system; a service file with a DSN, perhaps."""
_LONGEST = 300
"""characters of a text that may be a path"""
_SETTINGS = ("pytest.ini", "tox.ini", "setup.cfg")
"""Files beside pyproject.toml that pytest reads as well."""


def digests_of(plan: Plan, root: Path) -> dict[str, str]:
    """SHA-256 of each covered file by its name, which is the same in another checkout of the same files.

    Args:
        root: the folder that the plan is run from, which its paths are relative to.
    """
    root, shipped = Path(os.path.abspath(root)), {path.resolve() for path in shipped_features()}  # noqa: PTH100
    found = {_named(path, root, shipped): sha256_of(path) for path in covered_files(plan, root)}
    return found | _project(root)


def covered_files(plan: Plan, root: Path) -> list[Path]:
    """Every covered file, sorted, each once; one that a plan names and that is missing as well."""
    root = Path(os.path.abspath(root))  # noqa: PTH100  # links stay as people see them
    found = {*system_files(plan, root), *feature_files(plan, root)}
    for file in system_files(plan, root):
        found |= set(_named_by(file, plan.fleet.tenants or ("",)))
    for feature in feature_files(plan, root):
        found |= set(_steps_beside(feature, root))
    found |= {root / name for name in _SETTINGS if (root / name).is_file()}
    return sorted(found)


def system_files(plan: Plan, root: Path) -> Iterator[Path]:
    """The system files that a plan leads to now."""
    for name in plan.system_files:
        path = root / name
        yield _plain(path / "system.toml" if path.is_dir() else path)


def feature_files(plan: Plan, root: Path) -> Iterator[Path]:
    """The feature files that a plan leads to now."""
    for name in plan.plan.features:
        path = root / (feature_path(name) or name).partition("::")[0]
        yield from map(_plain, sorted(path.rglob("*.feature")) if path.is_dir() else [path])


def _plain(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _named_by(system: Path, tenants: tuple[str, ...]) -> Iterator[Path]:
    """Files and folders that a system file names, and what lies beside a script that it names."""
    try:
        data = tomllib.loads(system.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    data.pop(_ELSEWHERE, None)
    for text in set(_texts(data)):
        for tenant in tenants:
            yield from _at(system.parent, text.replace("{tenant}", tenant))


def _texts(value: object) -> Iterator[str]:
    match value:
        case str() if 0 < len(value) <= _LONGEST and value.isprintable():
            yield value
        case Mapping():
            for item in value.values():
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)


def _at(root: Path, text: str) -> Iterator[Path]:
    path = _plain(root / text)
    if Path(text).is_absolute() and not path.is_relative_to(root):
        return  # a program of the machine
    if path.is_file():
        yield path
        if path.parent != root and path.parent.is_relative_to(root):
            yield from _tree(path.parent)  # what a script imports
    elif path.is_dir():
        yield from _tree(path)


def _tree(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _JUNK)
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in [*names, *links] if not name.endswith(".pyc"))


def _steps_beside(feature: Path, root: Path) -> Iterator[Path]:
    """Conftests and steps folders between a feature and the folder that the plan is run from."""
    for folder in feature.parents if feature.is_relative_to(root) else ():
        if folder.is_relative_to(root):
            yield from (path for path in [folder / "conftest.py"] if path.is_file())
            yield from _tree(folder / "steps")


def _project(root: Path) -> dict[str, str]:
    """What pyproject.toml tells Rollproof and pytest; the rest of it may change. Steps that it names too."""
    try:
        tool = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return {}
    said = {name: tool[name] for name in ("rollproof", "pytest") if name in tool}
    steps = tool.get("rollproof", {}).get("steps", []) if isinstance(tool.get("rollproof"), dict) else []
    found = {path for name in _texts(steps) for path in _at(root, name)}
    told = {"pyproject.toml": hashlib.sha256(repr(said).encode()).hexdigest()} if said else {}
    return told | {_named(path, root, set()): sha256_of(path) for path in found}


def _named(path: Path, root: Path, shipped: set[Path]) -> str:
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return (
        f"shipped/{path.name}" if path.resolve() in shipped else Path(os.path.relpath(path, root)).as_posix()
    )


def sha256_of(path: Path) -> str:
    """Of a file, or of where a link to a folder leads; `missing` when there is nothing."""
    if path.is_symlink() and not path.is_file():
        return hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


def said_of(plan: Plan) -> Json:
    """The plan itself, as it counts: without its approval, and whatever way its TOML is written."""
    found: Json = plan.model_dump(mode="json", exclude={"approval", "source"}, exclude_defaults=True)
    return found
