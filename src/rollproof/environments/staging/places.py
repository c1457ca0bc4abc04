"""A verified place outside of any drill: who is at work there, and what runs have left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import psycopg

from rollproof.components.aws.clients import Aws
from rollproof.components.postgres.admin import connected, failed
from rollproof.drill.session import new_run_id
from rollproof.environments.access import remember
from rollproof.environments.base import PostgresServer
from rollproof.environments.staging.dynamo import SKEW
from rollproof.environments.staging.environment import server_there
from rollproof.environments.staging.guard import Guard, Verified, said_of
from rollproof.environments.staging.holding import lock_of
from rollproof.environments.staging.leftovers import (
    Leftover,
    bucket_left,
    clusters_left,
    databases_left,
    resources_left,
    rows_left,
    stacks_kept,
    stacks_left,
)
from rollproof.environments.staging.lock import MAINTENANCE, Holder, SystemLock, holders, me, of_row
from rollproof.environments.staging.trials import trials_left
from rollproof.errors import SystemFileError
from rollproof.journal import Journal, Recorder
from rollproof.model.json import Json
from rollproof.model.system import System
from rollproof.model.systemfile import read_system

FOLDER = "broken-locks"
"""in the reports: one folder for each lock that was broken"""


@dataclass(frozen=True)
class Place:
    """An environment of a system that is what its allow-list says.

    Attributes:
        at: what was verified.
        server: its database server; None where it has none.
    """

    system: System
    environment: str
    at: Verified
    server: PostgresServer | None

    @classmethod
    def look(cls, file: Path, environment: str) -> Place:
        """Verifies it as for healing: neither a window nor an expired list matters for what is left there.

        Raises SystemFileError, WrongPlace or EnvironmentUnavailable.
        """
        system = read_system(file)
        if environment not in system.environments:
            there = ", ".join(system.environments) or "none"
            raise SystemFileError(
                f"it declares no [environments.{environment}]; it has {there}",
                where=str(file),
                remedy="name one of those with --environment",
            )
        at = Guard(system, environment, healing=True).verify()
        server = server_there(at)
        remember(server=server, endpoint=at.endpoint)
        return cls(system, environment, at, server)

    def holders(self) -> list[Holder]:
        """Who holds its lock now; a row of DynamoDB whose time is up holds nothing."""
        found = list(self._sessions())
        row = self._lock.row.look() if self._lock.row is not None else None
        if row is not None and row.expires + timedelta(seconds=SKEW) > datetime.now(UTC):
            found.append(of_row(row))
        return found

    def _sessions(self) -> list[Holder]:
        if self.server is None or self._lock.session is None:
            return []
        with connected(self.server, MAINTENANCE) as conn:
            return holders(conn, self._lock.session.key)

    @cached_property
    def _lock(self) -> SystemLock:
        return lock_of(self.system, self.at, self.server, run="")

    def break_locks(self, reason: str, reports: Path) -> Path:
        """Ends the sessions that hold it and removes its row; the journal of that, which says who did it.

        Raises AttemptFailed when a session cannot be ended.
        """
        run = new_run_id()
        folder = reports / FOLDER / run
        with Journal(folder / "journal.ndjson", run=run) as journal:
            for holder in self.holders():
                said: dict[str, Json] = {
                    "name": self.system.name,
                    "environment": self.environment,
                    "reason": reason,
                    "operator": me(),
                    "cause": f"{holder.where}: {holder}",
                    "facts": said_of(self.at),
                }
                with Recorder(journal, "lock").acting("lock.break", said):
                    self._break(holder)
        return folder

    def _break(self, holder: Holder) -> None:
        if holder.pid and self.server is not None:
            with connected(self.server, MAINTENANCE) as conn:
                try:
                    conn.execute("SELECT pg_terminate_backend(%s)", [holder.pid])
                except psycopg.Error as error:
                    raise failed(error, doing="ending the session that holds a lock") from error
        elif self._lock.row is not None:
            self._lock.row.remove(run=holder.run)

    @property
    def _copies_clusters(self) -> bool:
        """Where none are copied, the role need not be allowed to look at any."""
        spec = self.at.allowed.database
        return spec is not None and spec.aurora is not None

    def left(self, *, older: timedelta) -> Iterator[Leftover]:
        """What runs have left there, in the order in which it is removed."""
        if self.at.endpoint is not None:
            aws = Aws(self.at.endpoint)
            yield from stacks_left(aws)
            if self._copies_clusters:
                yield from clusters_left(aws)
            yield from resources_left(aws, but=("rds",) if self._copies_clusters else ())
            yield from trials_left(aws, older=older)
            yield from stacks_kept(aws, older=older)
            yield from bucket_left(aws, older=older)
        if self.server is not None:
            yield from databases_left(self.server, older=older)
        if self.at.endpoint is not None:
            yield from rows_left(Aws(self.at.endpoint), self.at.allowed.lock.table)
