"""junit.xml, verdicts.json and how reports come to stand in a run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import evidence_stories as stories
import pytest
from evidence_poison import poisoned
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from junitparser import Error, Failure, JUnitXml, Skipped

from rollproof.errors import BadInput, JournalError
from rollproof.evidence import (
    RunSummary,
    latest_run,
    point_latest,
    render_junit,
    render_verdicts,
    summarise,
    write_reports,
)
from rollproof.evidence.write import REPORTS
from rollproof.journal import History, read_journal
from rollproof.model.verdict import Outcome

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "verdicts.schema.json"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return read_journal(stories.write_whole(tmp_path_factory.mktemp("run")) / "journal.ndjson")


@pytest.fixture(scope="module")
def whole(history: History) -> RunSummary:
    return summarise(history)


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    known = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(known)
    return Draft202012Validator(known)


def parsed(run: RunSummary) -> ElementTree.Element:
    return ElementTree.fromstring(render_junit(run))  # noqa: S314  written by the code under test


def test_junit_has_a_case_a_scenario_with_the_result_that_its_outcome_means(whole: RunSummary) -> None:
    report = JUnitXml.fromstring(render_junit(whole))
    cases = [case for suite in report for case in suite]
    kinds = [[type(result) for result in case.result] for case in cases]
    assert kinds == [[], [Failure], [Error], [Skipped], [Skipped]]
    assert (report.tests, report.failures, report.errors, report.skipped) == (5, 1, 1, 2)


def test_junit_gives_the_reason_of_each_skip(whole: RunSummary) -> None:
    cases = [case for suite in JUnitXml.fromstring(render_junit(whole)) for case in suite]
    assert cases[3].result[0].message.startswith("not proven here: the emulator accepts")
    assert cases[4].result[0].message == "not applicable: alquimista declares no site"


def test_junit_carries_the_numbers_as_properties(whole: RunSummary) -> None:
    root = parsed(whole)
    found = {(item.get("name"), item.get("value")) for item in root.iter("property")}
    assert ("rto_seconds", "0.664000") in found
    assert ("rows-unchanged.rows_lost", "905") in found
    assert ("outcome", "refuted") in found


def test_junit_names_the_findings_but_no_keys_of_rows(whole: RunSummary) -> None:
    text = render_junit(whole).decode()
    assert "index nigredo_leads.leads_email_key: unique yes before, no after" in text
    assert "#1f3a9c0d" not in text
    assert "id=48001" not in text


def test_junit_shows_an_error_for_a_run_that_did_not_finish(tmp_path: Path) -> None:
    run = summarise(read_journal(stories.write_killed(tmp_path) / "journal.ndjson"))
    report = JUnitXml.fromstring(render_junit(run))
    assert [case.name for suite in report for case in suite][-1] == (
        "the run finished and its evidence is whole"
    )
    assert report.errors == 2


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1, max_size=100))
def test_no_text_breaks_the_xml_or_the_json(
    text: str, history: History, schema: Draft202012Validator
) -> None:
    run = summarise(poisoned(history, text))
    assert len(list(parsed(run).iter("testcase"))) == 5
    schema.validate(json.loads(render_verdicts(run)))


@pytest.mark.parametrize("text", ["\x00\x1b[31m", "]]>", "\ud800", "\ufffe", "<![CDATA[", "\u2028"])
def test_characters_that_xml_refuses_do_not_break_it(text: str, history: History) -> None:
    run = summarise(poisoned(history, text))
    assert parsed(run) is not None
    assert json.loads(render_verdicts(run))


@pytest.mark.parametrize("tell", [stories.write_whole, stories.write_proven, stories.write_killed])
def test_verdicts_are_as_their_schema_says(
    tmp_path: Path, tell: stories.Telling, schema: Draft202012Validator
) -> None:
    run = summarise(read_journal(tell(tmp_path) / "journal.ndjson"))
    schema.validate(json.loads(render_verdicts(run)))


def test_verdicts_of_nothing_are_as_their_schema_says(schema: Draft202012Validator) -> None:
    schema.validate(json.loads(render_verdicts(summarise(History([])))))


def test_the_schema_refuses_what_it_does_not_know(whole: RunSummary, schema: Draft202012Validator) -> None:
    good = json.loads(render_verdicts(whole))
    for changed in (
        {"outcome": "fine"},
        {"format": "rollproof-verdicts/2"},
        {"extra": 1},
        {"finished": "yes"},
    ):
        assert not schema.is_valid(good | changed)


def test_verdicts_hold_counts_and_no_keys_of_rows(whole: RunSummary) -> None:
    text = render_verdicts(whole).decode()
    told = json.loads(text)
    assert told["outcome"] == "refuted"
    assert told["counts"] == {outcome.value: 1 for outcome in Outcome}
    assert told["scenarios"][1]["comparisons"][0]["rows"][0]["lost_columns"]["phone"] == 11_204
    assert "id=48001" not in text


def test_all_reports_are_written_and_nothing_else(tmp_path: Path) -> None:
    stories.write_whole(tmp_path)
    before = set(tmp_path.iterdir())
    paths = write_reports(tmp_path)
    assert [path.name for path in paths] == list(REPORTS)
    assert set(tmp_path.iterdir()) - before == set(paths)


def test_reports_written_again_are_the_same_bytes(tmp_path: Path) -> None:
    stories.write_whole(tmp_path)
    first = [path.read_bytes() for path in write_reports(tmp_path)]
    assert [path.read_bytes() for path in write_reports(tmp_path)] == first


def test_no_report_is_made_of_a_journal_whose_chain_is_broken(tmp_path: Path) -> None:
    journal = stories.write_whole(tmp_path) / "journal.ndjson"
    journal.write_bytes(journal.read_bytes().replace(b"refuted", b"proven.", 1))
    with pytest.raises(JournalError, match="chain is broken"):
        write_reports(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    stories.write_whole(tmp_path)
    write_reports(tmp_path)
    old = (tmp_path / "report.html").read_bytes()
    (tmp_path / "verdicts.json").unlink()
    (tmp_path / "verdicts.json").mkdir()
    with pytest.raises(OSError, match="verdicts"):
        write_reports(tmp_path)
    assert (tmp_path / "report.html").read_bytes() == old
    assert not list(tmp_path.glob(".*.part"))


def test_latest_leads_to_the_newest_run_and_is_replaced(tmp_path: Path) -> None:
    assert latest_run(tmp_path) is None
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        pointer = point_latest(tmp_path, run)
        assert latest_run(tmp_path) == (tmp_path / run).resolve()
    assert pointer.readlink() == Path("second")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "latest", "second"]


def test_latest_is_a_text_file_where_links_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one thing that cannot be had here is a file system without links, so `symlink_to` refuses."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("links are not supported")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    (tmp_path / "first").mkdir()
    assert point_latest(tmp_path, "first").read_text() == "first\n"
    assert latest_run(tmp_path) == (tmp_path / "first").resolve()


def test_a_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="this is a folder"):
        point_latest(tmp_path, "first")
    assert (tmp_path / "latest" / "mine.txt").read_text() == "mine"
