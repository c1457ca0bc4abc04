"""Histories as long as you like: is the time of a migration, and the memory of the walk, always the same?"""

# ruff: noqa: S608  the names are made up here

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks.history.timing import opened
from rollproof.environments.base import PostgresServer
from rollproof.walk.model import RevisionResult
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk

_BROKEN = 10
"""each so-manieth rollback does not work"""
_PER_TABLE = 10
"""migrations of one table: it is made, altered, filled and, each second one, dropped at the end"""


@dataclass(frozen=True)
class Growth:
    """Seconds for a migration in each quarter, and megabytes of the walk's process at some lengths."""

    count: int
    quarters: tuple[float, ...]
    memory: tuple[tuple[int, int], ...]
    seconds: float
    totals: dict[str, int]


def generate(folder: Path, count: int) -> None:
    """Writes the pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        up, down = _pair(number - 1)
        broken = number % _BROKEN == _BROKEN // 2
        (folder / f"{number:06d}_step.up.sql").write_text(up, "utf-8")
        (folder / f"{number:06d}_step.down.sql").write_text("SELECT 1;\n" if broken else down, "utf-8")


def _pair(place: int) -> tuple[str, str]:
    number, turn = divmod(place, _PER_TABLE)
    t = f"t{number:05d}"
    made = f"CREATE TABLE {t} (id serial PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now());\n"
    last = (
        (f"DROP TABLE {t};\n", f"{made}ALTER TABLE {t} ADD COLUMN n bigint, ADD COLUMN kind {t}_kind;\n")
        if number % 2
        else (f"COMMENT ON TABLE {t} IS 'kept';\n", f"COMMENT ON TABLE {t} IS NULL;\n")
    )
    return (
        (made, f"DROP TABLE {t};\n"),
        (f"ALTER TABLE {t} ADD COLUMN n int;\n", f"ALTER TABLE {t} DROP COLUMN n;\n"),
        (f"CREATE INDEX {t}_name ON {t} (name);\n", f"DROP INDEX {t}_name;\n"),
        (f"ALTER TABLE {t} ADD CHECK (n > -5);\n", f"ALTER TABLE {t} DROP CONSTRAINT {t}_n_check;\n"),
        (f"ALTER TABLE {t} ALTER n TYPE bigint;\n", f"ALTER TABLE {t} ALTER n TYPE int;\n"),
        (f"CREATE VIEW {t}_all AS SELECT id, name FROM {t};\n", f"DROP VIEW {t}_all;\n"),
        (f"DROP VIEW IF EXISTS {t}_all;\n", f"CREATE VIEW {t}_all AS SELECT id, name FROM {t};\n"),
        (f"CREATE TYPE {t}_kind AS ENUM ('a', 'b');\n", f"DROP TYPE {t}_kind;\n"),
        (f"ALTER TABLE {t} ADD COLUMN kind {t}_kind;\n", f"ALTER TABLE {t} DROP COLUMN kind;\n"),
        last,
    )[turn]


def grow(folder: Path, server: PostgresServer, *, rows: bool, workers: int = 1) -> Growth:
    """Walks it in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_grow, folder, server, rows=rows, workers=workers).result()


def _grow(folder: Path, server: PostgresServer, *, rows: bool, workers: int) -> Growth:
    process, memory, times = psutil.Process(), [], [time.perf_counter()]

    def told(_: RevisionResult) -> None:
        times.append(time.perf_counter())
        if len(times) - 1 in (1, 500, 1000, 2000):
            memory.append((len(times) - 1, process.memory_info().rss >> 20))

    settings = WalkSettings(rows=rows, workers=workers, reopen=partial(opened, folder))
    result = walk(opened(folder), server, settings, on_result=told)
    quarter = (len(times) - 1) // 4
    spent = [(times[(n + 1) * quarter] - times[n * quarter]) / quarter for n in range(4)]
    return Growth(len(times) - 1, tuple(spent), tuple(memory), result.seconds, result.totals)
