"""The files of a folder, sorted into migrations and their ways back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rollproof.errors import MigrationError
from rollproof.migrations.model import Having, Migration, MigrationHistory
from rollproof.migrations.patterns import FileName, FilePattern, forward
from rollproof.migrations.psqltext import split
from rollproof.migrations.script import Script
from rollproof.model.system import Migrations

_DOING = "loading the migration files"
_LOOKS_BACK = re.compile(r"(?i)(?:^|[_.\- ])(?:rollback|rolls?back|revert|undo|down|downgrade)(?:[_.\- ]|$)")
_STAMP_DIGITS = 8
"""numbers this long are dates, between which nobody expects every number to be there"""


@dataclass(frozen=True)
class SqlFolder:
    """Sorts the files of a folder into migrations and their ways back."""

    folder: Path
    settings: Migrations

    def history(self) -> MigrationHistory:
        """All migrations in order of their numbers. Raises MigrationError."""
        patterns: dict[Having, FilePattern] = {
            "down": FilePattern.compile(self.settings.rollback, setting="rollback"),
            "reverse": FilePattern.compile(self.settings.reverse, setting="reverse"),
        }
        files = self._files("")
        back = {which: self._matching(pattern) for which, pattern in patterns.items()}
        taken = self._each_once(back)
        ahead = {path: found for path in files if path not in taken and (found := forward(path.name))}
        by_number = self._by_number(ahead)
        ways = {which: self._ways(which, found, by_number) for which, found in back.items()}
        migrations = tuple(self._migration(by_number[n], ahead, ways) for n in sorted(by_number))
        own = [name.own for found in back.values() for name in found.values() if name.own is not None]
        return MigrationHistory(
            migrations,
            ledger=self.settings.ledger,
            warnings=(
                *gaps(list(by_number), own),
                *_odd_names([path for path in files if path not in taken], ahead),
            ),
            where=str(self.folder),
        )

    def _files(self, subfolder: str) -> list[Path]:
        folder = self.folder / subfolder
        try:
            found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            if subfolder and isinstance(error, FileNotFoundError):
                return []
            why = {FileNotFoundError: "there is no such folder", NotADirectoryError: "this is not a folder"}
            raise _error(
                why.get(type(error), f"the folder cannot be read: {error.strerror}"),
                where=str(folder),
                remedy="name the folder with the migrations as `path` in [database.migrations]",
            ) from error
        return [path.absolute() for path in found if path.suffix.lower() == ".sql"]

    def _matching(self, pattern: FilePattern) -> dict[Path, FileName]:
        return {p: found for p in self._files(pattern.folder) if (found := pattern.match(p.name))}

    def _each_once(self, back: Mapping[Having, Mapping[Path, FileName]]) -> set[Path]:
        if both := sorted(set(back["down"]) & set(back["reverse"])):
            raise _error(
                "the file fits the pattern of rollback scripts and that of reversing scripts",
                where=str(both[0]),
                remedy="give `rollback` and `reverse` in [database.migrations] patterns that differ",
            )
        return {path for found in back.values() for path in found}

    def _by_number(self, ahead: Mapping[Path, FileName]) -> dict[int, Path]:
        by_number: dict[int, Path] = {}
        for path, found in ahead.items():
            if other := by_number.get(found.number):
                raise _error(
                    f"number {found.number} is taken twice: {other.name} and {path.name}",
                    where=str(path),
                    remedy="give one of them a number of its own",
                )
            by_number[found.number] = path
        if not by_number:
            raise _error(
                "there is no migration here: no file is named like 001_create_table.sql",
                where=str(self.folder),
                remedy="name the folder with the migrations as `path` in [database.migrations]",
            )
        return by_number

    def _ways(
        self, which: Having, found: Mapping[Path, FileName], by_number: Mapping[int, Path]
    ) -> dict[int, Path]:
        word = "rollback" if which == "down" else "reversing"
        ways: dict[int, Path] = {}
        for path, name in found.items():
            if name.number not in by_number:
                raise _error(
                    f"this {word} script is for migration {name.number}, which does not exist",
                    where=str(path),
                    remedy="correct the number in its name, or bring the migration back",
                )
            if other := ways.get(name.number):
                raise _error(
                    f"two {word} scripts are for migration {name.number}: {other.name} and {path.name}",
                    where=str(path),
                    remedy="keep the one that is to be used",
                )
            _expect_name(path, name, by_number[name.number])
            ways[name.number] = path
        return ways

    def _migration(
        self, path: Path, ahead: Mapping[Path, FileName], ways: Mapping[Having, Mapping[int, Path]]
    ) -> Migration:
        name = ahead[path]
        down, reverse = ways["down"].get(name.number), ways["reverse"].get(name.number)
        return Migration(
            id=path.name,
            number=name.number,
            name=name.name,
            up=_read(path),
            down=_read(down) if down else None,
            reverse=_read(reverse) if reverse else None,
        )


def _read(path: Path) -> Script:
    script = Script.read(path)
    if split(script.text).empty:
        raise _error(
            "the script holds no SQL statement",
            where=script.where(1),
            remedy="write what it has to do, or delete the file",
        )
    return script


def _expect_name(path: Path, name: FileName, migration: Path) -> None:
    said = forward(migration.name)
    if name.name and said and name.name != said.name:
        raise _error(
            f"its name says {name.name!r}, but migration {name.number} is {migration.name}",
            where=str(path),
            remedy="correct the number or the name",
        )


def gaps(numbers: Iterable[int], own: Iterable[int] = ()) -> list[str]:
    """Numbers that nothing bears; a rollback script's own number counts as taken."""
    taken = sorted({number for number in (*numbers, *own) if len(str(number)) < _STAMP_DIGITS})
    pairs = [(low + 1, high - 1) for low, high in pairwise(taken) if high - low > 1]
    return [
        f"no migration has the number {low:03}"
        if low == high
        else f"no migrations have the numbers {low:03} to {high:03}"
        for low, high in pairs
    ]


def _odd_names(files: Iterable[Path], ahead: Mapping[Path, FileName]) -> list[str]:
    said = []
    for path in files:
        if path not in ahead:
            said.append(f"{path.name} has no number in front and is ignored")
        elif _LOOKS_BACK.search(path.stem):
            said.append(
                f"{path.name} is applied forward although its name sounds like a way back: "
                "it does not fit the patterns `rollback` and `reverse`"
            )
    return said


def _error(found: str, *, where: str, remedy: str) -> MigrationError:
    return MigrationError(found, doing=_DOING, where=where, remedy=remedy)
