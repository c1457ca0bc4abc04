"""Reading a system file, and the project's own settings in pyproject.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rollproof.model.filechecks import secret_mistakes, system_mistakes
from rollproof.model.language import Language
from rollproof.model.mistakes import Mistake, say_value, validated
from rollproof.model.seal import Seal
from rollproof.model.system import Spec, System
from rollproof.model.tomlfile import TomlFile, read_toml

_NAME_ONE = "name a system file with --system PATH, or in pyproject.toml under [tool.rollproof] systems"


class Settings(Spec):
    """`[tool.rollproof]` in pyproject.toml. Paths are relative to that file's folder."""

    systems: tuple[str, ...] = ()
    """system files to drill when no --system is given"""
    features: tuple[str, ...] = ()
    """folders or files whose .feature files are collected"""
    steps: tuple[str, ...] = ()
    """modules, or folders of modules, with step definitions of the project's own"""
    environment: Literal["embedded", "containers", "staging"] = "embedded"
    """where the systems run when no --environment is given"""
    strict: bool = False
    """whether "not proven here" fails"""
    reports: str = "reports"
    """the folder that each run makes its own report folder in"""
    language: Language | None = None
    """of the reports of runs, html, pdf and markdown; English when left out"""
    controls: str = ""
    """file with the project's own map of drills to controls"""
    seal: Seal = Seal()
    """who seals runs, and where copies go"""
    source: Path = Path("pyproject.toml")
    """the file it was read from; set by the reader"""

    @property
    def root(self) -> Path:
        """Folder of pyproject.toml."""
        return self.source.parent

    @property
    def system_files(self) -> tuple[Path, ...]:
        return tuple(self.root / name for name in self.systems)

    @property
    def feature_paths(self) -> tuple[Path, ...]:
        return tuple(self.root / name for name in self.features)


def read_system(path: Path) -> System:
    """Reads and checks one system file. Its `source` is absolute, so `root` holds wherever one stands.

    Raises:
        SystemFileError: the file cannot be read, or is wrong; then one line for every mistake:
            `systems/x/system.toml:12: database.migrations.toool: unknown key; did you mean 'tool'?`
    """
    return system_in(read_toml(path, remedy=_NAME_ONE))


def read_tenant(path: Path, tenant: str) -> System:
    """The system of one tenant: `{tenant}` in the file's texts is that name, and so ends the system's own.

    Raises SystemFileError as `read_system` does.
    """
    file = read_toml(path, remedy=_NAME_ONE)
    data = _filled(file.data, tenant)
    assert isinstance(data, dict)
    system = system_in(replace(file, data=data))
    if system.name == file.data["system"]["name"]:  # type: ignore[index]  # sound, as has just been seen
        identity = system.system.model_copy(update={"name": f"{system.name}-{tenant}"})
        return system.model_copy(update={"system": identity})
    return system


def _filled(value: object, tenant: str) -> object:
    match value:
        case str():
            return value.replace("{tenant}", tenant)
        case dict():
            return {key: _filled(item, tenant) for key, item in value.items()}
        case list():
            return [_filled(item, tenant) for item in value]
    return value


def system_in(file: TomlFile) -> System:
    """A system file's content, checked as if it stood at its path. Raises SystemFileError."""
    system = validated(System, file.data)
    mistakes = [
        *(system if isinstance(system, list) else []),
        *system_mistakes(file.data, root=file.path.parent),
        *secret_mistakes(file.text, file.positions),
    ]
    if isinstance(system, list) or mistakes:
        raise file.refuse(_without_echoes(mistakes))
    return system.model_copy(update={"source": file.path.absolute()})


def read_settings(pyproject: Path) -> Settings:
    """`[tool.rollproof]` of a pyproject.toml; the defaults when it has no such table.

    Raises:
        SystemFileError: as for `read_system`, and for a named file or folder that does not exist.
    """
    file = read_toml(pyproject)
    table = _table(file, "tool", "rollproof")
    settings = validated(Settings, table)
    mistakes = [
        *(settings if isinstance(settings, list) else []),
        *_missing(pyproject.parent, table),
    ]
    if isinstance(settings, list) or mistakes:
        raise file.refuse([replace(m, path=("tool", "rollproof", *m.path)) for m in mistakes])
    return settings.model_copy(update={"source": pyproject.absolute()})


def project_settings() -> Settings:
    """Those of the pyproject.toml here; the defaults without one. Errors as `read_settings`."""
    path = Path("pyproject.toml")
    return read_settings(path) if path.is_file() else Settings(source=path.absolute())


def _without_echoes(mistakes: list[Mistake]) -> list[Mistake]:
    """A mistake of the file as a whole only repeats one that has its own line, if there is one."""
    return [mistake for mistake in mistakes if mistake.path or mistake.line] or mistakes


def _table(file: TomlFile, *keys: str) -> Mapping[str, object]:
    value: object = file.data
    for depth, key in enumerate(keys, start=1):
        if not isinstance(value, dict) or key not in value:
            return {}
        value = value[key]
        if not isinstance(value, dict):
            raise file.refuse([Mistake(keys[:depth], f"found {say_value(value)}, expected a table")])
    assert isinstance(value, dict)
    return value


def _missing(root: Path, table: Mapping[str, object]) -> list[Mistake]:
    return [
        Mistake((key, index), f"there is no file or folder {say_value(name)} beside pyproject.toml")
        for key in ("systems", "features")
        for index, name in enumerate(_texts(table.get(key)))
        if not (root / name).exists()
    ]


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
