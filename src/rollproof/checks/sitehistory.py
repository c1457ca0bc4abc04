"""What a history holds of sites: builds by label, what was answered, what a browser said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollproof.checks.evidence import as_list, as_object, need
from rollproof.journal import History
from rollproof.model.json import Json


@dataclass(frozen=True)
class Seen:
    """All that was recorded of one site.

    Attributes:
        builds: by label, in the order in which they were captured.
        answers: by label, of each path what it was answered with.
        opened: by label, what a browser said.
    """

    name: str
    builds: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Mapping[str, Json]]] = field(default_factory=dict)
    opened: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    def files(self, label: str) -> Mapping[str, Mapping[str, Json]]:
        found = as_object(self.builds[label]["files"])
        return {path: as_object(said) for path, said in found.items()}

    def pages(self, label: str) -> list[str]:
        return [str(page) for page in as_list(self.builds[label]["pages"])]

    def root(self, label: str) -> str:
        return str(self.builds[label]["root"])

    def names(self, label: str) -> list[tuple[str, str, str, str, bool]]:
        """Who names which path as what, with which integrity, and whether it may be missing."""
        rows = (as_list(row) for row in as_list(self.builds[label]["names"]))
        return [(str(r[0]), str(r[1]), str(r[2]), str(r[3]), bool(r[4])) for r in rows]

    def wanted(self, label: str) -> list[str]:
        """Every path that a visitor asks because of a build."""
        root = ["/"] if self.root(label) in self.files(label) else []
        return list(
            dict.fromkeys([*root, *self.pages(label), *(n[1] for n in self.names(label) if not n[4])])
        )

    def stored(self, label: str, path: str) -> Mapping[str, Json] | None:
        """What a build has under a path."""
        return self.files(label).get(self.root(label) if path == "/" else path)

    def answer(self, label: str, path: str) -> Mapping[str, Json] | None:
        return self.answers.get(label, {}).get(path)


def seen_sites(history: History, *labels: str) -> list[Seen]:
    """Every site, with what was captured and answered. NotRecorded when one lacks a label of `labels`."""
    first = need(history.first("site.build"), "any site")
    names = dict.fromkeys(str(event.data["name"]) for event in [first, *history.all("site.build")])
    found = [_seen(history, name) for name in names]
    for seen in found:
        for label in labels:
            need(first if label in seen.builds else None, f"the build of site {seen.name} {label}")
            need(first if label in seen.answers else None, f"what site {seen.name} answered {label}")
    return found


def _seen(history: History, name: str) -> Seen:
    answers = {
        label: {path: as_object(said) for path, said in as_object(kept).items()}
        for label, kept in _kept(history, "site.answers", name).items()
    }
    builds = {label: as_object(kept) for label, kept in _kept(history, "site.build", name).items()}
    opened = {label: as_object(kept) for label, kept in _kept(history, "site.opened", name).items()}
    return Seen(name, builds, answers, opened)


def _kept(history: History, act: str, name: str) -> dict[str, Json]:
    """The newest attachment under each label."""
    events = [event for event in history.all(act) if event.data.get("name") == name]
    return {str(event.data["label"]): history.attachment(event.data["kept"]) for event in events}


def need_opened(history: History, name: str, label: str) -> Mapping[str, Json]:
    events = [e for e in history.all("site.opened") if e.data.get("name") == name]
    event = next((e for e in reversed(events) if e.data["label"] == label), None)
    return as_object(history.attachment(need(event, f"opening site {name} {label}").data["kept"]))
