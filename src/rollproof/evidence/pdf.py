"""report.pdf: PDF/A-3 for a person who files it, with verdicts.json attached; made by typst, offline.

The layout is templates/report.typ, what it shows is paper.py's. typst reads it as JSON, so no text
of a journal is ever markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, Literal

from rollproof.errors import EnvironmentUnavailable
from rollproof.evidence.facts import RunSummary
from rollproof.evidence.language import words
from rollproof.evidence.letters import ascii_only, printed
from rollproof.evidence.paper import paper
from rollproof.evidence.verdicts import render_verdicts
from rollproof.evidence.wording import one_line, printable

STANDARD: Literal["a-3a"] = "a-3a"
"""ISO 19005-3, level A: files may be attached, and the structure is there for readers that speak."""
_LONGEST = 400
_PARAGRAPHS = frozenset({"lead", "texts"})
"""What may be longer: paragraphs of our own"""
_LONGEST_PARAGRAPH = 4000
_WHOLE = frozenset({"facts", "signed_head", "signatures", "title", "author", "texts", "language", "region"})
"""Where words are not broken: set in full width, or read by programs."""
_UNBROKEN = re.compile(r"\S{25,}")
_BREAKS = re.compile(r"([/._,:;&?=@-]+|\w{24})(?=\S)")
_BREAK = "\u200b"


def available() -> bool:
    """Whether typst is installed. It is imported when a PDF is made."""
    try:
        return find_spec("typst") is not None
    except ValueError:  # it is there in name alone
        return False


def render_pdf(summary: RunSummary, language: str = "en") -> bytes:
    """The report as PDF/A-3. The same summary gives the same bytes: its dates are the journal's.

    Raises BadInput for an unknown language, EnvironmentUnavailable without typst or when it refuses.
    """
    data, verdicts = paper(summary, words(language)), render_verdicts(summary).decode("utf-8")
    try:
        return _compiled(_fit(data, printed), verdicts)
    except _Refused:  # letters that cannot be set together: then each is a code point
        try:
            return _compiled(_fit(data, ascii_only), verdicts)
        except _Refused as error:
            raise EnvironmentUnavailable(
                f"typst refused: {one_line(str(error), 300)}",
                doing="writing report.pdf",
                remedy="leave pdf out; the other reports say the same",
            ) from error


class _Refused(Exception):
    """typst did not take it; says why."""


def _compiled(data: Mapping[str, Any], verdicts: str) -> bytes:
    try:
        import typst
    except ImportError as error:
        raise EnvironmentUnavailable(
            "typst is not installed",
            doing="writing report.pdf",
            remedy="pip install 'rollproof[reports]', or leave pdf out",
        ) from error
    inputs = {"data": json.dumps(data, ensure_ascii=False), "verdicts": verdicts}
    try:
        body = typst.compile(
            _template(), format="pdf", sys_inputs=inputs, pdf_standards=[STANDARD], ignore_system_fonts=True
        )
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  a panic in Rust is no Exception
        raise _Refused(str(error)) from None
    assert isinstance(body, bytes)
    return body


@cache
def _template() -> bytes:
    return (files("rollproof.evidence") / "templates" / "report.typ").read_bytes().replace(b"\r\n", b"\n")


def _fit(value: Any, letters: Callable[[str], str], *, longest: int = _LONGEST, whole: bool = False) -> Any:
    """Every text on its way to paper: visible, of letters that the fonts have, not endless, and with places
    where long names may be broken."""
    if isinstance(value, str):
        text = letters(printable(value[: 4 * longest]))
        text = text if len(text) <= longest else f"{text[: longest - 1]}…"
        return (
            text if whole else _UNBROKEN.sub(lambda match: _BREAKS.sub(rf"\1{_BREAK}", match.group()), text)
        )
    if isinstance(value, Mapping):
        return {
            key: _fit(
                item,
                letters,
                longest=_LONGEST_PARAGRAPH if key in _PARAGRAPHS else longest,
                whole=whole or key in _WHOLE,
            )
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_fit(item, letters, longest=longest, whole=whole) for item in value]
    return value
