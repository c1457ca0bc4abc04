"""Judging a sealed run again: a verdict that the recorded events do not support is not evidence.

The files' digests tell that nobody changed a journal after it was sealed. They cannot tell that whoever
sealed it recorded "proven" where the events beside it say otherwise; the checks can.
"""

from __future__ import annotations

from rollproof import __version__
from rollproof.journal import History
from rollproof.model.verdict import Outcome
from rollproof.seal.renderer import renderer
from rollproof.seal.result import Reason, Verification


def check_judged(history: History, found: Verification) -> None:
    """Findings where a verdict comes out otherwise, and where more was sealed than was recorded.

    Another version may judge otherwise for good reasons: what only that may explain is a note.
    """
    _expect_no_better(history, found)
    try:
        from rollproof.checks.judging import judge_again

        judged = judge_again(history)
    except Exception as error:  # noqa: BLE001  whatever a forged journal makes a check do
        found.add(Reason.JUDGED, "", f"its verdicts cannot be judged again ({type(error).__name__})")
        return
    for one in judged:
        if one.again.outcome is one.recorded:
            continue
        said = f"recorded {one.recorded.value}, judged again {one.again.outcome.value}: {one.again.reason}"
        if _same_code(found) and not one.unjudgeable:
            found.add(Reason.JUDGED, f"{one.scenario}, {one.check}", said)
        else:
            found.notes.append(f"{one.scenario}, {one.check}: {said}")


def _expect_no_better(history: History, found: Verification) -> None:
    """Whatever the version: a run that holds a refuted verdict is not proven."""
    assert found.statement is not None
    refuted = [
        event.actor for event in history.all("verify") if event.data.get("outcome") == Outcome.REFUTED.value
    ]
    if refuted and found.statement.outcome != Outcome.REFUTED.value:
        told = f"{found.statement.outcome} was sealed, the journal has a refuted verdict of {refuted[0]}"
        found.add(Reason.OUTCOME, "", told)


def _same_code(found: Verification) -> bool:
    assert found.statement is not None
    return (found.statement.rollproof, found.statement.renderer) == (__version__, renderer())
