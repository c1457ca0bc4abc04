"""`status`, `badge` and `trend`, as a person meets them; and that reports hold what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from standing_support import drilled
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.evidence.register import INDEX
from rollproof.evidence.standing.folder import read_runs
from rollproof.model.verdict import Outcome
from rollproof.seal.result import Trust
from rollproof.seal.verifying import verify_bundle


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def reports(here):
    drilled(here / "reports", "one", {"a": "refuted", "b": "proven"}, tags=("restore",))
    drilled(here / "reports", "two", {"a": "unknown"}, tags=("restore",))
    return here / "reports"


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def altered(bundle: Path) -> list[str]:
    """What verifying finds, but that these verdicts were made up: no observation stands behind them."""
    return [one.reason.name for one in verify_bundle(bundle, Trust()).findings if one.reason.name != "JUDGED"]


def said(result) -> str:
    return result.output + (result.stderr if result.stderr_bytes else "")


def test_status_says_the_score_its_parts_and_what_holds_it_down(reports):
    result = run("status")
    assert result.exit_code == 1
    assert "mini in embedded: 49.0 of 100, not ready (earned 3.00 of 6)" in result.output
    assert "held down by a critical scenario that is refuted: a" in result.output
    assert "findings: 1 open" in result.output


def test_status_is_0_when_all_is_ready(here):
    drilled(here / "reports", "one", {"a": "proven"})
    assert run("status").exit_code == 0
    assert json.loads(run("status", "--json").output)["score"] == 100.0


def test_status_reckons_for_the_moment_that_is_named(here):
    drilled(here / "reports", "one", {"a": "proven"})
    assert json.loads(run("status", "--json", "--as-of", "2999-01-01T00:00:00+00:00").output)["score"] == 0.0
    assert "expected a time with its offset" in said(run("status", "--as-of", "yesterday"))


def test_a_report_shows_readiness_and_findings_and_comes_out_the_same_again(reports):
    bundle = reports / "two"
    text = (bundle / "report.html").read_text(encoding="utf-8")
    assert "49 at most" in text
    assert "no row is lost" in text
    assert not altered(bundle)
    shutil.rmtree(reports / "one")
    (reports / "findings.ndjson").unlink()
    assert not altered(bundle)


def test_a_run_whose_result_was_made_better_is_not_counted(reports):
    path = reports / "one" / "result.json"
    path.write_text(path.read_text().replace('"refuted"', '"proven"'))
    result = run("status")
    assert "not counted: one: result.json is not what was sealed" in result.output
    assert all(claim.outcome is not Outcome.PROVEN for claim in read_runs(reports).claims)


def test_a_run_that_is_not_sealed_proves_nothing(here):
    drilled(here / "reports", "one", {"a": "proven"})
    folder = drilled(here / "reports", "two", {"b": "proven", "c": "refuted"}, seal=False)
    from rollproof.evidence.register import Register
    from rollproof.journal import read_journal

    head = read_journal(folder / "journal.ndjson").events[-1].hash
    Register(here / "reports").executed("two", outcome="refuted", head=head, seal=None, reason="a leak")
    assert [(one.name, one.outcome.value) for one in read_runs(here / "reports").claims] == [
        ("a", "proven"),
        ("c", "refuted"),
    ]


def test_a_run_from_before_results_were_kept_is_read_from_its_journal(here, monkeypatch):
    from rollproof.evidence import write

    kept = {name: one for name, one in write.REPORTS.items() if name != "result.json"}
    monkeypatch.setattr(write, "REPORTS", kept)
    drilled(here / "reports", "one", {"a": "proven"})
    assert [one.name for one in read_runs(here / "reports").claims] == ["a"]


def test_a_run_that_is_gone_is_named(reports):
    shutil.rmtree(reports / "one")
    assert "not counted: one: its folder is gone" in run("status").output


@pytest.mark.parametrize("command", ["status", "badge", "trend"])
def test_what_is_no_folder_of_runs_is_one_clear_error(here, command):
    (here / "file").write_text("")
    (here / "strange").mkdir()
    (here / "strange" / "notes.txt").write_text("")
    (here / "empty").mkdir()
    found = {name: run(command, "--reports", name) for name in ("none", "file", "strange", "empty")}
    assert {result.exit_code for result in found.values()} == {2}
    assert "there is no such folder" in said(found["none"])
    assert "this is a file" in said(found["file"])
    assert "this is no folder of runs" in said(found["strange"])
    assert "no drill has been run yet" in said(found["empty"])


def test_one_runs_folder_and_a_broken_index_are_one_clear_error_each(reports):
    assert "this is the folder of one run" in said(run("status", "--reports", reports / "one"))
    index = reports / INDEX
    index.write_bytes(index.read_bytes().replace(b"executed", b"exekuted", 1))
    assert "this line is no entry of the index" in said(run("status"))


def test_badges_are_written_with_their_moment(reports, here):
    assert run("badge", "--output", "out").exit_code == 0
    endpoint = json.loads((here / "out" / "badge.json").read_text())
    assert endpoint["schemaVersion"] == 1
    assert endpoint["message"].startswith("1 refuted, 1 of 2 proven, last proven: today")
    assert (here / "out" / "badge.svg").read_text().startswith("<svg")


def test_trend_says_that_there_are_too_few_runs(reports):
    assert run("trend", "--gate", "20%").exit_code == 3
    assert "expected a percentage" in said(run("trend", "--gate", "fast"))
