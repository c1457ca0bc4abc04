"""Verdicts of a slow, plain method, and where Rollproof's are other."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollproof.walk.model import RevisionResult

_VERDICTS = {
    "restored": {"restored"},
    "order_only": {"order_only"},
    "not_restored": {"not_restored"},
    "down_error": {"cannot_run"},
    "up_failed": {"up_failed", "environment"},
    "no_down": {"no_down"},
}
_AGAIN = {"same": {"same", "order_only"}, "error": {"failed"}, "differs": {"differs"}}
_EXPLANATIONS = Path(__file__).with_name("explanations.toml")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One migration that the two say different things of.

    Attributes:
        right: `ours`, `theirs` or `both`; empty when nobody has found out. why: in one sentence.
    """

    corpus: str
    id: str
    theirs: str
    ours: str
    right: str = ""
    why: str = ""


def read_truth(folder: Path, corpus: str) -> dict[str, dict[str, Any]]:
    """The records of one history, by key."""
    found = json.loads((folder / f"{corpus}.json").read_text("utf-8"))
    return {key(corpus, str(record["id"])): record for record in found["migrations"]}


def key(corpus: str, name: str) -> str:
    """What both name a migration by: the revision alone for Alembic, whose messages may be cut."""
    return name if corpus.startswith("dj_") else name.split(maxsplit=1)[0]


def compare(
    corpus: str, truth: Mapping[str, Mapping[str, Any]], ours: Mapping[str, RevisionResult]
) -> list[Disagreement]:
    """Everything that the two do not agree on, explained as far as explanations.toml does."""
    explained = tomllib.loads(_EXPLANATIONS.read_text("utf-8")).get(corpus, {})
    return [
        Disagreement(corpus, name, theirs, own, **explained.get(name, {}))
        for name, theirs, own in _differing(truth, ours)
    ]


def _differing(
    truth: Mapping[str, Mapping[str, Any]], ours: Mapping[str, RevisionResult]
) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*truth, *ours]):
        theirs, own = truth.get(name), ours.get(name)
        if theirs is None or own is None:
            yield name, _said(theirs), f"{own.outcome}, again {own.again}" if own else "not there"
        elif not agree(theirs, own):
            yield name, _said(theirs), f"{own.outcome}, again {own.again}"


def _said(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "not there"
    nothing = ", a down that does nothing" if record.get("noop_down") else ""
    return f"{record['verdict']}{nothing}, again {record.get('reup') or 'not tried'}"


def agree(theirs: Mapping[str, Any], ours: RevisionResult) -> bool:
    """True when both say the same in their own words, of the rollback and of applying it again."""
    wanted = _VERDICTS[theirs["verdict"]] | ({"did_nothing"} if theirs.get("noop_down") else set())
    again = _AGAIN.get(theirs.get("reup") or "")
    return ours.outcome.value in wanted and (again is None or ours.again.value in again)
