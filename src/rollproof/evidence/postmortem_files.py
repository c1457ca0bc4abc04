"""Keeping post-mortems: a Markdown file for each incident, in the run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rollproof.errors import BadInput
from rollproof.evidence.postmortem import draft, events_of, file_name, has_incident, said_of
from rollproof.journal import History, Kind, read_journal

FOLDER = "post-mortem"
JOURNAL = "journal.ndjson"


def write_post_mortems(run: Path, *, wanted: str | None = None, language: str = "en") -> list[Path]:
    """Writes the draft of each scenario with an incident, or of those whose name or id has `wanted` in it.

    Raises:
        JournalError: the journal cannot be read.
        BadInput: no such scenario, or none with an incident; the language is unknown.
        OSError: the folder cannot be written to.
    """
    history = read_journal(run / JOURNAL)
    named = {event.actor: said_of(event.data) for event in history.all("scenario.started")}
    chosen = [actor for actor, name in named.items() if wanted is None or wanted in name or wanted in actor]
    parts = {actor: History(events_of(history, actor), history.attachments) for actor in chosen}
    found = {actor: part for actor, part in parts.items() if has_incident(part)}
    if not found:
        raise BadInput(
            "no scenario of that name has an incident"
            if wanted
            else "no scenario of this run has an incident",
            doing="drafting a post-mortem",
            where=str(run),
            remedy="name part of one: " + ("; ".join(list(named.values())[:5]) or "the run has no scenario"),
        )
    return [
        write_draft(run, actor, draft(part, language=language), language=language)
        for actor, part in found.items()
    ]


def write_draft(run: Path, scenario: str, text: str, *, language: str = "en") -> Path:
    """Puts one draft into the run's folder, in place of an older one."""
    path = run / FOLDER / file_name(scenario, language=language)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def drafts(history: History, *, language: str = "en") -> Iterator[tuple[str, bytes]]:
    """Whole drafts, verdicts included, of what was drafted while a drill went on: their names in the run's
    folder, and what they hold in that language."""
    for actor in dict.fromkeys(event.actor for event in history.all("postmortem.draft", Kind.OK)):
        part = History(events_of(history, actor), history.attachments)
        if has_incident(part):
            yield f"{FOLDER}/{file_name(actor)}", draft(part, language=language).encode()
