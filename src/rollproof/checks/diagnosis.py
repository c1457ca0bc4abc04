"""Was the cause found, and by evidence that agrees?"""

from __future__ import annotations

from rollproof.checks.evidence import lines, need
from rollproof.checks.registry import check
from rollproof.journal import History, Kind
from rollproof.model.verdict import Verdict, proven, refuted


@check("missing-migration-named", "the diagnosis names the missing migration")
def missing_migration_named(history: History, *, migration: str) -> Verdict:
    """Ledger, files and schema were compared, and each says that exactly this migration is missing."""
    event = need(history.first("diagnose", Kind.OK), "a diagnosis")
    sources = event.data.get("sources")
    named = {str(name): value for name, value in sources.items()} if isinstance(sources, dict) else {}
    wrong = [f"{name} says {_say(value)}" for name, value in named.items() if value != [migration]]
    missing = sorted({"ledger", "files", "schema"} - set(named))
    if missing:
        return refuted(
            "the diagnosis did not look everywhere", *lines(f"not looked at: {m}" for m in missing)
        )
    if wrong:
        return refuted(f"not all of the evidence names {migration}", *lines(wrong))
    return proven(f"ledger, files and schema all name {migration}", sources=len(named))


def _say(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) and value else "that nothing is missing"


@check("nothing-missing", "no migration is missing any more", sees=("diagnosis",))
def nothing_missing(history: History) -> Verdict:
    """After the remedy, ledger, files and schema agree that everything is applied."""
    event = need(history.last("diagnose", Kind.OK), "a diagnosis")
    sources = event.data.get("sources")
    left = (
        [f"{name}: {_say(v)}" for name, v in sources.items() if v]
        if isinstance(sources, dict)
        else ["unread"]
    )
    if left:
        return refuted("something is still missing", *lines(left))
    return proven("ledger, files and schema agree")
