"""The tool's own record of what is applied: part of a clean state, though of no comparison."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from rollproof.components.postgres.admin import connected
from rollproof.environments.base import PostgresServer
from rollproof.errors import RollproofError
from rollproof.migrations.model import Migration
from rollproof.migrations.source import MigrationSource
from rollproof.walk.ledgerrows import LedgerRows
from rollproof.walk.observer import Observer


class Record:
    """The record of one database on its way through a history."""

    def __init__(self, source: MigrationSource, server: PostgresServer, observer: Observer) -> None:
        self._source, self._server, self._observer = source, server, observer
        self._noted: tuple[tuple[int, str], LedgerRows | None] = (0, ""), None

    def note(self, applied: Sequence[Migration]) -> None:
        """In a clean state, before something that may fail and yet leave its mark in the record."""
        if self._noted[0] != _at(applied) or not applied:
            self._noted = _at(applied), self._observer.ledger_rows()

    def is_right(self, database: str, applied: Sequence[Migration], failed: Sequence[Migration]) -> bool:
        """Whether it says that just these are applied, if need be after it was put back.

        Raises EnvironmentUnavailable when nobody new can connect, though the observer still is.
        """
        return self._agrees(database, applied, failed) or self._put_back(applied)

    def _agrees(self, database: str, applied: Sequence[Migration], failed: Sequence[Migration]) -> bool:
        with connected(self._server, database) as conn:
            try:
                listed = set(self._source.applied(conn))
            except (RollproofError, psycopg.Error):
                return True  # a record that cannot be read says nothing either way
        last = not applied or applied[-1].id in listed
        return last and not any(item.id in listed for item in failed)

    def _put_back(self, applied: Sequence[Migration]) -> bool:
        """A record that only knows the last migration lists those, too, that could not be applied before it.

        Then it is as it was, and put back all the same.
        """
        at, rows = self._noted
        return at == _at(applied) and rows is not None and self._observer.put_back_ledger(rows)


def _at(applied: Sequence[Migration]) -> tuple[int, str]:
    return len(applied), applied[-1].id if applied else ""
