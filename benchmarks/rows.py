"""How fast all rows of a table are digested: `python -m benchmarks.rows [--gigabytes 1]`.

Two tables in an embedded Postgres, each of the size that is asked for: accounts, narrow as pgbench's,
and mixed, of uuid, jsonb, numeric, text and timestamptz. Each is counted, digested and dumped in the
same run, and each figure is the best of a few runs. Writes benchmarks/rows.md.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.fingerprint import digest_rows, snapshot
from rollproof.fingerprint.rows import text_digest
from rollproof.fingerprint.tables import read_tables
from rollproof.journal import Journal, Recorder
from rollproof.model.system import System

ROOT = Path(__file__).parents[1]
TARGET = 220
"""Megabytes a second that a sound digest is to reach on two cores."""
TABLES = {
    "accounts": (
        7_500_000,
        "SELECT g::integer AS aid, (g % 10)::integer AS bid, (g * 7919 % 100000)::integer AS abalance,"
        " ''::char(84) AS filler FROM generate_series(1, {rows}::bigint) AS g",
    ),
    "mixed": (
        3_050_000,
        "SELECT gen_random_uuid() AS id, jsonb_build_object('name', 'user ' || g, 'tags',"
        " jsonb_build_array('a', 'b', g % 7), 'n', g) AS doc, (g * 1.37)::numeric(12, 2) AS amount,"
        " repeat(md5(g::text), 5) AS body, timestamptz '2024-01-01' + g * interval '1 s' AS at"
        " FROM generate_series(1, {rows}::bigint) AS g",
    ),
}
"""Rows a gigabyte, and what they are."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of each table (default 1)")
    parser.add_argument("--runs", type=int, default=3, help="the best of how many (default 3)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "rows.md")
    chosen = parser.parse_args()
    with server() as postgres:
        measured = {name: measure(postgres, name, chosen.gigabytes, chosen.runs) for name in TABLES}
        table = render(measured, postgres)
    chosen.output.write_text(table, encoding="utf-8")
    print(table)


@contextmanager
def server() -> Iterator[PostgresServer]:
    """An embedded Postgres that goes away again."""
    system = System.model_validate({"system": {"name": "rows"}, "database": {"migrations": {"path": "."}}})
    with (
        tempfile.TemporaryDirectory() as scratch,
        Journal(Path(scratch) / "journal.ndjson", run="rows") as journal,
        EmbeddedEnvironment().open(system, Recorder(journal, "run")) as opened,
    ):
        yield opened.postgres()


def measure(postgres: PostgresServer, table: str, gigabytes: float, runs: int) -> dict[str, float]:
    """Seconds by what was done, and the table's `megabytes`."""
    with psycopg.connect(postgres.conninfo("postgres"), autocommit=True) as conn:
        megabytes = make(conn, table, gigabytes)
        seconds = {
            "count(*)": best(
                runs, lambda: conn.execute(sql.SQL("SELECT count(*) FROM {}").format(_name(table)))
            ),
            "digest_rows": best(runs, lambda: digest_rows(conn, tables=[f"public.{table}"])),
            "the same over each row's text": best(runs, lambda: by_text(conn, table)),
            "pg_dump -Fc, not compressed": best(1, lambda: dump(postgres, table, "none")),
            "pg_dump -Fc (gzip, the default)": best(1, lambda: dump(postgres, table, "gzip")),
        }
        conn.execute(sql.SQL("DROP TABLE {}").format(_name(table)))
    return {"megabytes": megabytes, **seconds}


def _name(table: str) -> sql.Identifier:
    return sql.Identifier("public", table)


def make(conn: psycopg.Connection, table: str, gigabytes: float) -> float:
    """Fills a table; its size in megabytes of 10^6 bytes."""
    rows, query = TABLES[table]
    some = sql.SQL(query.format(rows=int(rows * gigabytes)))
    conn.execute(sql.SQL("CREATE TABLE {} AS {}").format(_name(table), some))
    conn.execute(sql.SQL("VACUUM (ANALYZE) {}").format(_name(table)))
    found = conn.execute("SELECT pg_table_size(%s::regclass)", [f"public.{table}"]).fetchone()
    assert found is not None
    return float(found[0]) / 1e6


def best(runs: int, action: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def by_text(conn: psycopg.Connection, table: str) -> None:
    with snapshot(conn, doing="measuring"):
        (found,) = [each for each in read_tables(conn) if each.name == table]
        text_digest(conn, found)


def dump(postgres: PostgresServer, table: str, compression: str) -> None:
    level = "0" if compression == "none" else "6"
    command = [postgres.program("pg_dump"), "-Fc", f"--compress={level}", f"--table=public.{table}"]
    environment = postgres.program_environment("postgres")
    subprocess.run(command, env=environment, check=True, timeout=3600, stdout=subprocess.DEVNULL)


def render(measured: dict[str, dict[str, float]], postgres: PostgresServer) -> str:
    """The table as Markdown."""
    ways = [way for way in next(iter(measured.values())) if way != "megabytes"]
    lines = [f"| {way} | {' | '.join(_cell(found, way) for found in measured.values())} |" for way in ways]
    sizes = ", ".join(f"{name} {found['megabytes']:.0f} MB" for name, found in measured.items())
    reached = {name: found["megabytes"] / found["digest_rows"] for name, found in measured.items()}
    verdicts = ", ".join(f"{name} {speed:.0f} MB/s" for name, speed in reached.items())
    return "\n".join(
        [
            "# How fast all rows of a table are digested",
            "",
            f"{sizes}; {psutil.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GB, "
            f"{platform.system()} {platform.machine()}, Postgres {postgres.major}, all in one run; a load of "
            f"{psutil.getloadavg()[0]:.1f} at its end.",
            f"Wanted: a sound digest at {TARGET} MB/s; found: {verdicts}.",
            "",
            f"| | {' | '.join(measured)} |",
            f"|---|{'---:|' * len(measured)}",
            *lines,
            "",
            "Each digest misses a change with a chance of 2^-64, values that swap places included. Megabytes",
            "are 10^6 bytes on disk; times count(*) in the same run say more than megabytes a second where a",
            "machine is shared. Made by `python -m benchmarks.rows`.",
            "",
        ]
    )


def _cell(found: dict[str, float], way: str) -> str:
    seconds, speed, times = found[way], found["megabytes"] / found[way], found[way] / found["count(*)"]
    return f"{seconds:.2f} s, {speed:.0f} MB/s, {times:.1f} x count(*)"


if __name__ == "__main__":
    main()
