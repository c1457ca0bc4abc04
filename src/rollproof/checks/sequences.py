"""Will sequences hand out values that are in use?"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, comparison, labelled, lines, need, observation
from rollproof.checks.registry import check
from rollproof.journal import Event, History
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@check("sequences-safe", "sequences continue where they stood", sees=("database",))
def sequences_safe(history: History, *, against: str = "before") -> Verdict:
    """No sequence stands behind a value that its column holds, and none went back.

    What stood behind already before is named, not refuted: the rollback did not bring it about.
    """
    event = need(labelled(history, "observe.sequences", "after"), "where the sequences stand")
    earlier = _behind(labelled(history, "observe.sequences", against))
    behind = _behind(event)
    declared = _declared(history, against)
    moved = [d for d in comparison(history, "after", against).differences if _went_back(d, declared)]
    new = [said for pair, said in behind.items() if pair not in earlier]
    old = [f"{said}; so it was {against}" for pair, said in behind.items() if pair in earlier]
    count = event.data.get("count")
    if new or moved:
        findings = [*new, *map(str, moved)]
        said = f"{len(findings)} sequence{'s' if len(findings) > 1 else ''} would hand out values again"
        return refuted(said, *lines([*findings, *old]), sequences=count)
    if not count:
        return unknown("the database has no sequences to judge")
    verdict = proven("no sequence went back or came to stand behind its column", sequences=count)
    return Verdict(verdict.outcome, verdict.reason, verdict.numbers, lines(old))


def _behind(event: Event | None) -> dict[tuple[str, ...], str]:
    """What stands behind: sequence and column, and the finding in words."""
    if event is None:
        return {}
    findings = [str(finding) for finding in as_list(event.data.get("findings", []))]
    pairs = as_list(event.data.get("items", [[finding] for finding in findings]))
    return {tuple(map(str, as_list(pair))): finding for pair, finding in zip(pairs, findings, strict=True)}


def _declared(history: History, label: str) -> dict[str, Mapping[str, Json]]:
    """Each sequence as it was declared."""
    facts = as_list(history.attachment(observation(history, label).data["fingerprint"]))
    named = [as_list(fact) for fact in facts]
    return {str(name): as_object(said) for kind, name, said, *_ in named if kind == "sequence"}


def _went_back(difference: Difference, declared: Mapping[str, Mapping[str, Json]]) -> bool:
    """Whether a sequence hands out next what it has handed out; one that cycles may."""
    if difference.klass is not DifferenceClass.SEQUENCE_STATE or difference.attribute != "next value":
        return False
    sequence = declared.get(difference.name, {})
    if sequence.get("cycle"):
        return False
    moved = int(str(difference.after)) - int(str(difference.before))  # texts beyond 2^53
    return moved * int(str(sequence.get("increment", 1))) < 0
