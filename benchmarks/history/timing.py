"""Three ways to look at the same pairs of SQL files: bare, with Rollproof, with dumps compared."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg

from rollproof.environments.base import PostgresServer
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools import pairs
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.walk.model import WalkResult
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk

_NAME = "compared"
_NOISE = ("--", "\\restrict", "\\unrestrict", "SET ", "SELECT pg_catalog.set_config")


@dataclass
class Times:
    """Seconds of each run of each way, and the last result of a walk."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    results: dict[str, WalkResult] = field(default_factory=dict)

    def best(self, way: str) -> float | None:
        """The quickest run; None when there was none."""
        return min(self.seconds[way]) if self.seconds.get(way) else None

    def ratio(self, way: str, to: str) -> float | None:
        """How many times as long as another way."""
        one, other = self.best(way), self.best(to)
        return one / other if one and other else None


def opened(folder: Path) -> MigrationSource:
    """The pairs, as golang-migrate's."""
    return pairs.open(folder, ToolSettings())


def measure(folder: Path, server: PostgresServer, *, rounds: int = 3, dumps: bool = True) -> Times:
    """All ways in turn, so that whatever else the machine does disturbs all alike."""
    times = Times()
    for number in range(rounds):
        take(times, "bare", partial(bare, folder, server))
        take(times, "no rows", partial(walked, folder, server, rows=False))
        take(times, "rows", partial(walked, folder, server, rows=True))
        if dumps and number == 0:
            take(times, "dumps", partial(bare, folder, server, look=True))
    return times


def take(times: Times, way: str, action: Callable[[], WalkResult | None]) -> None:
    started = time.perf_counter()
    result = action()
    times.seconds.setdefault(way, []).append(time.perf_counter() - started)
    if result is not None:
        times.results[way] = result


def walked(folder: Path, server: PostgresServer, *, rows: bool, workers: int = 1) -> WalkResult:
    """Rollproof, with all that it does by default but the start of the server."""
    settings = WalkSettings(rows=rows, workers=workers, reopen=partial(opened, folder))
    return walk(opened(folder), server, settings)


def bare(folder: Path, server: PostgresServer, *, look: bool = False) -> None:
    """Up, down and up again of each, each over a connection of its own; with a dump after each, if wanted.

    What fails leaves the database as it was, since a file is sent as one message.
    """
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {_NAME}")
    before = dump(server) if look else ""
    for up in sorted(folder.glob("*.up.sql")):
        down = up.with_name(up.name.replace(".up.sql", ".down.sql"))
        texts = [path.read_bytes() for path in (up, down, up)]
        states = [_run(server, text, look=look) for text in texts]
        if look:
            verdict = (states[1] == before, states[2] == states[0])
            assert len(verdict) == 2
            before = states[2]
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {_NAME} WITH (FORCE)")


def _run(server: PostgresServer, text: bytes, *, look: bool) -> str:
    with psycopg.connect(server.conninfo(_NAME), autocommit=True) as conn:
        conn.pgconn.exec_(text)
    return dump(server) if look else ""


def dump(server: PostgresServer) -> str:
    """The schema as pg_dump has it, without what differs from dump to dump."""
    command = [server.program("pg_dump"), "--schema-only", "--no-owner"]
    done = subprocess.run(
        command, env=dict(server.program_environment(_NAME)), check=True, capture_output=True, text=True
    )
    return "\n".join(line for line in done.stdout.splitlines() if line and not line.startswith(_NOISE))
