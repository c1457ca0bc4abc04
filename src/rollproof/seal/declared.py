"""What a seal says of a run, held against the run's own journal: whose it is, which one, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from rollproof.evidence.reading import text
from rollproof.evidence.standing.earlier import earlier_of
from rollproof.journal import History
from rollproof.seal.layout import SEAL
from rollproof.seal.result import Reason, Verification

APART = timedelta(hours=1)
"""what two clocks may differ by before anything is said of it"""


def operators_of(history: History) -> frozenset[str]:
    """Who ran it, as each of its parts recorded; nobody for a journal that does not tell."""
    return frozenset(filter(None, (text(began.data, "operator") for began in history.all("run.started"))))


def check_declared(history: History, found: Verification) -> None:
    """Whoever seals could write another name over a run: to review it, or to have it pass for a new one."""
    assert found.statement is not None
    said = found.statement
    found.operators = operators_of(history) | {said.operator}
    if history.events and history.events[0].run != said.run:
        told = f"it says that this is run {said.run}, the journal is of {history.events[0].run}"
        found.add(Reason.DISAGREES, SEAL, told)
    known = operators_of(history)
    if known and said.operator not in known:
        told = f"it says that {said.operator} ran it, the journal says {', '.join(sorted(known))}"
        found.add(Reason.DISAGREES, SEAL, told)
    found.ledger = earlier_of(history).ledger
    _signer(history, found)
    _time(history, found)


def _signer(history: History, found: Verification) -> None:
    """A run says at its beginning who will sign; whoever takes the signature away must rewrite it all."""
    assert found.statement is not None
    started = history.first("run.started")
    seal = started.data.get("seal") if started else None
    keyid = seal.get("keyid") if isinstance(seal, Mapping) else None
    if not isinstance(keyid, str):
        return
    if found.statement.key is None:
        found.add(Reason.STRIPPED, SEAL, f"the journal says that key {keyid[:16]}… was to sign")
    elif found.statement.key.keyid != keyid:
        found.notes.append(f"the journal says that another key was to sign, {keyid[:16]}…")


def _time(history: History, found: Verification) -> None:
    assert found.statement is not None
    sealed = moment_of(found.statement.sealed_at)
    if sealed is None:
        found.notes.append("the seal does not say when it was made")
        return
    ended = max(filter(None, (moment_of(event.at) for event in history.events[-1:])), default=None)
    if ended is not None and ended - sealed > APART:
        found.notes.append(f"the seal is {ended - sealed} older than the end of its run: a clock went back")


def moment_of(stamp: str) -> datetime | None:
    """None for what is no time with its offset; somebody else may have written anything."""
    try:
        found = datetime.fromisoformat(stamp)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
