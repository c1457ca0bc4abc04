"""Items that are lost and restored, judged on literal histories."""

from __future__ import annotations

from rollproof.checks.tables import items_given_up_named, items_restored, table_writes_stopped
from rollproof.journal import Kind
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN


def compared(
    story: Story, label: str, against: str, *, count: int = 9, retyped: str = "", **keys: list[str]
) -> None:
    change = {"table": "t", "lost": [], "added": [], "changed": [], "retyped": [retyped] if retyped else []}
    story.event(
        "items.compared",
        label=label,
        against=against,
        count=count,
        changes=story.attachments.put([{**change, **keys}]),
    )


def told(**restored: list[str]) -> Story:
    """Stop, restore, allow, and the look at the end."""
    story = Story()
    story.act("table.writes.stop")
    compared(story, "restoring", "stopped")
    story.act("table.restore", lost=story.attachments.put(["#late"]))
    compared(story, "restored", "backup", **restored)
    compared(story, "restored", "before", lost=["#late"])
    compared(story, "after", "restored")
    return story


class TestItemsRestored:
    def test_is_proven_when_the_tables_held_the_backups_items_and_no_other(self) -> None:
        assert told().judge(items_restored).outcome is PROVEN

    def test_is_refuted_by_an_item_that_is_lost_changed_or_nobodys(self) -> None:
        for kind in ("lost", "changed", "added"):
            assert told(**{kind: ["#a"]}).judge(items_restored).outcome is REFUTED

    def test_is_refuted_by_an_item_that_is_lost_afterwards(self) -> None:
        story = told()
        compared(story, "after", "restored", lost=["#a"])
        assert story.judge(items_restored).outcome is REFUTED

    def test_lets_clients_write_again_afterwards(self) -> None:
        story = told()
        compared(story, "after", "restored", added=["#new"])
        assert story.judge(items_restored).outcome is PROVEN

    def test_is_unknown_when_the_backup_held_nothing_or_nobody_looked(self) -> None:
        story = told()
        compared(story, "restored", "backup", count=0)
        assert story.judge(items_restored).outcome is UNKNOWN
        assert Story().judge(items_restored).outcome is UNKNOWN

    def test_names_an_attribute_whose_type_is_another_one(self) -> None:
        story = told()
        compared(story, "restored", "backup", changed=["#a"], retyped="attribute n: N became S")
        assert any("N became S" in line for line in story.judge(items_restored).findings)


class TestGivenUp:
    def test_is_proven_when_every_item_that_is_gone_is_on_the_restores_list(self) -> None:
        assert told().judge(items_given_up_named).outcome is PROVEN

    def test_is_refuted_by_one_that_is_not(self) -> None:
        story = told()
        compared(story, "restored", "before", lost=["#late", "#other"])
        assert story.judge(items_given_up_named).outcome is REFUTED

    def test_is_refuted_by_one_that_was_there_when_writes_were_stopped(self) -> None:
        story = told()
        compared(story, "restored", "stopped", lost=["#other"])
        assert story.judge(items_given_up_named).outcome is REFUTED

    def test_is_unknown_when_nothing_could_be_given_up_or_the_restore_failed(self) -> None:
        story = told()
        compared(story, "restored", "before")
        assert story.judge(items_given_up_named).outcome is UNKNOWN
        story.act("table.restore", Kind.FAIL, found="no")
        assert story.judge(items_given_up_named).outcome is UNKNOWN


class TestWritesStopped:
    def test_is_proven_when_no_item_changed_between_the_stop_and_the_restore(self) -> None:
        assert told().judge(table_writes_stopped).outcome is PROVEN

    def test_is_refuted_when_one_did(self) -> None:
        story = told()
        compared(story, "restoring", "stopped", added=["#a"])
        assert story.judge(table_writes_stopped).outcome is REFUTED

    def test_is_unknown_when_nobody_looked(self) -> None:
        story = Story()
        story.act("table.writes.stop")
        assert story.judge(table_writes_stopped).outcome is UNKNOWN
