"""A project's own map of drills to controls: `[tool.rollproof] controls`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rollproof.evidence.standing.controls import Controls, controls_from, shipped_controls
from rollproof.features_folder import shipped_features
from rollproof.model.mistakes import Mistake, say_value, validated
from rollproof.model.spec import Spec
from rollproof.model.tomlfile import read_toml

_Name = Annotated[str, Field(min_length=1, max_length=200)]


class FrameworkTable(Spec):
    """A framework of the project's own, or more controls of one that there is."""

    title: _Name
    controls: dict[_Name, _Name]


class DrillTable(Spec):
    """Drills, by feature, tag, check or scenario, and the controls that they support, by framework."""

    title: _Name
    features: tuple[_Name, ...] = ()
    tags: tuple[_Name, ...] = ()
    checks: tuple[_Name, ...] = ()
    scenarios: tuple[_Name, ...] = ()
    on: Literal["", "retest"] = ""
    supports: Annotated[dict[_Name, tuple[_Name, ...]], Field(min_length=1)]


class ControlsFile(Spec):
    """The whole file."""

    frameworks: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], FrameworkTable] = Field(default={})
    drill: tuple[DrillTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Names that drills have: of features' files, of tags, of checks and of scenarios."""

    features: frozenset[str]
    tags: frozenset[str]
    checks: frozenset[str]
    scenarios: frozenset[str]


def read_controls(path: Path, features: Sequence[Path] = ()) -> Controls:
    """The project's own map.

    Args:
        features: the project's own feature files, and folders of them.

    Raises:
        SystemFileError: the file cannot be read or is wrong, or names a drill, a framework or a control that
            is not there: one line for every mistake.
    """
    file = read_toml(path, remedy="name the file in pyproject.toml under [tool.rollproof] controls")
    read = validated(ControlsFile, file.data)
    if isinstance(read, list):
        raise file.refuse(read)
    own = controls_from(file.data)
    if mistakes := [
        *_drills(read, known_drills(features)),
        *_supported(read, shipped_controls().with_own(own)),
    ]:
        raise file.refuse(mistakes)
    return own


def known_drills(features: Sequence[Path] = ()) -> Known:
    """Of all that ships with Rollproof and of these files and folders."""
    import rollproof.checks  # noqa: F401  they register themselves
    from rollproof.checks.registry import all_checks

    paths = [*shipped_features(), *_feature_files(features)]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return Known(
        frozenset(path.stem for path in paths) | {"guide"},
        frozenset(tag for text in texts for line in _tag_lines(text) for tag in line),
        frozenset(all_checks()),
        frozenset(name for text in texts for name in _scenarios(text)),
    )


def _feature_files(features: Sequence[Path]) -> Iterator[Path]:
    for path in features:
        yield from sorted(path.rglob("*.feature")) if path.is_dir() else [path]


def _tag_lines(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.strip().startswith("@"):
            yield re.findall(r"@([^\s@]+)", line)


def _scenarios(text: str) -> Iterator[str]:
    yield from re.findall(r"(?m)^\s*(?:Scenario(?: Outline| Template)?|Example):\s*(.+?)\s*$", text)


def _drills(read: ControlsFile, known: Known) -> Iterator[Mistake]:
    for number, drill in enumerate(read.drill):
        for kind in ("features", "tags", "checks", "scenarios"):
            names: frozenset[str] = getattr(known, kind)
            for place, name in enumerate(getattr(drill, kind)):
                if name not in names:
                    found = f"there is no {kind[:-1]} {say_value(name)}{_close(name, names)}"
                    yield Mistake(("drill", number, kind, place), found)


def _supported(read: ControlsFile, all_: Controls) -> Iterator[Mistake]:
    for number, drill in enumerate(read.drill):
        for framework, ids in drill.supports.items():
            if framework not in all_.frameworks:
                found = f"there is no framework {say_value(framework)}{_close(framework, all_.frameworks)}"
                yield Mistake(("drill", number, "supports", framework), found)
                continue
            controls = all_.frameworks[framework].controls
            for place, name in enumerate(ids):
                if name not in controls:
                    found = f"{framework} has no control {say_value(name)}{_close(name, controls)}"
                    yield Mistake(("drill", number, "supports", framework, place), found)


def _close(name: str, known: frozenset[str] | Mapping[str, object]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {say_value(near[0])}?" if near else ""
