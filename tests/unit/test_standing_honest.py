"""Nobody makes a score better than what was proven: not by taking runs away, by clocks, or by retiring."""

from __future__ import annotations

import json
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from standing_support import NOW, claim, drilled
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.evidence.register import Register, read_index
from rollproof.evidence.standing import whole
from rollproof.evidence.standing.claims import BASES, Claim, claims_of
from rollproof.evidence.standing.findings import Act
from rollproof.evidence.standing.ledger import read_ledger
from rollproof.evidence.standing.readiness import Level, Readiness, readiness_of
from rollproof.evidence.standing.states import standings_of
from rollproof.evidence.standing.whole import whole_of
from rollproof.evidence.summary import summarise
from rollproof.journal import Journal, Recorder
from rollproof.model.verdict import Outcome
from rollproof.seal.history import verify_folder
from rollproof.seal.result import Trust


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rollproof.evidence.write.available", lambda: False)
    return tmp_path


@pytest.fixture
def reports(here) -> Path:
    """The first refuted one of two; the second proved the other again."""
    drilled(here / "reports", "one", {"a": "refuted", "b": "proven", "c": "unknown"})
    drilled(here / "reports", "two", {"b": "proven"})
    return here / "reports"


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result) -> str:
    return result.output + (result.stderr if result.stderr_bytes else "")


def ready(reports: Path) -> Readiness:
    found = whole_of(reports)
    return readiness_of(found.standings.values(), datetime.now(UTC), found.retired)[0]


@pytest.mark.parametrize("expired", [True, False])
@pytest.mark.parametrize("name", ["one", "two"])
def test_a_run_that_is_gone_makes_no_score_better(reports, expired, name):
    before = ready(reports)
    if expired:
        Register(reports).expired(name, "its time was over")
    shutil.rmtree(reports / name)
    after = ready(reports)
    assert after.score <= before.score
    assert after.possible >= before.possible - (name == "two" and not expired)
    assert after.count(Outcome.REFUTED) == 1


def test_what_only_a_removed_run_claimed_is_remembered_by_the_runs_after_it(reports):
    shutil.rmtree(reports / "one")
    drilled(reports, "three", {"b": "proven"})
    drilled(reports, "four", {"b": "proven"})
    shutil.rmtree(reports / "three")
    assert [share.standing.name for share in ready(reports).shares] == ["a", "b", "c"]


def test_a_proof_whose_run_was_taken_away_is_none_and_one_whose_time_was_over_counts(here):
    for name, gone in (("taken", False), ("over", True)):
        reports = here / name
        drilled(reports, "one", {"a": "proven", "b": "proven"})
        drilled(reports, "two", {"b": "proven"})
        if gone:
            Register(reports).expired("one", "its time was over")
        shutil.rmtree(reports / "one")
        assert ready(reports).count(Outcome.PROVEN) == (2 if gone else 1)


def test_a_clock_that_was_ahead_makes_no_proof_younger(reports, monkeypatch):
    later = datetime.now(UTC) + timedelta(days=60)
    claims = whole.read_runs(reports).claims
    ahead = [
        Claim(**{name: getattr(one, name) for name in one.__slots__} | {"at": f"{later:%Y-%m-%dT%H:%M:%SZ}"})
        for one in claims
        if one.run == "two"
    ]
    entries = read_index(reports / "index.ndjson")
    told, notes = whole._dated(ahead, entries)
    assert told == ahead, "nothing later says otherwise"
    assert notes == []
    drilled(reports, "three", {"b": "unknown"})
    told, notes = whole._dated(ahead, read_index(reports / "index.ndjson"))
    assert all(one.at < f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" for one in told)
    assert "its clock was ahead" in notes[0]
    counted, notes = whole._arrived(ahead, None)
    assert counted == []
    assert "to come" in notes[0]
    refuted = [claim(outcome=Outcome.REFUTED, days_ago=-3000)]
    assert whole._arrived(refuted, None) == (refuted, [])


def test_a_computer_whose_clock_is_behind_the_index_says_so(reports):
    monday = NOW - timedelta(days=3000)
    assert list(whole._behind(read_index(reports / "index.ndjson"), None)) == []
    late = [
        entry.__class__(
            entry.seq, "2990-01-01T00:00:00Z", entry.kind, entry.run, entry.data, entry.prev, entry.hash
        )
        for entry in read_index(reports / "index.ndjson")
    ]
    assert "clock is behind" in next(iter(whole._behind(late, None)))
    assert list(whole._behind(late, monday)) == []


def test_the_score_says_what_it_rests_on(reports):
    text = run("status").output
    assert "rests on 3 scenarios, 1 of them proven" in text
    assert "1 proven in runs that nobody signed" in text
    data = json.loads(run("status", "--json").output)["readiness"][0]
    assert data["rests_on"] == {"unsigned": 1, "changes": 0, "picked": 0, "override": 0}
    assert "of runs that nobody signed" in (reports / "two" / "report.md").read_text()


@pytest.mark.parametrize("basis", BASES)
def test_what_a_proof_rests_on_stays_with_it(basis):
    proof = claim()
    proof = Claim(**{name: getattr(proof, name) for name in proof.__slots__} | {"basis": (basis,)})
    again = Claim.from_json(json.loads(json.dumps(proof.to_json())), run=proof.run, operator="ana")
    assert again.basis == (basis,)
    [one] = readiness_of(standings_of([proof, claim(outcome=Outcome.UNKNOWN, days_ago=-1)]).values(), NOW)
    assert one.resting(basis) == 0, "it stands as unknown"
    [one] = readiness_of(standings_of([proof]).values(), NOW)
    assert [one.resting(name) for name in BASES] == [int(name == basis) for name in BASES]


RETIRE = ("--by", "Bia", "--reason", "the down scripts are gone")


def test_a_retired_scenario_is_left_out_and_listed_with_who_and_why(reports):
    result = run("retire", "migration.feature::c", *RETIRE)
    assert (result.exit_code, "retired, unknown: c" in result.output) == (0, True)
    text = run("status").output
    assert "rests on 2 scenarios" in text
    assert "retired by Bia on 20" in text
    assert "the down scripts are gone" in text
    assert "1 retired" in text.splitlines()[-1], "the badge says so too"
    drilled(reports, "three", {"b": "proven"})
    assert "the down scripts are gone" in (reports / "three" / "report.md").read_text()
    found = verify_folder(reports, Trust())
    assert found.findings == []
    assert any("retired by Bia" in note for note in found.notes)


def test_a_retired_scenario_that_is_drilled_again_counts_again(reports):
    run("retire", "migration.feature::c", *RETIRE)
    drilled(reports, "three", {"c": "refuted"})
    assert ready(reports).retired == ()
    assert ready(reports).count(Outcome.REFUTED) == 2


def test_what_is_refuted_is_retired_only_for_one_that_was_proven_since(reports):
    result = run("retire", "migration.feature::a", *RETIRE)
    assert (result.exit_code, "stands refuted" in said(result)) == (2, True)
    assert run("retire", "migration.feature::a", *RETIRE, "--instead", "migration.feature::c").exit_code == 2
    assert run("retire", "migration.feature::a", *RETIRE, "--instead", "migration.feature::x").exit_code == 2
    assert run("retire", "migration.feature::a", *RETIRE, "--instead", "migration.feature::a").exit_code == 2
    assert run("retire", "migration.feature::a", *RETIRE, "--instead", "migration.feature::b").exit_code == 0
    assert "in favour of migration.feature::b" in run("status").output
    assert ready(reports).count(Outcome.REFUTED) == 0
    assert [one.closed_run for one in read_ledger(reports).findings.values()] == [""], "its finding stays"
    assert [entry.act for entry in read_ledger(reports).entries] == [Act.OPENED]


@pytest.mark.parametrize(
    "wrong",
    [
        ("migration.feature::x", *RETIRE),
        ("migration.feature::c", "--by", " ", "--reason", "x"),
        ("migration.feature::c", "--by", "Bia", "--reason", " "),
        ("migration.feature::c", *RETIRE, "--system", "other"),
    ],
)
def test_a_scenario_is_retired_by_somebody_for_a_reason(reports, wrong):
    assert run("retire", *wrong).exit_code == 2


def test_when_all_is_retired_nothing_is_ready(here):
    drilled(here / "reports", "one", {"c": "unknown"})
    assert run("retire", "migration.feature::c", *RETIRE).exit_code == 0
    one = ready(here / "reports")
    assert (one.level, len(one.retired)) == (Level.NONE, 1)
    assert run("status").exit_code == 1


def test_what_the_newest_run_skipped_is_told_for_no_score_knows_of_it(reports):
    path = reports / "two" / "result.json"
    assert json.loads(path.read_bytes())["skipped"] == {"not proven here": 0, "not applicable": 0}
    found = replace(whole_of(reports), skipped={"not applicable": 7})
    assert "in no score: 7 scenarios of the newest run, not applicable" in shown(found)


def shown(found: whole.Whole) -> str:
    from rollproof.cli_status import _show_status

    with redirect_stdout(StringIO()) as out:
        _show_status(found, [], [], NOW)
    return out.getvalue()


def test_a_scenario_that_others_interfered_with_proves_nothing():
    """As with the hook by which saboteurs get in; what it refutes stays."""
    events = {}
    for outcome in ("proven", "refuted"):
        with Journal(Path(outcome) / "journal.ndjson", run=outcome) as journal:
            own = Recorder(journal, "run")
            own.note("run.started", {"system": ["mini"], "environment": "embedded"})
            one = Recorder(journal, "a.feature::one")
            about = {"name": "one", "system": "mini", "feature": "F", "interventions": ["Kind"]}
            one.note("scenario.started", about)
            said = {"check": "rows", "title": "rows", "params": {}, "numbers": {}, "findings": []}
            one.note("verify", {**said, "outcome": outcome, "reason": "r"})
            one.note("scenario.concluded", {"outcome": outcome, "reason": "r"})
            own.note("run.finished", {"outcome": outcome, "findings": []})
        events[outcome] = claims_of(summarise(journal.history))
    assert {name: len(found) for name, found in events.items()} == {"proven": 0, "refuted": 1}
