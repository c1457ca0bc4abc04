"""`rollproof report`: formats, languages, and one clear error for what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import evidence_stories as stories
import pytest
from report_support import long_run, whole
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.evidence import render_html, summarise
from rollproof.evidence.language import words
from rollproof.evidence.limits import limits_of
from rollproof.evidence.markdown import render_markdown
from rollproof.evidence.paper import paper
from rollproof.evidence.recoveries import recoveries, unasked
from rollproof.evidence.write import REPORTS


def report(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["report", *arguments])
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stories.write_whole(tmp_path_factory.mktemp("run"))


def test_formats_that_are_asked_for_are_written_and_no_others(run: Path, tmp_path: Path) -> None:
    code, said = report(str(run), "--as", "oscal, markdown,allure", "--output", str(tmp_path))
    assert code == 0, said
    assert {path.name for path in tmp_path.iterdir()} == {"oscal.json", "report.md", "allure-results"}
    assert len(list((tmp_path / "allure-results").glob("*-result.json"))) == 5


def test_another_language_is_in_the_names_of_files(run: Path, tmp_path: Path) -> None:
    code, said = report(str(run), "--language", "pt", "--output", str(tmp_path))
    assert code == 0, said
    assert {path.name for path in tmp_path.iterdir()} == {"report.pt.html", "report.pt.md", "report.pt.pdf"}
    assert '<html lang="pt-BR">' in (tmp_path / "report.pt.html").read_text(encoding="utf-8")


def test_without_a_format_the_files_of_a_bundle_are_written(run: Path, tmp_path: Path) -> None:
    assert report(str(run), "--output", str(tmp_path / "new" / "folder"))[0] == 0
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == set(REPORTS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "html,xls"), "there is no report as 'xls'"),
        (("--language", "de"), "there are no reports in 'de'"),
    ],
)
def test_what_there_is_none_of_is_refused_before_anything_is_written(
    run: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, output = report(str(run), *arguments, "--output", str(tmp_path / "out"))
    assert code != 0
    assert said in output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_run_and_a_file_in_the_way_are_said(run: Path, tmp_path: Path) -> None:
    code, said = report(str(tmp_path), "--as", "pdf")
    assert (code != 0, "the journal cannot be read" in said) == (True, True)
    (tmp_path / "taken").write_text("")
    code, said = report(str(run), "--as", "pdf", "--output", str(tmp_path / "taken"))
    assert (code != 0, "no reports can be written here" in said) == (True, True)


def test_exceptions_are_what_was_not_proven_and_what_was_not_as_in_production() -> None:
    kinds = [one.kind for one in limits_of(whole())]
    assert kinds[:4] == ["refuted", "unknown", "not_proven_here", "not_applicable"]
    assert limits_of(summarise(long_run(3))) == ()


def test_recoveries_are_held_against_objectives() -> None:
    first, second = recoveries(whole())
    assert (first.rto_outcome, first.share, first.goal) == ("proven", pytest.approx(0.1328), 100.0)
    assert (second.rto_outcome, second.bar, second.goal) == ("refuted", 100.0, pytest.approx(71.18, abs=0.1))
    assert unasked(whole()) == 1


@pytest.mark.parametrize("chosen", [{"picked": ("-k additive",)}, {"parts": (1, 4)}])
def test_a_run_that_is_not_whole_says_so_on_top(chosen: dict[str, Any]) -> None:
    said = "Not all scenarios: some were left out of this run."
    part = replace(whole(), facts=replace(whole().facts, **chosen))
    for render in (render_html, render_markdown):
        assert said in str(render(part))[:80_000]
        assert said not in str(render(whole()))
    assert paper(part, words())["partial"] == said
    assert not paper(whole(), words())["partial"]


def test_what_a_person_left_out_or_overrode_and_a_missed_objective_are_exceptions() -> None:
    facts = replace(
        whole().facts,
        picked=("-k additive",),
        override="the board asked",
        plan={"name": "weekly"},
        parts=(1, 4),
    )
    first = whole().scenarios[0]
    late = replace(first, objectives=replace(first.objectives, rto_seconds=0.5))
    found = limits_of(replace(whole(), facts=facts, scenarios=(late,)))
    assert [(one.kind, one.what, one.why) for one in found][:4] == [
        ("missed", first.name, "RTO 664 ms, objective 500 ms"),
        ("picked", "-k additive", ""),
        ("part", "1 / 4", ""),
        ("override", "weekly", "the board asked"),
    ]


def test_an_objective_is_met_only_where_a_check_was_asked_and_missed_whoever_asks() -> None:
    early, late = whole().scenarios[:2]
    unasked_of = [replace(one, checks=()) for one in (early, late)]
    assert [one.rto_outcome for one in recoveries(replace(whole(), scenarios=(early, late)))] == [
        "proven",
        "refuted",
    ]
    assert [one.rto_outcome for one in recoveries(replace(whole(), scenarios=tuple(unasked_of)))] == [
        None,
        "refuted",
    ]
