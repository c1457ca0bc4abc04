"""`rollproof postmortem`: what a person at the terminal gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rollproof.cli import app
from tests.unit.drill_support import begin_drill, session_in


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two scenarios, one of them with an incident."""
    folder = tmp_path / "reports" / "20260101T000000Z-aaaaaa"
    folder.parent.mkdir()
    with session_in(folder) as session:
        for scenario in ("a.feature::works the checklist", "a.feature::nothing happens"):
            drill = begin_drill(session, scenario)
            if "checklist" in scenario:
                drill.incident("fault", cause="release 2 was deployed")
                drill.incident("detected", cause="the deploy of 2")
            drill.conclude()
    return folder


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["postmortem", *arguments])
    return result.exit_code, result.output


def test_each_incident_gets_a_draft_in_the_runs_folder(run: Path) -> None:
    assert said(str(run))[0] == 0
    (draft,) = (run / "post-mortem").glob("*.md")
    assert "> the deploy of 2" in draft.read_text()


def test_a_draft_in_portuguese_stands_beside_the_other(run: Path) -> None:
    assert said(str(run), "--scenario", "checklist", "--language", "pt")[0] == 0
    (draft,) = (run / "post-mortem").glob("*.pt.md")
    assert "## Causa raiz" in draft.read_text()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--scenario", "nothing happens"), "has an incident"),
        (("--scenario", "unknown"), "has an incident"),
        (("--language", "fr"), "there are no reports in 'fr'"),
    ],
)
def test_what_cannot_be_drafted_is_said_in_one_error(
    run: Path, arguments: tuple[str, ...], found: str
) -> None:
    code, output = said(str(run), *arguments)
    assert code != 0
    assert found in " ".join(output.split())


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    code, output = said(str(tmp_path))
    assert code != 0
    assert "journal" in output
