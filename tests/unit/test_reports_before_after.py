"""Before and after on paper: the facts that report.html shows, cut where they are many, the rest counted."""

from __future__ import annotations

import io
from dataclasses import replace

import pypdf
import pytest
from report_support import whole

from rollproof.evidence.beforeafter import MOST_ROWS, before_and_after
from rollproof.evidence.facts import Comparison, ScenarioSummary
from rollproof.evidence.language import words
from rollproof.evidence.paper import MOST_DETAILED, paper
from rollproof.evidence.pdf import render_pdf
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome

EN = words()
PROVEN, REFUTED, UNKNOWN = whole().scenarios[:3]


def compared(differences: int, tables: int = 0, **others: str) -> Comparison:
    return Comparison(
        others.get("label", "after"),
        "before",
        "database",
        tuple(Difference("index", f"app.i{n}", None, {}, None) for n in range(differences)),
        tuple(RowChanges(f"app.t{n}", lost=n, lost_keys=("id=1",)) for n in range(tables)),
        "d" * 64,
        "c" * 64,
    )


def drawn(one: ScenarioSummary, *comparisons: Comparison) -> dict[str, list[dict[str, list[list[str]]]]]:
    (entry,) = before_and_after([(1, replace(one, comparisons=comparisons))], EN)
    return entry


def text_of(language: str) -> str:
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(whole(), language))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).replace("\u200b", "").split())


@pytest.mark.parametrize(
    "said",
    [
        "database: after compared with before",
        "5 differences, rows lost or changed in 2 tables, 40 rows added",
        "index nigredo_leads.leads_phone_idx the index itself there missing",
        "grant app_user on nigredo_leads.leads privileges SELECT, INSERT SELECT",
        "(column order) position 6 14",
        "(the table is gone) 902 0 0",
        "phone: 11,204, phone_verified_at: 8,330",
        "changed: id=1, id=2, id=3, id=4, id=5, and 11,199 more",
    ],
)
def test_report_pdf_says_what_differs(said: str) -> None:
    assert said in text_of("en")


def test_in_portuguese_too() -> None:
    text = text_of("pt-BR")
    assert "banco de dados: depois comparado com antes" in text
    assert "o próprio objeto (index) existe falta" in text
    assert "5 diferenças, linhas perdidas ou alteradas em 2 tabelas, 40 linhas a mais" in text


def test_many_differences_are_cut_and_the_rest_is_counted_with_where_it_is() -> None:
    part = drawn(REFUTED, compared(439, 60))["parts"][0]
    assert len(part["differences"]) == len(part["rows"]) == 25
    assert part["said"] == "439 differences, rows lost or changed in 59 tables"
    assert part["differences_cut"] == f"and 414 differences in attachments/{'d' * 64}.json"
    assert part["rows_cut"] == f"and 35 more tables in attachments/{'c' * 64}.json"


def test_what_is_proven_takes_less_room_and_is_counted_as_well() -> None:
    part = drawn(PROVEN, compared(5))["parts"][0]
    assert len(part["differences"]) == 3
    assert part["differences_cut"].startswith("and 2 differences")


def test_all_pages_together_are_bounded_and_what_is_not_proven_comes_first() -> None:
    many = tuple(compared(25, 25) for _ in range(3))
    told = [(n, replace(PROVEN if n % 2 else REFUTED, comparisons=many)) for n in range(1, 41)]
    found = before_and_after(told, EN)
    lines = [sum(len(p["differences"]) + len(p["rows"]) for p in one["parts"]) for one in found]
    assert [one["name"].split()[0] for one in found] == [str(n) for n, _ in told]
    assert sum(lines) <= MOST_ROWS + 150
    assert lines[1] == 150
    assert not lines[0]
    assert all(p["differences_cut"].startswith("and 25 ") for p in found[0]["parts"])


def test_what_does_not_differ_is_one_line() -> None:
    entry = drawn(REFUTED, compared(0), compared(1, label="restored"))
    assert entry["same"] == "Nothing differs: database: after compared with before"
    assert [part["title"] for part in entry["parts"]] == ["database: restored compared with before"]


def test_only_what_matters_less_is_named_by_its_class() -> None:
    moved = Difference("column", "app.t.c", "position", 1, 2, DifferenceClass.COLUMN_ORDER)
    (part,) = drawn(REFUTED, replace(compared(1), differences=(moved, *compared(1).differences)))["parts"]
    assert [line[0] for line in part["differences"]] == ["index app.i0", "column app.t.c (column order)"]


def test_details_of_what_is_refuted_are_shown_wherever_it_stands_in_a_long_run() -> None:
    proven = [replace(PROVEN, id=f"p{n}") for n in range(MOST_DETAILED + 20)]
    run = replace(whole(), scenarios=(*proven, REFUTED))
    data = paper(run, EN)
    assert data["verdicts"][-1]["name"].startswith(f"{len(proven) + 1} ")
    assert data["detailed_cut"] == "and 21 scenarios that are not shown here"
    assert UNKNOWN.outcome is Outcome.UNKNOWN
