"""report.html: safe to open whatever the journal holds, and readable by everyone."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import evidence_stories as stories
import pytest
from evidence_poison import poisoned
from evidence_sample import telling
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollproof.evidence import render_html, summarise
from rollproof.evidence.html import LONGEST_TEXT, MOST_KEYS
from rollproof.evidence.wording import printable
from rollproof.journal import History, read_journal
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.rows import RowChanges

VOID = {"meta", "link", "br", "img", "hr", "input"}
HOSTILE = [
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% include 'x' %}",
    "<!--",
    "]]>",
    "javascript:alert(1)",
    "\u202edetufer\u202c",
    "\x1b[2J\x00\ud800\uffff",
    "x" * 100_000,
    "&lt;b&gt;",
]


class Page(HTMLParser):
    """What a browser would make of it: elements with attributes, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.style = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:80]!r}")

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements and the names of their attributes, in order."""
        return [(tag, tuple(name for name, _ in attrs)) for tag, attrs in self.elements]

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attrs in self.elements for key, value in attrs if key == name]


@cache
def sample() -> History:
    with tempfile.TemporaryDirectory() as folder:
        history = read_journal(stories.write_whole(Path(folder)) / "journal.ndjson")
        return poisoned(history, "benign")


@cache
def benign() -> Page:
    return Page(render_html(summarise(sample())))


def report(history: History) -> Page:
    return Page(render_html(summarise(history)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = stories.write_whole(tmp_path_factory.mktemp("run"))
    return render_html(summarise(read_journal(folder / "journal.ndjson")))


def _hostile(text: str) -> None:
    page = report(poisoned(sample(), text))
    assert page.shape == benign().shape
    assert page.style == benign().style
    assert page.attributes("href") == benign().attributes("href")
    assert not page.open


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text: str) -> None:
    _hostile(text)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=200))
@example("\r\n")
def test_no_text_changes_the_structure_of_a_report(text: str) -> None:
    _hostile(text)


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_what_is_printed_can_be_seen(text: str) -> None:
    shown = printable(text)
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", shown
    )
    shown.encode("utf-8")
    assert printable(shown) == shown


def test_long_texts_are_cut_and_say_how_much_is_missing() -> None:
    page = report(poisoned(sample(), "y" * (LONGEST_TEXT + 1234)))
    assert any("… (1,234 more characters)" in text for text in page.texts)
    assert not any("y" * (LONGEST_TEXT + 1) in text for text in page.texts)


def test_the_same_journal_gives_the_same_bytes(tmp_path: Path) -> None:
    stories.write_whole(tmp_path)
    one = render_html(summarise(read_journal(tmp_path / "journal.ndjson")))
    other = render_html(summarise(read_journal(tmp_path / "journal.ndjson")))
    assert one == other


def test_nothing_is_loaded_and_nothing_runs(whole: str) -> None:
    page = Page(whole)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio"}
    names = {name for _, names in page.shape for name in names}
    assert not names & {"style", "src", "srcset", "action", "data", "ping", "background"}
    assert not any(name.startswith("on") for name in names)
    assert all(target.startswith("#") for target in page.attributes("href"))
    assert "url(#" in page.style
    assert not re.search(r"@import|url\((?!#)", page.style)


def test_the_policy_allows_this_style_sheet_and_nothing_else(whole: str) -> None:
    page = Page(whole)
    (policy,) = [value for value in page.attributes("content") if value.startswith("default-src")]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_every_link_inside_the_page_leads_somewhere(whole: str) -> None:
    page = Page(whole)
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {target.removeprefix("#") for target in page.attributes("href")} <= set(ids)
    assert set(" ".join(page.attributes("aria-labelledby")).split()) <= set(ids)


def test_verdicts_are_words_and_shapes_not_colours_alone(whole: str) -> None:
    text = " ".join(Page(whole).texts)
    for word in ("proven", "refuted", "unknown", "not proven here", "not applicable"):
        assert word in text
        assert f'href="#i-{word.replace(" ", "-")}"' in whole


def test_headings_do_not_skip_a_level_and_landmarks_are_there(whole: str) -> None:
    page = Page(whole)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {"header", "main", "footer"} <= {tag for tag, _ in page.elements}


def test_every_table_header_says_what_it_heads(whole: str) -> None:
    for tag, attrs in Page(whole).elements:
        if tag == "th":
            assert dict(attrs).get("scope") in ("col", "row", "rowgroup")


def test_the_first_table_says_which_rollbacks_are_proven(whole: str) -> None:
    head = whole[: whole.index("</table>")]
    for name in (
        "An additive migration is rolled back by its down script",
        "A migration that dropped a column is rolled back by its down script",
        "A data migration is restored from the backup",
        "A credential that leaked is rotated back",
        "A static site is rolled back to its last release",
    ):
        assert name in head
    assert "1 of 4 drills is proven" in head


@pytest.mark.parametrize(
    "said",
    [
        "rows of 2 tables are not what they were",
        "nigredo_leads.leads_phone_idx</span>",
        "phone: 11,204, phone_verified_at: 8,330",
        "the table is gone",
        "column order",
        "missed: 140.5% of 5.0 s",
        "met: 13.3% of 5.0 s",
        "not asked for",
        "psql -v ON_ERROR_STOP=1 -1 -f database/migrations/015_rollback_014.sql",
        "pytest features/migration.feature -k &#39;an additive migration&#39;",
        "9b1f0c7f5a0e4c1c8f1d2b3a4958675a0c1b2d3e",
        "Unsigned: detects accident, not malice.",
        "A. Souza",
        "operations handbook, section 4",
        "alquimista declares no site",
    ],
)
def test_the_report_tells(whole: str, said: str) -> None:
    assert said in whole


def test_the_head_of_the_journal_is_printed(tmp_path: Path) -> None:
    history = read_journal(stories.write_proven(tmp_path) / "journal.ndjson")
    assert history.events[-1].hash in render_html(summarise(history))


def test_a_killed_run_says_so_on_top(tmp_path: Path) -> None:
    html = render_html(summarise(read_journal(stories.write_killed(tmp_path) / "journal.ndjson")))
    assert html.index("This run did not finish") < html.index("<table")
    assert "All" not in Page(html).texts[0]


def test_many_keys_are_counted_and_only_some_are_listed(whole: str) -> None:
    assert f"id={MOST_KEYS}, and 11,154 more" in whole
    assert f"id={MOST_KEYS + 1}," not in whole


def test_what_is_lost_is_shown_first_however_much_else_differs(tmp_path: Path) -> None:
    with telling(tmp_path) as run:
        run.start()
        story = run.scenario("much differs", line=1)
        moved = [
            Difference("column", f"a.t{n}.c", "position", 1, 2, DifferenceClass.COLUMN_ORDER)
            for n in range(500)
        ]
        grown = [RowChanges(f"a.t{n}", added=1) for n in range(500)]
        story.compare(
            [*moved, Difference("index", "a.gone_idx", None, {}, None)],
            [*grown, RowChanges("a.lossy", lost=7)],
        )
        run.finish()
    html = render_html(summarise(read_journal(tmp_path / "journal.ndjson")))
    assert "a.gone_idx" in html
    assert "a.lossy" in html
    assert html.count("a.t") < 500


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_stand_out_from_their_ground(scheme: int) -> None:
    """WCAG 2.2, success criterion 1.4.3 (AA): 4.5 to 1 for text; 1.4.11: 3 to 1 for graphics."""
    blocks = re.findall(r":root \{(.*?)\}", benign().style, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    texts = ("ink", "soft", "proven", "refuted", "unknown", "not-proven-here", "not-applicable")

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((_luminance(colours[one]), _luminance(colours[other])), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    assert all(contrast(name, "paper") >= 4.5 for name in texts)
    assert contrast("ink", "panel") >= 4.5
    assert contrast("ink", "unknown-panel") >= 4.5
    assert contrast("unknown", "unknown-panel") >= 4.5
    assert all(contrast(name, "paper") >= 3 for name in ("accent", "accent-2"))
