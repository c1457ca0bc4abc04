"""Where a project's Alembic configuration and its scripts are, told from the files alone."""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rollproof.errors import MigrationError
from rollproof.migrations.tools.base import Certainty, Found, survey
from rollproof.migrations.tools.settings import ToolSettings

_TOOL = "alembic"
_SECTION = "alembic"
_DOING = "looking for the Alembic environment"
_LEVELS = 4
"""how many folders above a relative script location, or above env.py, the other one may be"""


@dataclass(frozen=True, slots=True)
class Place:
    """What `alembic` would be called with, and where.

    Attributes:
        ini, toml: configuration files; one of them may be all there is, or neither.
        section: of the ini file, as `alembic -n` names it.
        script_location: in place of what the files say; empty when they say it.
        version_locations: in place of what the files say.
        cwd: the folder that relative locations are relative to.
        notes: what a person should know of the choice.
    """

    cwd: Path
    ini: Path | None = None
    toml: Path | None = None
    section: str = _SECTION
    script_location: str = ""
    version_locations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def where(self) -> Path:
        """The file or folder to name in an error."""
        return self.ini or self.toml or Path(self.script_location or self.cwd)


def find_places(root: Path) -> list[Found]:
    """Configuration files below `root`, and folders of scripts that no configuration file is near."""
    found: list[Found] = []
    taken: set[Path] = set()
    templates: set[Path] = set()
    for folder in survey(root):
        for name in folder.files:
            path = folder.path / name
            if name.endswith(".ini") and (sections := _sections(path)):
                found.append(Found(_TOOL, path, f"{name} names a script location", Certainty.SURE))
                places = {place for _, location in sections if (place := _resolved(location, path.parent))}
                taken |= places
                templates |= set() if places else {path}
            elif name == "pyproject.toml" and (location := _toml_location(path)):
                found.append(Found(_TOOL, path, "[tool.alembic] in pyproject.toml", Certainty.SURE))
                taken |= {place for place in [_resolved(location, path.parent)] if place}
    bare = [
        folder.path
        for folder in survey(root)
        if _is_scripts(folder.path, folder.files) and folder.path.resolve() not in taken
    ]
    if bare:  # a configuration file that is filled in later leads nowhere, and there is where it would lead
        found = [item for item in found if item.path not in templates]
    return found + [Found(_TOOL, path, "env.py of Alembic", Certainty.SURE) for path in bare]


def place_of(path: Path, settings: ToolSettings) -> Place:
    """The place that a path means: a configuration file, a folder of scripts, or one that has either.

    Raises:
        MigrationError: it means none, or a configuration file of several sections and none is named.
    """
    options = settings.options
    if location := options.get("script_location", ""):
        return _given(path, settings, location)
    config = settings.config or _config_in(path)
    if config is None:
        return _bare(path, options)
    if not config.is_file():
        raise _error("there is no such configuration file", config, "name it as `config`")
    place = _of_toml(config) if config.suffix == ".toml" else _of_ini(config, options)
    return _with_versions(place, options)


def _given(path: Path, settings: ToolSettings, location: str) -> Place:
    """Locations that a person has named; relative ones are relative to the path, or to where we are."""
    base = path if path.is_dir() else path.parent
    there = next((str(p) for p in (base / location, Path(location)) if p.is_dir()), location)
    config = settings.config
    ini, toml = (None, config) if config and config.suffix == ".toml" else (config, None)
    section = settings.options.get("name", _SECTION)
    place = Place(base.absolute(), ini, toml, section, os.fspath(Path(there).absolute()))
    if ":" in location and not Path(there).is_dir():
        place = Place(base.absolute(), ini, toml, section, location)
    return _with_versions(place, settings.options)


def _with_versions(place: Place, options: Mapping[str, str]) -> Place:
    text = options.get("version_locations", "")
    if not text:
        return place
    names = [name.strip() for name in re.split(rf"[\n{os.pathsep}]", text) if name.strip()]
    bases = [Path(place.script_location)] if place.script_location else []
    found = tuple(_first_folder(name, [*bases, place.cwd]) for name in names)
    return Place(place.cwd, place.ini, place.toml, place.section, place.script_location, found, place.notes)


def _first_folder(name: str, bases: list[Path]) -> str:
    return next((str((base / name).absolute()) for base in bases if (base / name).is_dir()), name)


def _config_in(path: Path) -> Path | None:
    if path.is_file():
        return path
    candidates = [path / "alembic.ini", path / "pyproject.toml"]
    ini, toml = (candidate if candidate.is_file() else None for candidate in candidates)
    if ini and _sections(ini):
        return ini
    if toml and _toml_location(toml):
        return toml
    scripts = _scripts_of(path)
    return _config_above(scripts) if scripts else None


def _config_above(scripts: Path) -> Path | None:
    """The configuration file, near above, whose script location is that folder."""
    for folder in (scripts, *scripts.absolute().parents[:_LEVELS]):
        for path in sorted(folder.glob("*.ini")):
            if any(_resolved(location, folder) == scripts.resolve() for _, location in _sections(path)):
                return path
        toml = folder / "pyproject.toml"
        if toml.is_file() and _resolved(_toml_location(toml), folder) == scripts.resolve():
            return toml
    return None


def _bare(path: Path, options: Mapping[str, str]) -> Place:
    scripts = _scripts_of(path)
    if scripts is None:
        raise _error(
            "there is no alembic.ini, no [tool.alembic] and no folder with env.py here",
            path,
            "name the configuration file, or the folder with env.py, as the path",
        )
    ini = scripts / "alembic.ini"
    cwd = _import_root(scripts)
    place = Place(cwd, ini if ini.is_file() else None, script_location=str(scripts.absolute()))
    return _with_versions(place, options)


def _import_root(scripts: Path) -> Path:
    """The folder above the package that the scripts are in, which is where the project is run from."""
    folder = scripts.absolute().parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def _scripts_of(path: Path) -> Path | None:
    for folder in (path, path.parent if path.name == "versions" else path):
        if folder.is_dir() and (folder / "env.py").is_file():
            return folder
    return None


def _is_scripts(folder: Path, files: tuple[str, ...]) -> bool:
    if "env.py" not in files or not ((folder / "versions").is_dir() or "script.py.mako" in files):
        return False
    return "alembic" in _text(folder / "env.py")


def _of_ini(path: Path, options: Mapping[str, str]) -> Place:
    sections = dict(_sections(path))
    section = options.get("name", "")
    if not section:
        section = _SECTION if _SECTION in sections or len(sections) != 1 else next(iter(sections))
    if section not in sections:
        names = ", ".join(sections)
        raise _error(
            f"no section [{section}] with a script location"
            + (f", but there are: {names}" if names else ", nor any other"),
            path,
            "name one of them with the option `name`" if names else "add script_location to [alembic]",
        )
    others = [name for name in sections if name != section]
    notes = (f"{path.name} has other histories: {', '.join(others)} (option `name`)",) if others else ()
    toml = path.with_name("pyproject.toml")
    beside = sections[section] == "."
    return Place(
        _import_root(path.parent) if beside else _cwd(sections[section], path.parent),
        path.absolute(),
        toml.absolute() if toml.is_file() and _toml_table(toml) else None,
        section,
        str(path.parent.absolute()) if beside else "",
        notes=notes,
    )


def _of_toml(path: Path) -> Place:
    if not (location := _toml_location(path)):
        raise _error("there is no script_location in [tool.alembic]", path, "add it")
    ini = path.with_name("alembic.ini")
    return Place(_cwd(location, path.parent), ini if ini.is_file() else None, path.absolute())


def _cwd(location: str, folder: Path) -> Path:
    """Where `alembic` is run: relative locations are relative to that, not to the configuration file."""
    above = (folder.absolute(), *folder.absolute().parents[:_LEVELS])
    if ":" in location or Path(location).is_absolute():
        return above[0]
    return next((place for place in above if (place / location / "env.py").is_file()), above[0])


def _resolved(location: str, folder: Path) -> Path | None:
    if not location or (":" in location and not Path(location).is_absolute()):
        return _in_package(location, folder)
    place = (_cwd(location, folder) / location).resolve()
    return place if place.is_dir() else None


def _in_package(location: str, folder: Path) -> Path | None:
    package, _, rest = location.partition(":")
    place = folder.joinpath(*package.split("."), *rest.split(":")) if rest else None
    return place.resolve() if place and place.is_dir() else None


def _sections(path: Path) -> list[tuple[str, str]]:
    """Sections with a script location, and the location.

    In the folder of the scripts themselves it may be left out, as Flask-Migrate does: then it is `.`.
    """
    if "script_location" not in _text(path) and path.name != "alembic.ini":
        return []
    parser = configparser.ConfigParser({"here": path.parent.absolute().as_posix()})
    try:
        parser.read_string(_text(path), str(path))
    except configparser.Error:
        return []
    found = [
        (name, _option(parser, name))
        for name in parser.sections()
        if parser.has_option(name, "script_location")
    ]
    beside = path.name == "alembic.ini" and path.with_name("env.py").is_file()
    return found or ([(_SECTION, ".")] if beside and parser.has_section(_SECTION) else [])


def _option(parser: configparser.ConfigParser, section: str) -> str:
    try:
        return parser.get(section, "script_location").strip()
    except configparser.Error:
        return parser.get(section, "script_location", raw=True).strip()


def _toml_location(path: Path) -> str:
    location = _toml_table(path).get("script_location", "")
    return str(location).replace("%(here)s", path.parent.absolute().as_posix())


def _toml_table(path: Path) -> Mapping[str, object]:
    text = _text(path)
    if "alembic" not in text:
        return {}
    try:
        tool = tomllib.loads(text).get("tool")
    except tomllib.TOMLDecodeError:
        return {}
    found = tool.get("alembic") if isinstance(tool, dict) else None
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _error(found: str, where: Path, remedy: str) -> MigrationError:
    return MigrationError(found, doing=_DOING, where=str(where), remedy=remedy)
