"""Which reports of a walk go where."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from rollproof.errors import BadInput
from rollproof.walk.model import WalkResult
from rollproof.walk.reports.github import render_github
from rollproof.walk.reports.html import render_html
from rollproof.walk.reports.junit import render_junit
from rollproof.walk.reports.plain import render_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Files to be written; None where none is wanted. `github` prints annotations.

    GitHub's own variable decides when `github` is None.
    """

    json: Path | None = None
    html: Path | None = None
    junit: Path | None = None
    text: Path | None = None
    github: bool | None = None

    def expect_writable(self) -> None:
        """Before the walk, not after it. Raises BadInput for a file that has no folder, or is one."""
        for file in filter(None, (self.json, self.html, self.junit, self.text)):
            folder = file.absolute().parent
            if not folder.is_dir():
                raise BadInput("there is no such folder", where=str(folder), remedy="make it first")
            if file.is_dir():
                raise BadInput("this is a folder", where=str(file), remedy="name a file in it")
            if not os.access(file if file.exists() else folder, os.W_OK):
                raise BadInput("this cannot be written", where=str(file), remedy="name another file")

    def write(self, result: WalkResult) -> None:
        """Writes every file that is wanted. Raises BadInput when the disk will not have it."""
        if self.json:
            _put(self.json, json.dumps(result.to_json(), indent=1) + "\n")
        if self.html:
            _put(self.html, render_html(result))
        if self.junit:
            _put(self.junit, render_junit(result).decode())
        if self.text:
            _put(self.text, render_plain(result, everything=True))

    def annotations(self, result: WalkResult) -> str:
        """What is printed for GitHub; empty elsewhere."""
        asked = os.environ.get("GITHUB_ACTIONS") == "true" if self.github is None else self.github
        return render_github(result) if asked else ""


def _put(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BadInput(f"this cannot be written: {why}", where=str(file), remedy="make room there") from error
