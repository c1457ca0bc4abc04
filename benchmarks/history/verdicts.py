"""Rollproof's verdicts of the histories, run natively, without and with made-up rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.history.corpora import Corpus
from benchmarks.history.truth import key
from rollproof.environments.base import PostgresServer
from rollproof.walk.model import RevisionResult, WalkResult
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk


@dataclass(frozen=True)
class Verdicts:
    """One history walked twice."""

    plain: WalkResult
    rows: WalkResult

    def changed(self) -> Iterator[tuple[RevisionResult, RevisionResult]]:
        """Migrations that made-up rows show in another light."""
        for one, other in zip(self.plain.migrations, self.rows.migrations, strict=True):
            if (one.outcome, one.again) != (other.outcome, other.again):
                yield one, other

    @property
    def emptied(self) -> list[RevisionResult]:
        """Migrations that can only be applied to tables without made-up rows."""
        return [item for item in self.rows.migrations if any(_must_be_empty(n.why) for n in item.no_rows)]


def judge(corpus: Corpus, venvs: Path, server: PostgresServer) -> Verdicts:
    """Walks it natively without rows, then with."""
    plain, rows = (native(corpus, venvs, server, rows=rows) for rows in (False, True))
    return Verdicts(plain, rows)


def native(corpus: Corpus, venvs: Path, server: PostgresServer, *, rows: bool) -> WalkResult:
    """One walk by the project's own tool."""
    reopen = partial(corpus.open, venvs)
    return walk(reopen(), server, WalkSettings(rows=rows, reopen=reopen))


def by_key(corpus: Corpus, result: WalkResult) -> Mapping[str, RevisionResult]:
    """The results as the reference names them."""
    return {key(corpus.name, item.id): item for item in result.migrations}


def seen_in_rows(result: RevisionResult) -> str:
    """What the rows show, in a few words."""
    if result.failures:
        failure = result.failures[0]
        return f"{failure.phase}: {failure.found.splitlines()[0]}"
    said = []
    for change in result.rows:
        counts = [f"{n} {what}" for what in ("lost", "changed", "added") if (n := getattr(change, what))]
        columns = f" ({', '.join(change.lost_columns)})" if change.lost_columns else ""
        said.append(f"{change.table.removeprefix('public.')}: {', '.join(counts)}{columns}")
    return "; ".join(said[:4]) + (f"; and {len(said) - 4} more" if len(said) > 4 else "")


def _must_be_empty(why: str) -> bool:
    return "cannot be applied while" in why
