"""Writing a run's reports, each whole or not at all, and pointing to the newest run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rollproof.errors import BadInput
from rollproof.evidence.about import render_environment, render_plan
from rollproof.evidence.allure_results import render_allure
from rollproof.evidence.facts import RunSummary
from rollproof.evidence.html import render_html
from rollproof.evidence.junit import render_junit
from rollproof.evidence.language import words
from rollproof.evidence.markdown import render_markdown
from rollproof.evidence.oscal import render_oscal
from rollproof.evidence.pdf import available, render_pdf
from rollproof.evidence.postmortem_files import drafts
from rollproof.evidence.standing.results import render_findings, render_result
from rollproof.evidence.summary import language_of, summarise
from rollproof.evidence.verdicts import render_verdicts
from rollproof.journal import History, read_journal
from rollproof.model.language import language_code

JOURNAL = "journal.ndjson"
LATEST = "latest"


REPORTS: dict[str, Callable[[RunSummary], bytes]] = {
    "report.html": lambda summary: render_html(summary, summary.facts.language).encode("utf-8"),
    "junit.xml": render_junit,
    "verdicts.json": render_verdicts,
    "plan.json": render_plan,
    "environment.json": render_environment,
    "result.json": render_result,
    "findings.json": render_findings,
    "oscal.json": render_oscal,
    "report.md": lambda summary: render_markdown(summary, summary.facts.language),
    "report.pdf": lambda summary: render_pdf(summary, summary.facts.language),
}
"""File names and what makes each of a summary. report.pdf only where typst is installed."""


def write_reports(
    run_folder: Path, *, into: Path | None = None, formats: Sequence[str] = (), language: str | None = None
) -> list[Path]:
    """Makes reports of a run from its journal, and returns their paths; `into` another folder.

    Each file appears whole, in place of an older one, or not at all.

    Args:
        formats: of FORMATS; without any, the files of a bundle.
        language: of LANGUAGES; without one, the run's own. In any other than that, files are named by it.

    Raises:
        BadInput: an unknown format or language. EnvironmentUnavailable: a PDF is asked for without typst.
        JournalError: the journal cannot be read or its chain is broken; no report is made of it.
        OSError: the folder cannot be written to.
    """
    expect_known(formats, language)
    history = read_journal(run_folder / JOURNAL)
    other = language is not None and language_code(language) != language_of(history)
    wanted = formats or (IN_LANGUAGES if other else ())
    files = rendered_as(history, wanted, language) if wanted else rendered(history)
    return [_replace((into or run_folder) / name, body) for name, body in files]


FORMATS = ("html", "pdf", "oscal", "markdown", "junit", "allure", "verdicts")
"""What a report can be asked for as."""
IN_LANGUAGES = ("html", "markdown", "pdf")
_FILES = {"oscal": "oscal.json", "junit": "junit.xml", "verdicts": "verdicts.json"}


def expect_known(formats: Sequence[str], language: str | None) -> None:
    """Raises BadInput for a format or a language that there is none of."""
    words(language or "en")
    for name in formats:
        if name not in FORMATS:
            raise BadInput(
                f"there is no report as {name!r}",
                doing="choosing what to write",
                remedy=f"some of {', '.join(FORMATS)}",
            )


def rendered_as(
    history: History, formats: Sequence[str], language: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """Reports in the formats asked for, in the run's language or another: names and what is in them."""
    summary = summarise(history)
    own = summary.facts.language
    language = language_code(language or own)
    ending = "" if language == own else f".{language}"
    for name in dict.fromkeys(formats):
        match name:
            case "html":
                yield f"report{ending}.html", render_html(summary, language).encode("utf-8")
            case "pdf":
                yield f"report{ending}.pdf", render_pdf(summary, language)
            case "markdown":
                yield f"report{ending}.md", render_markdown(summary, language)
            case "allure":
                yield from render_allure(history)
            case _:
                yield _FILES[name], REPORTS[_FILES[name]](summary)


def rendered(history: History) -> Iterator[tuple[str, bytes]]:
    """Every report of a run by its name. The same journal gives the same bytes."""
    summary = summarise(history)
    for name, render in REPORTS.items():
        if name != "report.pdf" or available():
            yield name, render(summary)
    yield from drafts(history, language=summary.facts.language)


def _replace(path: Path, body: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def point_latest(reports: Path, run: str) -> Path:
    """Makes `latest` in the reports folder lead to a run: a relative link, replaced in one step.

    Where links cannot be made (Windows without the right, some network drives) `latest` is a text
    file that holds the run's name; `latest_run` reads both.

    Raises:
        BadInput: `latest` is a folder of its own, which is not ours to remove.
    """
    pointer = reports / LATEST
    if pointer.is_dir() and not pointer.is_symlink():
        raise BadInput(
            "this is a folder, so it cannot lead to the newest run",
            doing="pointing to the newest run",
            where=str(pointer),
            remedy="move it elsewhere; `latest` is a name that Rollproof uses",
        )
    partial = reports / f".{LATEST}.{secrets.token_hex(4)}.part"
    try:
        try:
            partial.symlink_to(run, target_is_directory=True)
        except (OSError, NotImplementedError):
            partial.write_text(f"{run}\n", encoding="utf-8")
        partial.replace(pointer)
    finally:
        partial.unlink(missing_ok=True)
    return pointer


def latest_run(reports: Path) -> Path | None:
    """The folder that `latest` leads to, or None when there is none."""
    pointer = reports / LATEST
    if pointer.is_file():
        pointer = reports / pointer.read_text(encoding="utf-8").strip()
    return pointer.resolve() if pointer.is_dir() else None
