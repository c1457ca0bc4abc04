"""Reports say which copy a drill worked on, how old it is, and what it lacks."""

from __future__ import annotations

from typing import Any

from histories import Story

from rollproof.evidence import as_text, closing_panel, render_verdicts, summarise
from rollproof.evidence.copies import copies_of
from rollproof.evidence.limits import limits_of
from rollproof.journal import Kind

LOADED: dict[str, Any] = {
    "name": "s3://kept/shop/2026-11-22.dump",
    "bytes": 3_100_000,
    "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "facts": {
        "format": "custom",
        "taken": "2026-11-22T03:00:00+00:00",
        "age_seconds": 54_042.5,
        "marked production": False,
    },
    "rows": 52,
    "left_out": [],
    "count": 0,
}
WHAT = (
    "a copy restored from backup s3://kept/shop/2026-11-22.dump (custom, 3.1 MB, sha256:0123456789ab…)"
    " of 2026-11-22 03:00 UTC"
)


def loaded(**more: Any) -> Story:
    story = Story()
    story.act("template.load", **{**LOADED, **more})
    return story


def test_a_copy_of_a_backup_is_named_with_its_age_and_its_rows() -> None:
    [copy] = copies_of(loaded().history)
    assert copy.what == WHAT
    assert copy.but == "the rows are those of 2026-11-22 03:00 UTC, 15 h before: 52 rows"


def test_what_a_backup_lacks_is_said() -> None:
    facts = {**LOADED["facts"], "marked production": True}
    [copy] = copies_of(loaded(left_out=["shop.audit"], count=1, facts=facts).history)
    assert "the backup was taken without the rows of 1 table: shop.audit" in copy.but
    assert copy.but.endswith("it bears production's mark")


def test_workers_that_restore_the_same_backup_say_it_once() -> None:
    story = loaded()
    later = {**LOADED["facts"], "age_seconds": 54_043.9}
    story.act("template.load", **{**LOADED, "facts": later})
    assert len(copies_of(story.history)) == 1


def test_a_copy_that_was_not_made_is_not_spoken_of() -> None:
    story = Story()
    story.act("template.load", Kind.FAIL, **LOADED)
    story.act("cluster.clone", None)
    assert copies_of(story.history) == ()


def test_a_cluster_is_named_and_not_the_databases_in_it() -> None:
    story = Story()
    story.act("cluster.clone", sources=["shop-staging"], facts={})
    story.act("template.clone")
    [copy] = copies_of(story.history)
    assert copy.what.startswith("a clone of Aurora cluster shop-staging, made at")
    assert copy.but == ""
    story = Story()
    taken = {"taken": "2026-11-22T03:00:00+00:00"}
    story.act("cluster.clone", sources=["rds:shop-2026-11-22-03-00"], facts=taken)
    [copy] = copies_of(story.history)
    assert copy.what == "a cluster restored from snapshot rds:shop-2026-11-22-03-00 of 2026-11-22 03:00 UTC"
    assert copy.but == "the rows are those of 2026-11-22 03:00 UTC"


def test_every_report_says_it() -> None:
    """The terminal and the facts of the environment, which all others show, and the exceptions."""
    summary = summarise(loaded().history)
    assert summary.facts.environment_facts["worked on"] == WHAT
    assert WHAT[:60] in " ".join(as_text(closing_panel(summary), width=300).split())
    assert WHAT.encode()[:60] in render_verdicts(summary)
    assert [(one.kind, one.what) for one in limits_of(summary)] == [("copy", WHAT)]
