"""Every check as such: what it says of nothing, what becomes of a crash, and judging again."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollproof.checks import all_checks
from rollproof.checks.database import schema_restored
from rollproof.checks.evidence import MOST_FINDINGS, lines, same_table
from rollproof.checks.judging import judge_again
from rollproof.checks.registry import Check, check
from rollproof.checks.writes import no_acknowledged_write_lost
from rollproof.drill.drill import record_verdict
from rollproof.errors import JournalError
from rollproof.journal import History, Journal, Kind, Recorder, read_journal
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome, Verdict, proven, unknown
from tests.unit.histories import Story, differs

PARAMS: dict[str, dict[str, Json]] = {
    "ledger-clean": {"migration": "023"},
    "missing-migration-named": {"migration": "023"},
    "rollback-refused": {"because": "the backup is empty"},
    "within-rto": {"objective_seconds": 900},
}


@pytest.mark.parametrize("one", all_checks().values(), ids=lambda c: c.id)
def test_no_check_proves_anything_by_an_empty_history(one: Check) -> None:
    expected = Outcome.REFUTED if one.id == "procedure-in-order" else Outcome.UNKNOWN
    assert one.judge(History([]), PARAMS.get(one.id, {})).outcome is expected


@pytest.mark.parametrize("one", all_checks().values(), ids=lambda c: c.id)
def test_no_check_proves_anything_by_events_without_data(one: Check) -> None:
    """Every act that a check may look for, begun and ended, and not a word of what came of it."""
    told = ("observe", "observe.compare", "observe.writes", "observe.sequences", "observe.ledger")
    story = Story()
    for act in told:
        for label in ("before", "deployed", "after", "reapplied"):
            story.event(act, label=label, against="before")
    for act in ("traffic.finished", "incident.fault", "migration.kind"):
        story.event(act)
    for act in ("backup.take", "backup.verify", "diagnose", "history.walk", "migration.reapply"):
        story.act(act)
    for act in ("writes.revoke", "writes.grant", "service.verify"):
        story.act(act)
    assert one.judge(story.history, PARAMS.get(one.id, {})).outcome is not Outcome.PROVEN


@pytest.mark.parametrize("one", all_checks().values(), ids=lambda c: c.id)
def test_a_parameter_that_no_check_knows_is_unknown_and_no_crash(one: Check) -> None:
    assert one.judge(History([]), {"nonsense": 1}).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("one", all_checks().values(), ids=lambda c: c.id)
def test_every_check_is_called_by_its_claim(one: Check) -> None:
    assert one.title
    assert not one.title.endswith(".")
    assert one.id == one.id.lower()
    assert one.function.__doc__


def test_two_checks_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two checks are called schema-restored"):
        check("schema-restored", "again")(lambda history: proven("x"))


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError(), KeyError("x"), RecursionError(), JournalError("it is gone"), AssertionError()],
)
def test_a_check_that_crashes_is_unknown(error: Exception) -> None:
    def crash(history: History) -> Verdict:
        raise error

    assert Check("x", "x", crash).judge(History([]), {}).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.b", "a.b", True),
        ("a.b", 'a."b"', True),
        ("public.order", 'public."order"', True),
        ("public.Order", 'public."Order"', True),
        ("public.order", 'public."Order"', False),
        ('a."b.c"', "a.b.c", False),
        ('a."b""c"', 'a."b""c"', True),
        ("a.b", "a.c", False),
        ("a.b", "b", False),
        ("a.b", "", False),
    ],
)
def test_a_table_has_one_name_however_it_is_quoted(one: str, other: str, same: bool) -> None:
    assert same_table(one, other) is same
    assert same_table(other, one) is same


def test_a_long_list_of_findings_ends_with_how_many_more_there_are() -> None:
    assert lines(range(MOST_FINDINGS)) == tuple(map(str, range(MOST_FINDINGS)))
    said = lines(range(MOST_FINDINGS + 7))
    assert len(said) == MOST_FINDINGS + 1
    assert said[-1] == "… and 7 more"


class TestJudgingAgain:
    @staticmethod
    def told(folder: Path, *, tamper: bool = False) -> History:
        """A scenario: compared, verified; something done; compared, verified again."""
        with Journal(folder / "journal.ndjson", run="r1") as journal:
            recorder = Recorder(journal, "a::b")
            put = journal.attachments.put
            facts: Json = [["table", "a.b", {}, ""]]
            recorder.note("observe", {"label": "before", "fingerprint": put(facts), "count": 1})
            for differences in ([], [differs().to_json()]):
                told: dict[str, Json] = {"label": "after", "against": "before"}
                refs: dict[str, Json] = {"differences": put(differences), "changes": put([])}
                recorder.note("observe.compare", told | refs)
                record_verdict(recorder, schema_restored, schema_restored.judge(recorder.history, {}), {})
        if tamper:
            for path in (folder / "attachments").iterdir():
                path.write_bytes(path.read_bytes() + b" ")
        return read_journal(folder / "journal.ndjson")

    def test_each_verdict_is_judged_by_what_was_known_then(self, tmp_path: Path) -> None:
        judged = judge_again(self.told(tmp_path))
        assert [(one.recorded, one.again.outcome) for one in judged] == [
            (Outcome.PROVEN, Outcome.PROVEN),
            (Outcome.REFUTED, Outcome.REFUTED),
        ]
        assert {one.scenario for one in judged} == {"a::b"}

    def test_altered_attachments_leave_nothing_to_judge_by(self, tmp_path: Path) -> None:
        judged = judge_again(self.told(tmp_path, tamper=True))
        assert {one.again.outcome for one in judged} == {Outcome.UNKNOWN}
        assert "does not match its digest" in judged[0].again.reason

    def test_a_verdict_that_was_recorded_wrongly_comes_out_otherwise(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "journal.ndjson", run="r1") as journal:
            record_verdict(Recorder(journal, "a::b"), no_acknowledged_write_lost, proven("trust me"), {})
        (one,) = judge_again(read_journal(tmp_path / "journal.ndjson"))
        assert (one.recorded, one.again.outcome) == (Outcome.PROVEN, Outcome.UNKNOWN)

    def test_a_check_that_this_version_does_not_have_is_unknown(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "journal.ndjson", run="r1") as journal:
            stranger = Check("of-another-version", "x", lambda history: proven("x"))
            record_verdict(Recorder(journal, "a::b"), stranger, proven("x"), {})
        (one,) = judge_again(read_journal(tmp_path / "journal.ndjson"))
        assert one.again.outcome is Outcome.UNKNOWN
        assert "of-another-version" in one.again.reason

    def test_what_could_not_be_observed_then_is_not_judged_by_an_earlier_observation(
        self, tmp_path: Path
    ) -> None:
        self.told(tmp_path)
        with Journal.reopen(tmp_path / "journal.ndjson") as journal:
            recorder = Recorder(journal, "a::b")
            blind = unknown("what this check needs could not be observed: the server is gone")
            record_verdict(recorder, schema_restored, blind, {}, seen=False)
        last = judge_again(read_journal(tmp_path / "journal.ndjson"))[-1]
        assert (last.recorded, last.again) == (Outcome.UNKNOWN, blind)

    def test_other_scenarios_do_not_count(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "journal.ndjson", run="r1") as journal:
            Recorder(journal, "a::other").note("migration.kind", {"migration": "1", "disagreement": "x"})
            record_verdict(Recorder(journal, "a::b"), all_checks()["kinds-agree"], unknown("none"), {})
        (one,) = judge_again(read_journal(tmp_path / "journal.ndjson"))
        assert one.again.outcome is Outcome.UNKNOWN

    def test_kinds_of_recorded_events_say_the_verdict(self, tmp_path: Path) -> None:
        history = self.told(tmp_path)
        assert [event.kind for event in history.all("verify")] == [Kind.OK, Kind.FAIL]
