"""Known findings that a project puts up with, in a file: only what is new fails.

    [[accepted]]
    migration = "0007_drop_legacy"
    verdict = "loses_data"
    findings = ["rows of public.users: values of legacy_id are gone"]
    reason = "The column was empty in production when it was dropped."
    date = 2026-11-22
    until = 2027-06-30

A finding that is not listed fails, whatever else of the migration is accepted. An entry whose day
has passed, and one that fits nothing any more, are told, so that the file only ever gets shorter.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rollproof.errors import BadInput
from rollproof.walk.model import Outcome, RevisionResult, WalkResult
from rollproof.walk.wording import findings

_DOING = "reading the baseline"
_HEAD = (
    "Rollbacks that are known not to be sound, and are put up with for the reasons given.",
    "Only what is not listed here fails. Take out what has been mended.",
)


class Accepted(BaseModel):
    """One migration's known findings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    migration: str
    verdict: Outcome
    findings: tuple[str, ...] = ()
    reason: Annotated[str, Field(min_length=1)]
    date: datetime.date
    until: datetime.date | None = None
    """the last day on which it holds; for ever when there is none"""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    accepted: list[Accepted] = []


@dataclass(frozen=True, slots=True)
class Baseline:
    """All that a project puts up with, and where it is written."""

    path: Path
    accepted: tuple[Accepted, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """The file. Raises BadInput, naming the entry and the key, when it is not one."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            accepted = tuple(_File.model_validate(data).accepted)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _unreadable(path, str(error)) from error
        except ValidationError as error:
            raise _unreadable(path, _mistake(error)) from error
        _refuse_twice(path, accepted)
        return cls(path, accepted)

    def apply(self, result: WalkResult, *, today: datetime.date) -> WalkResult:
        """The same result with what is accepted marked so, and a warning for each entry that is stale."""
        judged = tuple(self.judge(one, today=today) for one in result.migrations)
        warnings = [*result.warnings, *self._stale(result.migrations, today)]
        return replace(result, migrations=judged, warnings=tuple(warnings))

    def judge(self, result: RevisionResult, *, today: datetime.date) -> RevisionResult:
        """One migration's result, marked when all that is wrong with it is accepted."""
        entry = next((entry for entry in self.accepted if entry.migration == result.id), None)
        if entry is None or result.passes or entry.verdict is not result.outcome or _expired(entry, today):
            return result
        new = [text for text in findings(result) if text not in entry.findings]
        if new:
            note = f"accepted in {self.path.name}, but this is new: {'; '.join(new)}"
            return replace(result, notes=(*result.notes, note))
        return replace(result, accepted=entry.reason)

    def _stale(self, results: Sequence[RevisionResult], today: datetime.date) -> list[str]:
        by_id = {result.id: result for result in results}
        said = []
        for entry in self.accepted:
            result = by_id.get(entry.migration)
            if result is None:
                continue  # only some migrations were walked
            where = f"{self.path.name}: {entry.migration}"
            if result.passes:
                said.append(f"{where} is sound now: take its entry out")
            elif _expired(entry, today):
                said.append(f"{where} was accepted until {entry.until}, and that day has passed")
            elif entry.verdict is not result.outcome:
                said.append(
                    f"{where} was accepted as {entry.verdict.value}, now it is {result.outcome.value}"
                )
        return said


def _expired(entry: Accepted, today: datetime.date) -> bool:
    return entry.until is not None and today > entry.until


def write_baseline(path: Path, result: WalkResult, *, reason: str, today: datetime.date) -> int:
    """Adds an entry for each migration that does not pass, or renews it; how many. What else is in it stays.

    Raises:
        BadInput: no reason was given, or the file there is no baseline.
    """
    if not reason.strip():
        raise BadInput(
            "a baseline needs a reason",
            where=str(path),
            remedy='say why these findings are put up with: --reason "…"',
        )
    failing = [one for one in result.migrations if not one.passes]
    document = _document(path)
    entries = document.setdefault("accepted", tomlkit.aot())
    for one in failing:
        _drop(entries, one.id)
        entries.append(_entry(one, reason.strip(), today))
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return len(failing)


def _document(path: Path) -> tomlkit.TOMLDocument:
    if path.exists():
        Baseline.read(path)
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    document = tomlkit.document()
    for line in _HEAD:
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    return document


def _drop(entries: tomlkit.items.AoT, migration: str) -> None:
    for number in reversed(range(len(entries))):
        if entries[number]["migration"] == migration:
            del entries[number]


def _entry(result: RevisionResult, reason: str, today: datetime.date) -> tomlkit.items.Table:
    table = tomlkit.table()
    table["migration"] = result.id
    table["verdict"] = result.outcome.value
    listed = tomlkit.array()
    listed.extend(findings(result))
    table["findings"] = listed.multiline(len(listed) > 1)
    table["reason"] = reason
    table["date"] = today
    return table


def _refuse_twice(path: Path, accepted: Sequence[Accepted]) -> None:
    names = [entry.migration for entry in accepted]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _unreadable(path, f"{twice[0]} has more than one entry")


def _mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    return f"{where}: {first['msg']}"


def _unreadable(path: Path, found: str) -> BadInput:
    return BadInput(
        f"this is no baseline: {found}",
        doing=_DOING,
        where=str(path),
        remedy="mend it, or write a new one with --write-baseline",
    )
