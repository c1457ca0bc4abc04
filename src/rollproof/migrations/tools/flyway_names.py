"""Flyway's file names: `V1_2__add_users.sql`, `U1_2__add_users.sql`, `R__views.sql`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rollproof.migrations.tools.flyway_settings import FlywaySettings

_VERSION = re.compile(r"[0-9]+(?:[._][0-9]+)*")
_CALLBACK = re.compile(r"(?:before|after|create)(?:Each)?[A-Z][A-Za-z]*")
_JAVA = (".java", ".kt", ".class", ".groovy")


@dataclass(frozen=True, slots=True)
class FlywayFile:
    """One file.

    Attributes:
        kind: `V` versioned, `U` undo, `R` repeatable.
        version: its parts as numbers, zeros at the end left out: 1.0 is 1; empty for repeatable ones.
        written: the version as Flyway's ledger has it: `1.2`.
    """

    kind: str
    version: tuple[int, ...]
    written: str
    description: str
    path: Path


@dataclass(frozen=True)
class FlywayNames:
    """How files are named in one project."""

    settings: FlywaySettings

    @property
    def suffixes(self) -> tuple[str, ...]:
        return tuple(
            s.strip() for s in self.settings.get("sqlMigrationSuffixes", ".sql").split(",") if s.strip()
        )

    @property
    def _prefixes(self) -> dict[str, str]:
        return {
            self.settings.get("repeatableSqlMigrationPrefix", "R"): "R",
            self.settings.get("undoSqlMigrationPrefix", "U"): "U",
            self.settings.get("sqlMigrationPrefix", "V"): "V",
        }

    def parse(self, path: Path) -> FlywayFile | None:
        """What the file is; None when Flyway takes it for none of its own."""
        suffix = next((s for s in self.suffixes if path.name.endswith(s)), None)
        if suffix is None:
            return None
        stem = path.name.removesuffix(suffix)
        version, _, rest = stem.partition(self.settings.get("sqlMigrationSeparator", "__"))
        for prefix, kind in self._prefixes.items():
            if version.startswith(prefix) and (file := _file(kind, version.removeprefix(prefix), rest, path)):
                return file
        return None

    def remark(self, path: Path) -> str:
        """What a person should know of a file that is none of the above; empty mostly."""
        if path.name.endswith(_JAVA) and re.match(r"[VUR][0-9_.]*__", path.name):
            return f"{path.name} is no SQL and is left out: what comes after it may miss what it makes"
        if not path.name.endswith(self.suffixes):
            return ""
        if _CALLBACK.fullmatch(path.name.partition(".")[0].partition("__")[0]):
            return f"{path.name} is a callback and is not run"
        return f"{path.name} is not named like V1__name.sql and is ignored"


def _file(kind: str, version: str, description: str, path: Path) -> FlywayFile | None:
    if kind == "R":
        return FlywayFile(kind, (), "", description.replace("_", " "), path) if not version else None
    if not _VERSION.fullmatch(version):
        return None
    written = version.replace("_", ".")
    parts = [int(part) for part in written.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return FlywayFile(kind, tuple(parts), written, description.replace("_", " "), path)
