"""The same three ways by the project's own tool: bare, Rollproof without rows, Rollproof with."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.history.corpora import Corpus
from benchmarks.history.rivals import fresh
from benchmarks.history.timing import Times, take
from benchmarks.history.verdicts import native
from rollproof.environments.base import PostgresServer
from rollproof.errors import RollproofError
from rollproof.migrations.direct import DirectRunner

_NAME = "natively"


def measure_native(corpus: Corpus, venvs: Path, server: PostgresServer, *, rounds: int = 2) -> Times:
    """All in turn. The worker's start is in all of them, since each has one of its own."""
    times = Times()
    for _ in range(rounds):
        take(times, "bare", partial(bare, corpus, venvs, server))
        take(times, "no rows", partial(native, corpus, venvs, server, rows=False))
        take(times, "rows", partial(native, corpus, venvs, server, rows=True))
    return times


def bare(corpus: Corpus, venvs: Path, server: PostgresServer) -> None:
    """Up, down, up again in the tool's own worker, and nothing looked at.

    Where a second up fails, the database is made anew, as whoever does this by hand would have to.
    """
    source = corpus.open(venvs)
    runner = DirectRunner(server, _NAME, limit=120, locks=False)
    done = []
    try:
        _begin(source, runner, server)
        for migration in source.load():
            source.apply(migration, runner)
            done.append(migration)
            try:
                source.roll_back(migration, runner)
                source.apply(migration, runner)
            except RollproofError:
                _begin(source, runner, server)
                for earlier in done:
                    source.apply(earlier, runner)
    finally:
        source.close()


def _begin(source: object, runner: DirectRunner, server: PostgresServer) -> None:
    fresh(server, _NAME)
    if before_first := getattr(source, "before_first", None):
        before_first(runner)
