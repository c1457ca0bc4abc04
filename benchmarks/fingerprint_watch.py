"""What a look costs against a full fingerprint: `python -m benchmarks.fingerprint_watch`.

Schemas of 10, 60 and 150 tables (eight columns, primary key, foreign key, check and index each). After each
of a few changes, which go back and forth, the same connection takes a look and a full fingerprint in turn;
the least of each is printed, and how many times quicker the look is. "nothing" is a look at no change.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.fingerprint import take_fingerprint
from rollproof.fingerprint.watch import CatalogWatch
from rollproof.journal import Journal, Recorder
from rollproof.model.system import System

SIZES = (10, 60, 150)
ROUNDS = 10
CHANGES = {
    "nothing": ("SELECT 1", "SELECT 1"),
    "comment": ("COMMENT ON TABLE t1 IS 'a'", "COMMENT ON TABLE t1 IS 'b'"),
    "column": ("ALTER TABLE t1 ADD more text", "ALTER TABLE t1 DROP more"),
    "table": ("CREATE TABLE more (id serial PRIMARY KEY, r integer REFERENCES t1)", "DROP TABLE more"),
    "index": ("CREATE INDEX more ON t1 (b)", "DROP INDEX more"),
    "enum, in all tables": (
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'low'",
        "ALTER TYPE mood RENAME VALUE 'low' TO 'sad'",
    ),
}


def main() -> None:
    with _server() as conninfo:
        print(f"{'tables':>6}  {'after':20} {'look':>9} {'full':>9}  ratio")
        for size in SIZES:
            with psycopg.connect(conninfo, autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE bench_{size}")
            _measure(f"{conninfo} dbname=bench_{size}", size)


def _measure(conninfo: str, size: int) -> None:
    with (
        psycopg.connect(conninfo, autocommit=True) as worker,
        psycopg.connect(conninfo, autocommit=True) as observer,
    ):
        worker.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
        for number in range(size):
            worker.execute(
                f"CREATE TABLE t{number} (id serial PRIMARY KEY, a text NOT NULL, b varchar(20) DEFAULT 'x',"
                " c numeric(10,2) CHECK (c > 0), d timestamptz DEFAULT now(), m mood, j jsonb,"
                f" r integer REFERENCES t{max(number - 1, 0)}); CREATE INDEX ON t{number} (a)"
            )
        watch = CatalogWatch(observer)
        for name, statements in CHANGES.items():
            looks, fulls = zip(*_rounds(worker, observer, watch, statements), strict=True)
            look, full = min(looks[2:]), min(fulls[2:])
            print(f"{size:>6}  {name:20} {look:>6.2f} ms {full:>6.1f} ms  {full / look:.0f}")
        watch.check()


def _rounds(
    worker: psycopg.Connection, observer: psycopg.Connection, watch: CatalogWatch, statements: tuple[str, str]
) -> Iterator[tuple[float, float]]:
    for number in range(ROUNDS * 2):
        worker.execute(statements[number % 2].encode())
        started = time.perf_counter()
        watch.look()
        looked = time.perf_counter()
        take_fingerprint(observer)
        yield (looked - started) * 1e3, (time.perf_counter() - looked) * 1e3


@contextmanager
def _server() -> Iterator[str]:
    system = System.model_validate({"system": {"name": "bench"}, "database": {"migrations": {"path": "."}}})
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal(Path(folder) / "journal.ndjson", run="bench") as journal,
        EmbeddedEnvironment().open(system, Recorder(journal, "run")) as opened,
    ):
        yield opened.postgres().conninfo("postgres")


if __name__ == "__main__":
    main()
