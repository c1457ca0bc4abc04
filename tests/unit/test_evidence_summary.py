"""What a journal says is what the summary says, and never anything better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import evidence_stories as stories
import pytest
from evidence_sample import telling

from rollproof.evidence import RunSummary, render_html, render_junit, render_verdicts, summarise
from rollproof.journal import History, Kind, read_journal
from rollproof.model.verdict import Outcome, proven, refuted, unknown
from tests.unit.histories import Story


def summary_of(tell: Callable[[Path], Path], folder: Path) -> RunSummary:
    return summarise(read_journal(tell(folder) / "journal.ndjson"))


@pytest.fixture
def whole(tmp_path: Path) -> RunSummary:
    return summary_of(stories.write_whole, tmp_path)


def test_every_scenario_is_counted_once_by_its_outcome(whole: RunSummary) -> None:
    assert whole.counts == dict.fromkeys(Outcome, 1)
    assert len(whole.scenarios) == 5
    assert whole.outcome is Outcome.REFUTED
    assert whole.finished
    assert whole.problems == ()


def test_what_was_not_proven_is_listed_with_the_worst_first(whole: RunSummary) -> None:
    outcomes = [one.outcome for one in whole.not_proven]
    assert outcomes == [
        Outcome.REFUTED,
        Outcome.UNKNOWN,
        Outcome.NOT_PROVEN_HERE,
        Outcome.NOT_APPLICABLE,
    ]
    assert all(one.reason for one in whole.not_proven)


def test_the_recovery_time_runs_from_the_fault_to_the_verified_service(whole: RunSummary) -> None:
    additive = whole.scenarios[0]
    (incident,) = additive.incidents
    assert additive.rto_seconds == pytest.approx(0.664)
    assert [(phase.name, phase.seconds) for phase in incident.phases] == [
        ("detect", pytest.approx(0.18)),
        ("decide", pytest.approx(0.05)),
        ("execute", pytest.approx(0.313)),
        ("verify", pytest.approx(0.121)),
    ]
    assert sum(phase.seconds or 0 for phase in incident.phases) == pytest.approx(additive.rto_seconds)


def test_a_service_that_was_never_verified_has_no_recovery_time(whole: RunSummary) -> None:
    unsure = whole.scenarios[2]
    assert unsure.rto_seconds is None
    assert unsure.incidents[0].phases[-1].name == "decide + execute + verify"
    assert unsure.incidents[0].phases[-1].seconds is None


def test_objectives_and_recovery_point_come_from_the_journal(whole: RunSummary) -> None:
    additive = whole.scenarios[0]
    assert additive.objectives.rto_seconds == 5.0
    assert additive.objectives.source == "operations handbook, section 4"
    assert additive.rpo_seconds == 0.0
    assert whole.scenarios[1].rpo_seconds is None


def test_acts_lie_inside_their_steps_and_say_how_they_ended(whole: RunSummary) -> None:
    refuted_one = whole.scenarios[1]
    assert [step.data["name"] for step in refuted_one.steps][:2] == [
        "Given the system runs its current release",
        "When the newest destructive migration is rolled back",
    ]
    assert [act.status for act in refuted_one.rollbacks] == ["fail", "ok"]
    assert refuted_one.steps[2].verdict is Outcome.REFUTED


def test_what_healing_needs_is_not_shown(whole: RunSummary) -> None:
    assert all("undo" not in act.data for one in whole.scenarios for act in one.acts)


def test_differences_and_row_changes_come_from_the_attachments(whole: RunSummary) -> None:
    (compared,) = whole.scenarios[1].comparisons
    assert str(compared.differences[0]) == "index nigredo_leads.leads_phone_idx: missing after"
    assert compared.changes[0].lost_columns == {"phone": 11_204, "phone_verified_at": 8_330}
    assert compared.changes[1].missing_table


def test_only_the_newest_comparison_of_two_observations_counts(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        story = sample.scenario("twice", line=1)
        story.compare([], [], label="deployed")
        story.compare([], [])
        story.compare([], [stories.RowChanges("a.b", lost=1)])
    (scenario,) = summarise(read_journal(tmp_path / "journal.ndjson")).scenarios
    assert [(one.label, len(one.changes)) for one in scenario.comparisons] == [("after", 1), ("deployed", 0)]


def test_a_killed_run_says_so_and_names_where_it_was(tmp_path: Path) -> None:
    run = summary_of(stories.write_killed, tmp_path)
    assert not run.finished
    assert run.outcome is Outcome.UNKNOWN
    assert run.problems[0].startswith("this run did not finish: its journal ends with event")
    cut = run.scenarios[1]
    assert cut.outcome is Outcome.UNKNOWN
    assert cut.recorded is None
    assert cut.reason.endswith("during: migration.apply")


def test_a_run_that_was_healed_after_a_kill_did_not_finish(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        stories.additive(sample)
        sample.clock.tell(86_400)
        reason = "the run was killed; it was healed later"
        sample.journal.write("heal", Kind.NOTE, "run.finished", {"outcome": "unknown", "reason": reason})
    run = summarise(read_journal(tmp_path / "journal.ndjson"))
    assert not run.finished
    assert run.outcome is Outcome.UNKNOWN
    assert run.problems == (f"this run did not finish: {reason}",)
    assert run.facts.seconds is not None
    assert run.facts.seconds < 60


def test_every_prefix_of_a_journal_can_be_reported_and_none_is_proven(tmp_path: Path) -> None:
    stories.write_proven(tmp_path)
    history = read_journal(tmp_path / "journal.ndjson")
    for length in range(len(history.events)):
        run = summarise(History(history.events[:length], history.attachments))
        assert run.outcome is Outcome.UNKNOWN
        assert not run.finished
        for render in (render_html, render_junit, render_verdicts):
            assert render(run)
    assert summarise(history).outcome is Outcome.PROVEN


def test_what_could_not_be_undone_makes_the_run_unknown(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        stories.additive(sample)
        sample.recorder.note(
            "run.finished", {"outcome": "proven", "findings": ["database drill_1 is still there"]}
        )
    run = summarise(read_journal(tmp_path / "journal.ndjson"))
    assert run.outcome is Outcome.UNKNOWN
    assert run.problems == ("not undone: database drill_1 is still there",)


def test_a_run_without_a_claim_is_unknown(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        stories.skips(sample)
        sample.finish(Outcome.UNKNOWN)
    assert summarise(read_journal(tmp_path / "journal.ndjson")).outcome is Outcome.UNKNOWN


def test_a_worker_without_scenarios_does_not_spoil_the_others(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.recorder.note("parts.merged", {"parts": {"gw0": "0" * 64, "gw1": "1" * 64}})
        sample.start()
        sample.start()
        stories.additive(sample)
        sample.finish(Outcome.PROVEN)
        sample.finish(Outcome.UNKNOWN)
    run = summarise(read_journal(tmp_path / "journal.ndjson"))
    assert run.outcome is Outcome.PROVEN
    assert [head.part for head in run.heads] == ["", "gw0", "gw1"]


def test_one_worker_that_was_killed_leaves_the_run_unfinished(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        sample.start()
        stories.additive(sample)
        sample.finish(Outcome.PROVEN)
    run = summarise(read_journal(tmp_path / "journal.ndjson"))
    assert not run.finished
    assert run.outcome is Outcome.UNKNOWN


def _concluded_as_proven(folder: Path, tell: Callable[[stories.Story], None]) -> RunSummary:
    with telling(folder) as sample:
        sample.start()
        story = sample.scenario("It is rolled back", line=1)
        tell(story)
        story.conclude(Outcome.PROVEN, "1 checks, all proven")
        sample.finish(Outcome.PROVEN)
    return summarise(read_journal(folder / "journal.ndjson"))


def _no_check(story: stories.Story) -> None:
    pass


def _refuted_check(story: stories.Story) -> None:
    story.verify("a", "a holds", proven("it does"))
    story.verify("b", "b holds", refuted("it does not"))


def _unknown_check(story: stories.Story) -> None:
    story.verify("a", "a holds", proven("it does"))
    story.verify("b", "b holds", unknown("nobody knows"))


def _open_act(story: stories.Story) -> None:
    story.verify("a", "a holds", proven("it does"))
    story.recorder.begin("migration.apply", {})


def _failed_step(story: stories.Story) -> None:
    with story.step("Given something", ends=Kind.FAIL):
        story.verify("a", "a holds", proven("it does"))


def _failed_heal(story: stories.Story) -> None:
    story.verify("a", "a holds", proven("it does"))
    story.act("heal", {}, 0.1, ends=Kind.FAIL)


def _no_such_verdict(story: stories.Story) -> None:
    said = {
        "check": "a",
        "title": "a holds",
        "outcome": "PROVEN!",
        "reason": "",
        "numbers": {},
        "findings": [],
    }
    story.recorder.journal.write(story.recorder.actor, Kind.OK, "verify", said)


@pytest.mark.parametrize(
    ("tell", "outcome", "because"),
    [
        (_no_check, Outcome.UNKNOWN, "no check gave a verdict"),
        (_refuted_check, Outcome.REFUTED, "refuted by: b holds"),
        (_unknown_check, Outcome.UNKNOWN, "not every check says so"),
        (_open_act, Outcome.UNKNOWN, "does not say how this ended: migration.apply"),
        (_failed_step, Outcome.UNKNOWN, "this did not succeed: Given something"),
        (_failed_heal, Outcome.UNKNOWN, "this did not succeed: heal"),
        (_no_such_verdict, Outcome.UNKNOWN, "not every check says so"),
    ],
)
def test_a_scenario_concluded_as_proven_is_not_when_its_journal_speaks_against_it(
    tmp_path: Path, tell: Callable[[stories.Story], None], outcome: Outcome, because: str
) -> None:
    run = _concluded_as_proven(tmp_path, tell)
    assert run.scenarios[0].outcome is outcome
    assert run.scenarios[0].recorded is Outcome.PROVEN
    assert because in run.scenarios[0].reason
    assert run.outcome is outcome


def test_a_refuting_check_outranks_a_skip(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        story = sample.scenario("It is rolled back", line=1)
        story.verify("b", "b holds", refuted("it does not"))
        story.conclude(Outcome.NOT_PROVEN_HERE, "the emulator fakes it")
        sample.finish(Outcome.UNKNOWN)
    assert summarise(read_journal(tmp_path / "journal.ndjson")).outcome is Outcome.REFUTED


@pytest.mark.parametrize("damage", ["altered", "missing", "not JSON"])
def test_damaged_attachments_make_proven_unknown(tmp_path: Path, damage: str) -> None:
    stories.write_proven(tmp_path)
    for path in (tmp_path / "attachments").iterdir():
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(b"[]" if damage == "altered" else b"\xff{")
    run = summarise(read_journal(tmp_path / "journal.ndjson"))
    assert run.outcome is Outcome.UNKNOWN
    assert run.scenarios[0].outcome is Outcome.UNKNOWN
    assert "its evidence is damaged" in run.scenarios[0].reason
    assert run.problems


def test_a_second_attempt_does_not_hide_the_first(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        for verdict in (refuted("it does not"), proven("it does")):
            story = sample.scenario("It is rolled back", line=1)
            story.verify("b", "b holds", verdict)
            story.conclude(verdict.outcome, "")
        sample.finish(Outcome.PROVEN)
    run = summarise(read_journal(tmp_path / "journal.ndjson"))
    assert [(one.attempt, one.outcome) for one in run.scenarios] == [
        (1, Outcome.REFUTED),
        (2, Outcome.PROVEN),
    ]
    assert run.outcome is Outcome.REFUTED


def test_what_clients_did_is_counted_and_placed_in_time(whole: RunSummary) -> None:
    traffic = whole.scenarios[0].traffic
    assert traffic is not None
    assert traffic.writes + traffic.reads == len(traffic.operations)
    assert traffic.acknowledged + traffic.failed + traffic.indeterminate == len(traffic.operations)
    assert all(0 <= one.at <= whole.scenarios[0].seconds for one in traffic.operations)


def test_operations_in_an_unknown_form_are_damaged_evidence(tmp_path: Path) -> None:
    with telling(tmp_path) as sample:
        sample.start()
        story = sample.scenario("It is rolled back", line=1)
        story.recorder.note("traffic.finished", {"operations": [1, 2, 3], "writes": 3})
        story.verify("a", "a holds", proven("it does"))
        story.conclude(Outcome.PROVEN, "1 checks, all proven")
        sample.finish(Outcome.PROVEN)
    run = summarise(read_journal(tmp_path / "journal.ndjson"))
    assert run.outcome is Outcome.UNKNOWN


def test_an_empty_history_is_unknown_and_can_be_reported() -> None:
    run = summarise(History([]))
    assert run.outcome is Outcome.UNKNOWN
    assert not run.finished
    assert "No drill was judged" in render_html(run)


def test_what_a_scenario_relies_on_is_told_with_what_was_found() -> None:
    story = Story()
    story.event("scenario.started", scenario="a.feature::b", system=["shop"])
    story.event("fidelity.relied", name="weighted-alias", outcome="holds", found="split 9 to 1")
    story.event("provided", name="a caching edge", found="the endpoint never caches")
    (one,) = summarise(story.history).scenarios
    assert [(relied.name, relied.how) for relied in one.reliances] == [
        ("weighted-alias", "holds"),
        ("a caching edge", "provided by the suite"),
    ]
    page = render_html(summarise(story.history))
    assert "provided by the suite</b>: a caching edge" in page


def test_a_second_fault_before_all_is_well_is_part_of_the_same_incident() -> None:
    story = Story()
    story.event("scenario.started", scenario="a.feature::b", system=["shop"])
    for act, more in [
        ("fault", {"cause": "one"}),
        ("fault", {"cause": "two"}),
        ("executed", {}),
        ("verified", {}),
    ]:
        story.event(f"incident.{act}", **more)
    story.event("incident.fault", cause="three")
    (one,) = summarise(story.history).scenarios
    assert [incident.cause for incident in one.incidents] == ["one; then two", "three"]
    assert one.incidents[0].rto_seconds == 3.0
