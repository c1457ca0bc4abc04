"""Annotations that GitHub shows beside the lines of a pull request: workflow commands, one a line.

The format is documented under "Workflow commands for GitHub Actions"; `%`, line ends, and in
properties `:` and `,` too, are written as percent escapes there.
"""

from __future__ import annotations

from collections.abc import Iterator

from rollproof.walk.model import Failure, Finding, RevisionResult, WalkResult
from rollproof.walk.reports.plain import details
from rollproof.walk.wording import headline, place, shown


def render_github(result: WalkResult) -> str:
    """One annotation for each migration that fails, or is accepted, at the line to be mended."""
    lines = [_annotation(one) for one in result.migrations if not one.passes or one.accepted]
    return "".join(f"{line}\n" for line in lines)


def _annotation(result: RevisionResult) -> str:
    level = "notice" if result.accepted else "error"
    path, line = next(_places(result), (shown(result.path), None))
    properties = {"file": path, "line": str(line or 1), "title": f"{result.id}: {headline(result)}"}
    body = [result.accepted] if result.accepted else details(result)
    written = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{level} {written}::{_data(chr(10).join(body) or headline(result))}"


def _places(result: RevisionResult) -> Iterator[tuple[str, int | None]]:
    found: list[Finding | Failure] = [*result.failures, *result.differences]
    yield from (place(one) for one in found if place(one)[0])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
