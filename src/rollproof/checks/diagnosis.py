"""Was the cause found, and by evidence that agrees?"""

from __future__ import annotations

from rollproof.checks.evidence import as_list, as_object, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

SOURCES = ("ledger", "files", "schema")
"""Each says on its own which migrations are missing."""


@check("missing-migration-named", "the diagnosis names the missing migration")
def missing_migration_named(history: History, *, migration: str) -> Verdict:
    """Ledger, files and schema were compared, and each says that exactly this migration is missing."""
    named = _sources(history.first("diagnose", Kind.OK))
    wrong = [f"{name} says {_say(value)}" for name, value in named.items() if value != [migration]]
    if wrong:
        return refuted(f"not all of the evidence names {migration}", *lines(wrong))
    if missing := [source for source in SOURCES if source not in named]:
        return refuted(
            "the diagnosis did not look everywhere", *lines(f"not looked at: {m}" for m in missing)
        )
    return proven(f"ledger, files and schema all name {migration}", sources=len(named))


@check("nothing-missing", "no migration is missing any more", sees=("diagnosis",))
def nothing_missing(history: History) -> Verdict:
    """After the remedy, ledger, files and schema agree that everything is applied."""
    named = _sources(history.last("diagnose", Kind.OK))
    if left := [f"{name} says {_say(value)}" for name, value in named.items() if value]:
        return refuted("something is still missing", *lines(left))
    if missing := [source for source in SOURCES if source not in named]:
        return unknown(
            "the diagnosis did not look everywhere", *lines(f"not looked at: {m}" for m in missing)
        )
    return proven("ledger, files and schema agree", sources=len(named))


def _sources(diagnosis: Event | None) -> dict[str, list[Json]]:
    """What each source says is missing."""
    said = as_object(need(diagnosis, "a diagnosis").data.get("sources"))
    return {name: as_list(value) for name, value in said.items()}


def _say(missing: list[Json]) -> str:
    return f"that {', '.join(map(str, missing))} is missing" if missing else "that nothing is missing"
