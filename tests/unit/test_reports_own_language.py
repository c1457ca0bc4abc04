"""The language of a run: chosen before it, recorded in it, and the one that its bundle is verified in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from seal_support import new_key, reasons, trusting, write_run
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.errors import BadInput, SystemFileError
from rollproof.evidence.language import words
from rollproof.evidence.write import rendered, write_reports
from rollproof.journal import read_journal
from rollproof.model.planfile import read_plan
from rollproof.model.seal import Seal
from rollproof.seal.closing import close_run
from rollproof.seal.keys import public_keys
from rollproof.seal.verifying import verify_bundle

RUN = "20261122T050312Z-1f3a9c"
PLAN = """
[plan]
name = "small"
systems = ["system.toml"]
features = ["migration"]
[report]
language = "{}"
"""


def in_portuguese(run: Path) -> bool:
    html, markdown = (run / "report.html").read_text(), (run / "report.md").read_text()
    both = ['lang="pt-BR"' in html, "ensaio está provado" in markdown, "Exceções" in html]
    assert all(both) or not any(both)
    return all(both)


def test_a_bundle_is_written_and_verified_in_the_recorded_language(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    public = public_keys([tmp_path / "seal.pub"])[0]
    run = write_run(tmp_path, RUN, key=public.keyid, language="pt-BR")
    assert close_run(run, Seal(key=str(key), operator="ana"), root=tmp_path) is not None
    assert in_portuguese(run)
    assert not reasons(verify_bundle(run, trusting(key)))
    history = read_journal(run / "journal.ndjson")
    assert all((run / name).read_bytes() == body for name, body in rendered(history))


def test_another_language_is_written_beside_under_names_that_say_it(tmp_path: Path) -> None:
    run = write_run(tmp_path, RUN, language="pt-BR")
    write_reports(run)
    assert in_portuguese(run)
    told = [path.name for path in write_reports(run, into=tmp_path / "too", language="en", formats=["html"])]
    assert told == ["report.en.html"]
    assert [path.name for path in write_reports(run, formats=["html"], language="pt")] == ["report.html"]


@pytest.mark.parametrize("recorded", ["", "xx", "en"])
def test_reports_are_english_where_no_known_language_is_recorded(tmp_path: Path, recorded: str) -> None:
    run = write_run(tmp_path, RUN, language=recorded)
    write_reports(run)
    assert not in_portuguese(run)


@pytest.mark.parametrize("name", ["pt", "pt-BR", "pt_br", "PT-br"])
def test_a_language_is_known_by_its_code_and_its_tag(name: str) -> None:
    assert words(name).tag == "pt-BR"


def test_a_plan_in_a_language_that_there_is_none_of_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system.toml").touch()
    (tmp_path / "small.toml").write_text(PLAN.format("de"))
    with pytest.raises(SystemFileError) as caught:
        read_plan(tmp_path / "small.toml")
    assert "report.language" in str(caught.value)
    assert "'pt-BR'" in str(caught.value)
    assert str(caught.value).count("small.toml:") == 1


def test_an_option_in_a_language_that_there_is_none_of_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'de'"):
        words("de")
    run = write_run(tmp_path, RUN)
    said = CliRunner().invoke(app, ["report", str(run), "--language", "de"])
    assert said.exit_code != 0
    assert "en, pt, pt-BR" in said.output
    assert json.dumps("de").strip('"') in said.output
