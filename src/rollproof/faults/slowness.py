"""Faults that make a system slow for a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from rollproof.components.aws.performance import threshold_of
from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill
from rollproof.errors import PreconditionNotMet
from rollproof.faults.base import Fault
from rollproof.model.json import JsonObject
from rollproof.waiting import pause

PART = 0.3
"""How much of the time between the two thresholds is used up."""
CONNECT_SECONDS = 10
_TABLES = """
SELECT n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid
"""


@dataclass(frozen=True)
class TablesLocked(Fault):
    """A report locks every table: longer than an answer may take, shorter than the threshold."""

    ended: threading.Event = field(default_factory=threading.Event, compare=False)
    holding: threading.Event = field(default_factory=threading.Event, compare=False)
    threads: list[threading.Thread] = field(default_factory=list, compare=False)

    def prepare(self, drill: Drill) -> None:
        threshold_of(drill)
        drill.use(Bench).name  # noqa: B018  raises when no database was staged

    def inject(self, drill: Drill) -> JsonObject:
        threshold = threshold_of(drill)
        seconds = threshold.latency + PART * (threshold.hold - threshold.latency)
        bench = drill.use(Bench)
        conninfo = bench.server.conninfo(bench.name)
        thread = threading.Thread(target=self._hold, args=(conninfo, seconds), daemon=True)
        self.threads.append(thread)
        thread.start()
        if not self.holding.wait(CONNECT_SECONDS):
            raise PreconditionNotMet("the tables could not be locked", doing="making the system slow")
        drill.incident("fault", cause="another session locks every table for a while")
        return {"seconds": seconds}

    def _hold(self, conninfo: str, seconds: float) -> None:
        with psycopg.connect(
            conninfo, application_name="monthly-report", connect_timeout=CONNECT_SECONDS
        ) as conn:
            for schema, table in conn.execute(_TABLES.encode()).fetchall():
                conn.execute(
                    sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(schema, table))
                )
            self.holding.set()
            pause(seconds, stop=self.ended)
            conn.rollback()

    def took_hold(self, drill: Drill) -> bool:
        return self.holding.is_set()

    def heal(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(CONNECT_SECONDS)
