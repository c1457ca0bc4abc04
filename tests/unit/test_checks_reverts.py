"""Reverts, pushes and searches for what broke it, judged from literal histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from rollproof.checks import reverts
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
ROW: dict[str, Json] = {"path": "a.py", "expected": "100644 aa", "found": "100644 aa"}
WELL = {"health of api": "ok", "health of api says version": "v1", "booking": "ok"}
ILL = {"health of api": "ok", "health of api says version": "v2", "booking": "500"}


def branch(*rows: dict[str, Json], missing: Sequence[str] = (), kept: str = "", head: str = "c3") -> Story:
    story = Story()
    story.event(
        "branch.looked",
        head=head,
        against="c2",
        differences=story.attachments.put([*rows]),
        missing=list(missing),
        digest="tree1",
        kept=kept,
    )
    return story


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (branch(ROW), PROVEN),
        (branch(ROW, kept="tree1"), PROVEN),
        (branch(ROW, kept="tree2"), REFUTED),
        (branch(ROW, {**ROW, "found": ""}), REFUTED),
        (branch(ROW, {**ROW, "expected": ""}), REFUTED),
        (branch({**ROW, "found": "100755 aa"}), REFUTED),
        (branch(), UNKNOWN),
        (branch({**ROW, "expected": ""}), UNKNOWN),
        (Story(), UNKNOWN),
    ],
)
def test_a_revert_is_exact_only_when_every_path_is_as_it_should_be(story: Story, outcome: Outcome) -> None:
    assert story.judge(reverts.revert_exact).outcome is outcome


def pushed(*runs: tuple[str, str, str], ends: Kind = Kind.OK, head: str = "c3", late: bool = False) -> Story:
    """Runs of the pipeline: before, after, status; the last belongs to the revert."""
    story = Story()
    for number, (before, after, status) in enumerate(runs):
        last = number == len(runs) - 1
        begun = story.event("commit.roll_back" if last else "commit.push", Kind.BEGIN)
        if last and late:
            continue
        story.event("pipeline.ran", head=after, against=before, status=status, found="its test ended with 1")
        story.event(begun.act, ends if last else Kind.OK, of=begun.seq, found="it failed")
    story.event("branch.looked", head=head, missing=[])
    return story


FIRST, SECOND, THIRD = ("0", "c1", "deployed"), ("c1", "c2", "deployed"), ("c2", "c3", "deployed")


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (pushed(FIRST, SECOND, THIRD), PROVEN),
        (pushed(FIRST, SECOND, ("c2", "c3", "failed")), REFUTED),
        (pushed(FIRST, THIRD), REFUTED),
        (pushed(FIRST, SECOND, THIRD, head="c4"), REFUTED),
        (pushed(FIRST, SECOND, THIRD, late=True), REFUTED),
        (pushed(FIRST, SECOND, THIRD, ends=Kind.FAIL), REFUTED),
        (pushed(FIRST, SECOND, THIRD, ends=Kind.UNKNOWN), UNKNOWN),
        (Story(), UNKNOWN),
    ],
)
def test_each_push_counts_as_deployed_only_when_the_chain_of_runs_has_no_gap(
    story: Story, outcome: Outcome
) -> None:
    assert story.judge(reverts.push_deployed).outcome is outcome


def test_a_commit_that_was_pushed_and_is_gone_says_that_history_was_rewritten() -> None:
    story = branch(ROW, missing=["c2"])
    story.event("pipeline.ran", head="c2", against="c1", status="deployed")
    assert story.judge(reverts.history_kept).outcome is REFUTED
    story.event("branch.looked", head="c3", missing=[])
    assert story.judge(reverts.history_kept).outcome is PROVEN
    assert branch(ROW).judge(reverts.history_kept).outcome is UNKNOWN


def served(
    now: Mapping[str, str],
    *,
    trees: Mapping[str, str],
    good: Mapping[str, str] = WELL,
    bad: Mapping[str, str] = ILL,
) -> Story:
    story = Story()
    put = story.attachments.put
    story.event(
        "service.looked",
        versions=dict(trees),
        digest="tree1",
        found=put(dict(now)),
        kept=put(dict(good)),
        against=put(dict(bad)),
    )
    return story


SEEN, UNSEEN = {"api": "tree1"}, {"api": ""}
COUNTED = {**WELL, "health of api says migrations": "#9"}


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (served(WELL, trees=SEEN), PROVEN),
        (served(WELL, trees=UNSEEN), PROVEN),
        (served(WELL, trees={}), PROVEN),
        (served(WELL, trees={"api": "tree2"}), REFUTED),
        (served(ILL, trees=SEEN), REFUTED),
        (served({**WELL, "booking": "500"}, trees=SEEN), REFUTED),
        (served({**WELL, "health of api says version": "v2"}, trees=SEEN), REFUTED),
        (served({"health of api": "ok"}, trees=SEEN), REFUTED),
        (served(WELL, trees=UNSEEN, good=WELL, bad=WELL), UNKNOWN),
        (served(WELL, trees=SEEN, good=WELL, bad=WELL), PROVEN),
        (served(WELL, trees=SEEN, good={}), UNKNOWN),
        (served({**COUNTED, "health of api says migrations": "#10"}, trees=SEEN, good=COUNTED), PROVEN),
        (served({**WELL, "booking": "differs"}, trees=SEEN), UNKNOWN),
    ],
)
def test_what_serves_is_told_by_its_process_or_by_its_answers(story: Story, outcome: Outcome) -> None:
    assert story.judge(reverts.reverted_code_serves).outcome is outcome


@pytest.mark.parametrize(
    ("migrations", "missing", "facts", "outcome"),
    [
        (["0001"], [], {"health of api": "ok"}, PROVEN),
        ([], [], {"health of api": "ok"}, PROVEN),
        (["0001"], ["0001"], {"health of api": "ok"}, REFUTED),
        (["0001"], [], {"health of api": "503"}, REFUTED),
        (["0001"], [], {}, UNKNOWN),
    ],
)
def test_the_schema_fits_the_code_when_nothing_is_missing_and_the_code_works(
    migrations: list[Json], missing: list[Json], facts: dict[str, Json], outcome: Outcome
) -> None:
    story = Story()
    found = story.attachments.put(facts)
    story.event("schema.looked", migrations=migrations, missing=missing, found=found)
    assert story.judge(reverts.schema_for_code).outcome is outcome


def searched(**found: Json) -> Story:
    story = Story()
    story.event("incident.fault", head="c5")
    whole: dict[str, Json] = {
        "outcome": "found",
        "item": "c5",
        "against": "c4",
        "versions": {"c4": "well", "c5": "ill"},
        "items": ["c5 ill"],
        "count": 6,
        "attempts": 6,
    }
    story.act("culprit.find", **{**whole, **found})
    return story


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (searched(), PROVEN),
        (searched(item="c6", against="c5"), REFUTED),
        (searched(outcome="unknown", reason="nothing is answered badly"), UNKNOWN),
        (searched(versions={"c5": "ill"}), UNKNOWN),
        (searched(versions={"c4": "cannot be run", "c5": "ill"}), UNKNOWN),
        (Story(), UNKNOWN),
    ],
)
def test_the_commit_is_named_only_when_it_and_the_one_before_were_asked(
    story: Story, outcome: Outcome
) -> None:
    assert story.judge(reverts.culprit_named).outcome is outcome


def test_what_was_seen_before_the_revert_says_nothing_of_it() -> None:
    story = branch(ROW)
    story.act("commit.roll_back")
    for check in (reverts.revert_exact, reverts.history_kept, reverts.push_deployed):
        assert story.judge(check).outcome is UNKNOWN
