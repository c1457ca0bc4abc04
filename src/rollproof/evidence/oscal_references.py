"""What NIST's schema does not tell of an OSCAL file: whether its references lead anywhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from rollproof.journal import History
from rollproof.model.json import Json

_REFERENCES = frozenset({"observation-uuid", "subject-uuid"})


def oscal_findings(body: bytes, history: History) -> list[str]:
    """What is wrong with an OSCAL file beside a journal: dangling references, UUIDs twice, another head.

    NIST's schema tells nothing of these, nor do validators that were tried.
    """
    try:
        document = json.loads(body)["assessment-results"]
        found = _Found()
        found.walk(document)
        heads = [one["value"] for one in document["metadata"]["props"] if one["name"] == "journal-head"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [f"this is no OSCAL assessment result ({type(error).__name__})"]
    problems = found.problems()
    head = history.events[-1].hash if history.events else "none"
    return problems if heads == [head] else [*problems, "it is of another journal"]


class _Found:
    """What a document defines, and what it refers to."""

    def __init__(self) -> None:
        self.defined: list[str] = []
        self.referred: list[tuple[str, str]] = []
        self.objectives: set[str] = set()
        self.targets: list[str] = []

    def walk(self, value: Json) -> None:
        if isinstance(value, Mapping):
            for name, item in value.items():
                self._see(name, item)
                self.walk(item)
        elif isinstance(value, list):
            for item in value:
                self.walk(item)

    def _see(self, name: str, item: Json) -> None:
        if name == "uuid":
            self.defined.append(str(UUID(str(item))))
        elif name in _REFERENCES:
            self.referred.append((name, str(item)))
        elif name == "party-uuids" and isinstance(item, list):
            self.referred += [(name, str(one)) for one in item]
        elif name == "href" and str(item).startswith("#"):
            self.referred.append((name, str(item)[1:]))
        elif name == "parts" and isinstance(item, list):
            self.objectives |= {str(one["id"]) for one in item if isinstance(one, Mapping)}
        elif name == "target-id":
            self.targets.append(str(item))

    def problems(self) -> list[str]:
        known = set(self.defined)
        twice = sorted(one for one, many in Counter(self.defined).items() if many > 1)
        return [
            *(f"the UUID {one} is there more than once" for one in twice),
            *(f"{name} {one} leads nowhere" for name, one in self.referred if one not in known),
            *(f"target-id {one} leads nowhere" for one in self.targets if one not in self.objectives),
        ]
