"""Was the guide followed, step by step?"""

from __future__ import annotations

from rollproof.checks.evidence import as_list, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@check("guide-followed", "the guide's steps were taken in their order, none left out")
def guide_followed(history: History) -> Verdict:
    """Every planned step was run to its end, or reported as done by a named person, in the plan's order.

    What a person reports is named as such: it is their word, not a measurement.
    """
    plan = need(history.last("guide.plan"), "the guide's plan")
    wanted = [str(item) for item in as_list(plan.data["items"])]
    ends = _ends(history)
    problems, unsure = [], []
    before = 0
    for item in wanted:
        end = ends.get(item)
        if end is None:
            problems.append(f"{item} was left out")
        elif end.kind is Kind.FAIL:
            problems.append(f"{item} failed: {end.data.get('found', '')}")
        elif end.kind is not Kind.OK:
            unsure.append(f"how {item} ended nobody can tell")
        elif end.seq < before:
            problems.append(f"{item} was taken before the step that comes before it")
        before = max(before, end.seq) if end is not None else before
    if problems:
        return refuted(problems[0], *lines([*problems, *unsure]), steps=len(wanted))
    if unsure:
        return unknown(unsure[0], *lines(unsure))
    if not wanted:
        return unknown("the guide had no steps for what was decided")
    hand = [
        f"done by hand, says {ends[item].data.get('user')}: {item}"
        for item in wanted
        if _by_hand(history, ends[item])
    ]
    said = proven(f"{len(wanted)} steps, {len(hand)} of them by hand", steps=len(wanted), by_hand=len(hand))
    return Verdict(said.outcome, said.reason, said.numbers, tuple(hand[:50]))


def _ends(history: History) -> dict[str, Event]:
    """How each step ended, by its id: the newest try. An end that says no id is found by its begin."""
    begun = {e.seq: str(e.data["item"]) for e in history.events if e.kind is Kind.BEGIN and "item" in e.data}
    return {
        begun[of]: event
        for event in history.events
        if event.kind not in (Kind.BEGIN, Kind.NOTE)
        and isinstance(of := event.data.get("of"), int)
        and of in begun
    }


def _by_hand(history: History, end: Event) -> bool:
    return any(e.seq == end.data.get("of") and e.data.get("status") == "by hand" for e in history.events)
