"""Nothing of a Portuguese report is English but what was recorded in the journal."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pypdf
import pytest
from report_support import sample

import rollproof.checks  # noqa: F401  they register themselves
from rollproof.checks.registry import all_checks
from rollproof.evidence import summarise, wording
from rollproof.evidence.facts import RunSummary
from rollproof.evidence.html import render_html
from rollproof.evidence.language import words
from rollproof.evidence.markdown import render_markdown
from rollproof.evidence.pdf import render_pdf
from rollproof.evidence.phrases import act, conclusion
from rollproof.evidence.standing.sections import _texts
from rollproof.journal import History
from rollproof.model.json import Json

SPOKEN = ("aria-label", "data-label", "alt", "title")
_WORD = re.compile(r"[^\W\d_]{2,}")
NAMES = frozenset(
    """rollproof run keys key as name sign verify judge verdicts json attachments oscal pdf markdown
    python rto rpo utc gb ms min kb mb pytest journal report html""".split()
)
"""Commands, files, units and names: the same in every language"""
NORMS = ("SOC", "ISO", "NIST", "PCI", "DORA", "NIS2", "LGPD", "AWS", "HIPAA")


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.style = tag == "style"
        self.found += [value for name, value in attrs if name in SPOKEN and value]

    def handle_data(self, data: str) -> None:
        if not self.style:
            self.found.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.style = False


def html_texts(run: RunSummary, language: str) -> list[str]:
    page = _Texts()
    page.feed(render_html(run, language))
    return page.found


def markdown_texts(run: RunSummary, language: str) -> list[str]:
    text = html.unescape(render_markdown(run, language).decode()).replace("\u2060", "")
    return re.split(r"[|\n]|</?\w+>", text)


def pdf_texts(run: RunSummary, language: str) -> list[str]:
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(run, language))).pages
    return [" ".join(page.extract_text() for page in pages)]


READERS = {"html": html_texts, "markdown": markdown_texts, "pdf": pdf_texts}


def told() -> RunSummary:
    """The sample run, cut short, picked, and started against its plan: with all that a report may say."""
    events = list(sample().events)
    cut = [replace(one, data={**one.data, **_AGAINST}) if one.act == "run.started" else one for one in events]
    return summarise(History([one for one in cut if one.act != "run.finished"]))


_AGAINST: dict[str, Json] = {
    "left_out": ["-k additive"],
    "plan": {"name": "weekly", "override": "asked for by the board"},
    "shard": {"index": 0, "of": 4},
}


def recorded(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from recorded(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from recorded(item)


@cache
def quotes() -> tuple[str, ...]:
    """What the journal says, the longest first; paths and lists in parts, steps without their keyword."""
    said = set(recorded([{**one.data} for one in sample().events])) | set(recorded(dict(_AGAINST)))
    said |= {part for one in said for part in re.split(r"[/\n]|; ", one)}
    said |= {one.partition(" ")[2] for one in said if re.match("(Given|When|Then|And) ", one)}
    said |= {one.actor for one in sample().events} | {"Given", "When", "Then", "And"}
    return tuple(sorted({squeezed(one) for one in said if len(one) > 1}, key=len, reverse=True))


def squeezed(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


def unquoted(text: str) -> str:
    """`text` without what is quoted; spaces stay, but for those within quotes."""
    for quote in quotes():
        if len(quote) > 2 and quote in squeezed(text):
            text = re.sub(r"[\s\u200b]*".join(map(re.escape, quote)), " ", text)
    return text


def vocabulary(texts: object) -> set[str]:
    return {word.lower() for text in _strings(texts) for word in _WORD.findall(re.sub(r"\{\w*\}", " ", text))}


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


@cache
def english_alone() -> frozenset[str]:
    """Words that English reports have and Portuguese ones have no use for."""
    ours = {key: said[0] for key, said in _texts().items()}
    theirs = {key: said[1] for key, said in _texts().items()}
    verbs = [wording._PARTICIPLES, wording._PHRASES, list(wording._PARTICIPLES)]
    english = vocabulary(dict(words("en").texts)) | vocabulary(ours) | vocabulary(verbs)
    english |= vocabulary([one.title for one in all_checks().values()]) | {
        "the",
        "and",
        "with",
        "not",
        "of",
        "to",
    }
    portuguese = (
        vocabulary(dict(words("pt").texts)) | vocabulary(theirs) | vocabulary(dict(words("pt").names))
    )
    return frozenset(english - portuguese - NAMES)


@pytest.mark.parametrize("format_", READERS)
def test_no_word_of_ours_is_left_in_english(format_: str) -> None:
    left = {
        text.strip()[:120]: found
        for text in READERS[format_](told(), "pt")
        if (found := vocabulary(unquoted(text)) & english_alone())
    }
    assert not left


@pytest.mark.parametrize("format_", READERS)
def test_words_in_english_would_be_found(format_: str) -> None:
    """The search itself: in the English report it finds hundreds of words."""
    found = {word for text in READERS[format_](told(), "en") for word in vocabulary(unquoted(text))}
    assert len(found & english_alone()) > 60


def test_no_text_stands_in_both_languages_that_nobody_recorded() -> None:
    portuguese, english = (set(html_texts(told(), language)) for language in ("pt", "en"))
    same = {text.strip() for text in portuguese & english if len(_WORD.findall(unquoted(text))) > 2}
    assert not {text for text in same if " " in text and not text.startswith(NORMS)}


def test_every_check_has_its_claim_in_portuguese() -> None:
    """A check that ships and is not there: add its claim to evidence/languages/pt.names.toml."""
    ships = {name for name, one in all_checks().items() if one.function.__module__.startswith("rollproof.")}
    assert ships - words("pt").names["checks"].keys() == set()


def test_what_rollproof_concludes_is_said_in_portuguese() -> None:
    t = words("pt")
    assert conclusion(t, "12 checks, all proven") == "12 verificações, todas provadas"
    said = conclusion(t, "concluded as proven, but this did not succeed: When it is rolled back")
    assert said == "concluído como provado, mas isto não teve êxito: When it is rolled back"
    assert conclusion(t, "its disk was full") == "its disk was full"
    assert conclusion(words("en"), "12 checks, all proven") == "12 checks, all proven"


def test_acts_are_named_part_by_part_and_unknown_parts_stay() -> None:
    t = words("pt")
    assert act(t, "migration.roll_back") == "migração: reverter"
    assert act(t, "migration.roll_back", "fail") == "migração: reverter (falhou)"
    assert act(t, "fault.inject:wrong-variable") == "falha: injetar: wrong-variable"
