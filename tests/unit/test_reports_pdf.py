"""report.pdf: what archives ask for, and what two readers that know nothing of typst find in it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pikepdf
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_support import HOSTILE, hostile, long_run, sample, whole

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.evidence import render_verdicts, summarise
from rollproof.evidence.letters import ascii_only, printed
from rollproof.evidence.pdf import render_pdf
from rollproof.evidence.write import rendered
from rollproof.journal import History
from rollproof.privacy.files import search_folder


@pytest.fixture(scope="module")
def body() -> bytes:
    return render_pdf(whole())


def words_of(body: bytes) -> str:
    return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages)


def test_the_same_journal_gives_the_same_bytes(body: bytes) -> None:
    assert render_pdf(summarise(sample())) == body


def test_a_reader_finds_verdicts_recoveries_and_the_signature_block(body: bytes) -> None:
    text = " ".join(words_of(body).split())
    for said in (
        "1 of 4 drills is proven",
        "A migration that dropped a column is rolled back by its down script",
        "not proven here",
        "7.0 s",
        "the emulator accepts a deleted secret",
        "Reviewer, who is not the operator",
        "Unsigned: detects accident, not malice",
        "roll back",
    ):
        assert said in text, said
    assert whole().heads[0].hash in text.replace(" ", "")


def test_another_reader_finds_an_archive_with_the_verdicts_attached(body: bytes) -> None:
    with pikepdf.open(io.BytesIO(body)) as document:
        with document.open_metadata() as metadata:
            assert metadata.pdfa_status == "3A"
        assert bytes(document.attachments["verdicts.json"].get_file().read_bytes()) == render_verdicts(
            whole()
        )
        assert document.Root.MarkInfo.Marked
        assert str(document.Root.Lang) == "en-GB"
        names = {str(key) for key in document.Root}
        assert not names & {"/OpenAction", "/AA", "/AcroForm"}


def test_every_font_is_in_the_file(body: bytes) -> None:
    with pikepdf.open(io.BytesIO(body)) as document:
        found = [
            one
            for one in document.objects
            if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor"
        ]
        assert found
        assert all({"/FontFile", "/FontFile2", "/FontFile3"} & {str(key) for key in one} for one in found)


def test_its_dates_are_those_of_the_journal(body: bytes) -> None:
    found = pypdf.PdfReader(io.BytesIO(body)).metadata
    assert found is not None
    assert found.creation_date is not None
    assert f"{found.creation_date:%Y-%m-%d %H:%M:%S}" == "2026-11-22 05:03:12"


def test_portuguese_is_written_with_its_letters() -> None:
    text = " ".join(words_of(render_pdf(whole(), "pt")).split())
    assert "Exceções, e o que não foi testado" in text
    assert "7,0 s" in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_keeps_it_from_being_made(text: str) -> None:
    assert len(pypdf.PdfReader(io.BytesIO(render_pdf(hostile(text)))).pages) >= 3


@settings(max_examples=12, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_no_letters_keep_it_from_being_made(text: str) -> None:
    assert render_pdf(hostile(text)).startswith(b"%PDF")


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_letters_without_a_font_become_code_points(text: str) -> None:
    assert printed(printed(text)) == printed(text)
    assert ascii_only(text).isascii()


def test_letters_that_have_a_font_stay() -> None:
    assert printed("São Paulo – Ωμέγα, Москва ✓ 5 €") == "São Paulo – Ωμέγα, Москва ✓ 5 €"
    assert printed("😀") == "⟨U+1F600⟩"


def test_what_is_searched_for_before_sealing_is_not_found_by_chance(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "report.pdf").write_bytes(body)
    assert search_folder(tmp_path, [tmp_path / "report.pdf"]) == []


def test_a_very_long_run_is_cut_and_says_so_and_shows_what_is_refuted() -> None:
    text = " ".join(words_of(render_pdf(summarise(long_run(3000)))).split())
    assert "Rollback 2007" in text
    assert "2,800 rollbacks" in text


def test_a_run_of_nothing_has_a_page() -> None:
    assert "No drill was judged" in words_of(render_pdf(summarise(History([]))))


def test_without_typst_a_bundle_has_no_pdf_and_asking_for_one_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That a package is missing is the one thing here that is not real."""
    monkeypatch.setitem(sys.modules, "typst", None)
    assert "report.pdf" not in [name for name, _ in rendered(sample())]
    with pytest.raises(EnvironmentUnavailable, match="typst is not installed") as caught:
        render_pdf(whole())
    assert "rollproof[reports]" in caught.value.remedy


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(BadInput, match="'xx'"):
        render_pdf(whole(), "xx")
