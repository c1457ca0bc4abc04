"""Is what the ledger lists as applied what was applied?"""

from __future__ import annotations

from collections.abc import Iterator

from rollproof.checks.evidence import as_list, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown


@check(
    "ledger-true", "the list agrees with the ledger, the files and the schema", answers=("migration.list",)
)
def ledger_true(history: History) -> Verdict:
    """Each listed migration has a file and a row, each row is listed, and the schema is theirs."""
    event = _listed(history)
    findings = list(_lies(event))
    applied, missing = as_list(event.data["items"]), as_list(event.data["missing"])
    if findings:
        return refuted("the ledger does not say what is so", *lines(findings), applied=len(applied))
    if not applied:
        return unknown("nothing is applied, so there is nothing to compare")
    said = f"{len(applied)} applied, {len(missing)} not: as the ledger's rows, the files and the schema say"
    return proven(said, applied=len(applied), missing=len(missing))


@check("lie-found", "a ledger that lies is found out", answers=("migration.list",))
def lie_found(history: History) -> Verdict:
    """Holding the list against rows, files and schema shows that it is not true."""
    findings = list(_lies(_listed(history)))
    if not findings:
        return refuted("the ledger lies, and nothing shows it")
    return Verdict(Outcome.PROVEN, f"found: {findings[0]}", {"findings": len(findings)}, lines(findings))


def _listed(history: History) -> Event:
    return need(history.last("migration.listed", Kind.NOTE), "what is applied")


def _lies(event: Event) -> Iterator[str]:
    said = (
        ("left_out", "listed, and there is no file: {}"),
        ("unread", "in the ledger, and not listed: {}"),
        ("lost", "listed, and not in the ledger: {}"),
        ("differences", "the schema is not that of what is listed: {}"),
    )
    for key, words in said:
        yield from (words.format(item) for item in as_list(event.data[key]))
