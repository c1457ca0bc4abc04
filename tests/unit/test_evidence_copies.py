"""Reports say which copy a drill worked on, how old it is, and what it lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from histories import Story

from rollproof.environments.staging import said
from rollproof.evidence import as_text, closing_panel, render_verdicts, summarise
from rollproof.evidence.copies import copies_of
from rollproof.evidence.limits import limits_of
from rollproof.journal import Kind
from rollproof.model.workingcopy import WorkingCopy

TAKEN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
WHAT = said.restored(
    "s3://kept/shop.dump", form="custom", size=3_100_000, digest=f"sha256:{'0123' * 16}", taken=TAKEN
)
BUT = said.rows_of(TAKEN, 54_042.5, 52, (), marked=False)


def test_a_copy_of_a_backup_is_named_with_its_age_and_its_rows() -> None:
    assert WHAT == (
        "a copy restored from backup s3://kept/shop.dump (custom, 3,100,000 bytes, sha256:012301230123…)"
        " of 2026-11-22 03:00 UTC"
    )
    assert BUT == "the rows are those of 2026-11-22 03:00 UTC, 15 h before: 52 in all"


def test_what_a_backup_lacks_is_said() -> None:
    text = said.rows_of(TAKEN, 5, 1, ["shop.audit"], marked=True)
    assert "less than a minute before: 1 in all" in text
    assert "taken without the rows of shop.audit (1 in all)" in text
    assert text.endswith("it bears production's mark")
    assert said.rows_of(TAKEN, 61, 1, list("abcdefg"), marked=False).endswith("a, b, c, d, e, … (7 in all)")


def told(*copies: WorkingCopy) -> Story:
    story = Story()
    for copy in copies:
        story.event("database.origin", found=copy.what, reason=copy.but)
    return story


def test_workers_that_restore_the_same_backup_say_it_once() -> None:
    some = [said.rows_of(TAKEN, age, 52, (), marked=False) for age in (54_042.5, 54_043.9)]
    assert len(copies_of(told(*(WorkingCopy(WHAT, but) for but in some)).history)) == 1


def test_a_copy_that_no_scenario_began_with_is_not_spoken_of() -> None:
    """A scenario at an older release works on what the migrations made; then nothing claims otherwise."""
    story = told(said.MADE)
    story.act("template.load", found=WHAT, reason=BUT)
    assert copies_of(story.history) == (said.MADE,)
    [limit] = limits_of(summarise(story.history))
    assert "it is no copy" in limit.why


def test_a_cluster_is_named_and_so_is_the_clone_in_it() -> None:
    story = Story()
    story.act("cluster.clone", Kind.FAIL, found="it is in failed")
    story.act("cluster.clone", found=said.cluster("shop-staging", TAKEN), reason="")
    clone = said.cloned("shop", "template", TAKEN, cluster="rollproof-1")
    story.event("database.origin", found=clone.what, reason=clone.but)
    one, other = copies_of(story.history)
    assert one.what == "a clone of Aurora cluster shop-staging, made at 2026-11-22 03:00 UTC"
    assert other.what == (
        "a clone of database shop in cluster rollproof-1, made file by file at 2026-11-22 03:00 UTC"
    )


def test_a_clone_and_a_snapshot_are_named_as_what_they_are() -> None:
    assert said.cloned("shop", "dump", TAKEN).what.endswith("shop, made by pg_dump at 2026-11-22 03:00 UTC")
    assert said.from_snapshot("shop", "rds:shop-1", TAKEN).endswith(
        "snapshot rds:shop-1 of 2026-11-22 03:00 UTC"
    )


def test_every_report_says_it() -> None:
    """The terminal and the facts of the environment, which all others show, and the exceptions."""
    summary = summarise(told(WorkingCopy(WHAT, BUT)).history)
    assert summary.facts.environment_facts["worked on"] == WHAT
    assert WHAT[:60] in " ".join(as_text(closing_panel(summary), width=300).split())
    assert WHAT.encode()[:60] in render_verdicts(summary)
    assert [(one.kind, one.what, one.why) for one in limits_of(summary)] == [("copy", WHAT, BUT)]


def test_a_clone_of_the_place_itself_is_no_exception() -> None:
    summary = summarise(told(said.cloned("shop", "template", TAKEN)).history)
    assert "a clone of database shop" in summary.facts.environment_facts["worked on"]
    assert limits_of(summary) == ()


def test_each_scenario_says_what_it_worked_on() -> None:
    story = told(WorkingCopy(WHAT, BUT))
    story.events.insert(0, replace(story.event("scenario.started", scenario=story.scenario), mono_ns=0))
    story.events.pop()
    [scenario] = summarise(story.history).scenarios
    assert scenario.copies == (WorkingCopy(WHAT, BUT),)
    verdicts = json.loads(render_verdicts(summarise(story.history)))
    assert verdicts["scenarios"][0]["worked_on"] == [{"what": WHAT, "but": BUT}]
