"""A dump in plain SQL, and restoring it with psql: into an empty database, all of it or nothing."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rollproof.components.postgres.admin import connected, create_database, undo_database
from rollproof.components.postgres.backup import DUMP_SECONDS
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.observers import compare_in, observe_in
from rollproof.components.postgres.programs import run_program
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.faults.base import Fault
from rollproof.fingerprint import snapshot, take_fingerprint
from rollproof.model.json import JsonObject

TRAILER = b"\n-- PostgreSQL database dump complete\n"
"""what pg_dump ends a dump in plain SQL with, since 7.3"""
_TAIL = 4096
_RELATIONS = """
SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


class Dump:
    """The scenario's dump, and where it is restored."""

    def __init__(self, drill: Drill) -> None:
        bench = drill.use(Bench)
        self.path: Path = bench.scratch / "backups" / f"{bench.name}.sql"
        self.target = ""

    @property
    def file(self) -> Path:
        """Its file. Raises PreconditionNotMet when none was made."""
        if not self.path.exists():
            raise PreconditionNotMet(
                "no dump was made", remedy="add `Given a dump of the database in plain SQL`"
            )
        return self.path


@dataclass(frozen=True)
class DumpPlain(Act):
    """`pg_dump` in plain SQL, of the very snapshot whose fingerprint is taken."""

    name = "dump.take"

    def describe(self, drill: Drill) -> JsonObject:
        return {"command": "pg_dump --format=plain", "file": drill.use(Dump).path.name}

    def run(self, drill: Drill) -> JsonObject:
        bench, path = drill.use(Bench), drill.use(Dump).path
        path.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic_ns()
        with connected(bench.server, bench.name, autocommit=False) as conn:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            exported = conn.execute("SELECT pg_export_snapshot()").fetchone()
            arguments = ["--format=plain", f"--snapshot={exported[0] if exported else ''}", f"--file={path}"]
            run_program(
                bench.server,
                bench.name,
                "pg_dump",
                arguments,
                limit=DUMP_SECONDS,
                doing="dumping in plain SQL",
            )
            observe_in(drill, conn, "backup")
        return {"bytes": path.stat().st_size, "seconds": (time.monotonic_ns() - started) / 1e9}


@dataclass(frozen=True)
class RestorePlain(Act):
    """Restores the dump with psql, stopping at the first error and then leaving nothing.

    Attributes:
        in_use: into the scenario's own database, which no restore may touch; else into an empty one.
    """

    name = "dump.restore"
    in_use: bool = False

    def prepare(self, drill: Drill) -> None:
        bench, dump = drill.use(Bench), drill.use(Dump)
        dump.file  # noqa: B018  raises when there is none
        dump.target = bench.name if self.in_use else bench.templates.fresh_name("copy")

    def describe(self, drill: Drill) -> JsonObject:
        dump = drill.use(Dump)
        command = f"psql {' '.join(psql_options())} -f {dump.path.name}"
        return {"database": dump.target, "file": dump.path.name, "command": command}

    def undo(self, drill: Drill) -> JsonObject | None:
        bench = drill.use(Bench)
        return None if self.in_use else undo_database(bench.server, drill.use(Dump).target)

    def run(self, drill: Drill) -> JsonObject:
        bench, dump = drill.use(Bench), drill.use(Dump)
        if not self.in_use:
            create_database(bench.server, dump.target)
        started = time.monotonic_ns()
        expect_whole(dump.file)
        expect_empty(bench, dump.target)
        arguments = ["-X", "-q", *psql_options(), "-f", str(dump.file)]
        doing = "restoring the dump with psql"
        run_program(bench.server, dump.target, "psql", arguments, limit=DUMP_SECONDS, doing=doing)
        return {"seconds": (time.monotonic_ns() - started) / 1e9}


def psql_options() -> list[str]:
    """Without the first psql goes on after an error and says that all went well; without the second
    what went in before the error stays."""
    return ["-v", "ON_ERROR_STOP=1", "--single-transaction"]


def expect_whole(path: Path) -> None:
    """Raises AttemptFailed unless it ends as pg_dump ends one: psql takes the end of the file for the end
    of a table's rows, and is content."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        tail = file.read().replace(b"\r\n", b"\n")
    if TRAILER not in tail:
        raise AttemptFailed(
            "the dump is cut short: it does not end as pg_dump ends one",
            doing="reading the dump",
            where=path.name,
            remedy="take another dump, or an older one that is whole",
        )


def expect_empty(bench: Bench, database: str) -> None:
    """Raises AttemptFailed when there is anything in it: a restore would mix what is there with what was."""
    if found := _relations(bench, database):
        raise AttemptFailed(
            f"the database is not empty: {found} tables, indexes and sequences are there",
            doing="restoring the dump with psql",
            where=database,
            remedy="restore into a new database, compare, and let it take the old one's place",
        )


def _relations(bench: Bench, database: str) -> int:
    with connected(bench.server, database) as conn:
        row = conn.execute(_RELATIONS).fetchone()
    return int(row[0]) if row else 0


@observer("restored")
def look_at_restored(drill: Drill) -> None:
    """What is in the database that the dump was restored to, compared with what was dumped."""
    bench, dump = drill.use(Bench), drill.use(Dump)
    drill.recorder.note("dump.left", {"database": dump.target, "count": _relations(bench, dump.target)})
    with (
        connected(bench.server, dump.target, autocommit=False) as conn,
        snapshot(conn, doing="observing the restored database"),
    ):
        compare_in(
            drill,
            conn,
            label="restored",
            fingerprint=take_fingerprint(conn),
            rows=None,
            before=bench.seen["backup"],
        )


class DumpCutShort(Fault):
    """The disk was full, or the connection broke: the dump ends in the middle of a table's rows."""

    def inject(self, drill: Drill) -> JsonObject:
        with _mapped(drill) as text:
            rows = _found(text.find(b"\nCOPY "), "no table's rows")
            middle = text.find(b"\n", (rows + len(text)) // 2)
        with drill.use(Dump).file.open("r+b") as file:
            file.truncate(middle)
        return {"bytes": middle}

    def took_hold(self, drill: Drill) -> bool:
        with _mapped(drill) as text:
            return text.find(TRAILER) < 0


class DumpDamaged(Fault):
    """A statement behind all the rows is spoilt; before and after it all is well."""

    good, bad = b"\nALTER TABLE ONLY ", b"\nALTER TABEL ONLY "

    def inject(self, drill: Drill) -> JsonObject:
        with _mapped(drill) as text:
            place = _found(text.rfind(self.good), "no statement that could be spoilt")
            text[place : place + len(self.good)] = self.bad
        return {"position": place}

    def took_hold(self, drill: Drill) -> bool:
        with _mapped(drill) as text:
            return text.find(self.bad) >= 0


@contextmanager
def _mapped(drill: Drill) -> Iterator[mmap.mmap]:
    """The dump's bytes, which may be more than fit into memory."""
    with drill.use(Dump).file.open("r+b") as file, mmap.mmap(file.fileno(), 0) as text:
        yield text


def _found(place: int, what: str) -> int:
    if place < 0:
        raise NotApplicable(f"there is {what} in the dump")
    return place


FLAWS: dict[str, type[Fault]] = {"cut short": DumpCutShort, "damaged in the middle": DumpDamaged}


def dump_with_flaw(drill: Drill, flaw: str) -> None:
    """Takes a dump and gives it the flaw that a feature names. Raises BadInput for an unknown one."""
    if flaw not in FLAWS:
        raise BadInput(f"no fault makes a dump {flaw!r}", remedy=f"say one of: {'; '.join(FLAWS)}")
    drill.require(DumpPlain())
    drill.require(FLAWS[flaw]())
