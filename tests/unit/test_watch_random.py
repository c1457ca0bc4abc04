"""Whatever is done to a database, the next look is the full fingerprint: random changes of every sort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from psycopg import sql
from watch_ddl import NothingThere, World

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint import take_fingerprint
from rollproof.fingerprint.watch import CatalogWatch

STEPS = 60
SEEDS = range(3)
_STORAGE = """
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relfilenode
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm', 'i') AND c.relpersistence <> 't' AND c.relfilenode <> 0
  AND n.nspname !~ '^pg_toast'
"""
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname ~ '^watch_'"
_LOCKED = "SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation >= 16384"


class Laboratory:
    """A database, two sessions that change it, and an observer that looks after each change."""

    def __init__(self, conninfo: str, stack: ExitStack, seed: int) -> None:
        self.one, self.two, self.observer, oracle = (
            stack.enter_context(psycopg.connect(conninfo, autocommit=True)) for _ in range(4)
        )
        for session in (self.one, self.two):
            session.execute("SET allow_system_table_mods = on")
            session.execute("SET lock_timeout = '100ms'")
        self.world = World(oracle, seed)
        self.watch = CatalogWatch(self.observer)
        self.done: Counter[str] = Counter()
        self.told: list[str] = []
        self.look()

    def look_if_it_may(self) -> None:
        """A look amid a transaction, unless that holds a lock which either fingerprint would wait for."""
        if self.observer.execute(_LOCKED).fetchone() is None:
            self.look()

    def look(self) -> None:
        before = getattr(self, "storage", {})
        seen = self.watch.look()
        self.told.append("-- look")
        assert seen.to_json() == take_fingerprint(self.observer).to_json(), "\n".join(self.told[-12:])
        self.storage = {oid: row for oid, *row in self.observer.execute(_STORAGE)}
        again = {row[0] for oid, row in self.storage.items() if oid in before and before[oid][1] != row[1]}
        assert set(self.watch.rewritten()) == again, "\n".join(self.told[-12:])
        assert self.observer.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def change(self, session: psycopg.Connection) -> bool:
        """One random statement; true when the server took it."""
        try:
            line, statement = self.world.statement()
        except NothingThere:
            return False
        return self.run(session, statement, line)

    def run(self, session: psycopg.Connection, statement: str, line: str) -> bool:
        self.told.append(statement)
        try:
            session.execute(statement.encode())
        except psycopg.Error as error:
            self.told.append(f"-- {error.diag.message_primary}")
            return False
        self.done[line] += 1
        return True


def alone(lab: Laboratory) -> None:
    lab.change(lab.one)


def in_a_transaction(lab: Laboratory) -> None:
    with lab.one.transaction(force_rollback=lab.world.random.random() < 0.3):
        for _ in range(lab.world.random.randint(1, 4)):
            in_a_savepoint(lab)
            if lab.world.random.random() < 0.3:
                lab.look_if_it_may()


def in_a_savepoint(lab: Laboratory) -> None:
    """A statement that fails takes its savepoint back, as one in a hundred that succeed."""
    try:
        with lab.one.transaction(force_rollback=lab.world.random.random() < 0.2):
            if not lab.change(lab.one):
                raise psycopg.errors.RaiseException
    except psycopg.errors.RaiseException:
        pass


def two_at_once(lab: Laboratory) -> None:
    """The transaction that began, and took its number, first is committed last; a look in between."""
    lab.one.execute("BEGIN; SELECT pg_current_xact_id()")
    lab.two.execute("BEGIN; SAVEPOINT s; SELECT pg_current_xact_id()")
    for session in (lab.one, lab.two, lab.one):
        if session.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            lab.change(session)
    lab.two.execute("COMMIT")
    lab.look_if_it_may()
    if lab.one.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
        lab.change(lab.one)
    lab.one.execute("COMMIT")


STORIES: tuple[Callable[[Laboratory], None], ...] = (
    alone,
    alone,
    alone,
    alone,
    in_a_transaction,
    two_at_once,
)


@pytest.fixture(params=SEEDS)
def laboratory(request: pytest.FixtureRequest, pg: PostgresServer, database: str) -> Iterator[Laboratory]:
    roles = [f"watch_{name}_{request.param}" for name in ("a", "b")]
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as admin:
        for role in roles:
            admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        with ExitStack() as stack:
            lab = Laboratory(pg.conninfo(database), stack, request.param)
            yield lab
            for (role,) in lab.one.execute(_ROLES).fetchall():
                for clean in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
                    lab.one.execute(sql.SQL(clean).format(sql.Identifier(role)))


def test_every_look_is_the_full_fingerprint_whatever_was_done(laboratory: Laboratory) -> None:
    for _ in range(STEPS):
        laboratory.world.random.choice(STORIES)(laboratory)
        laboratory.look()
    assert len(laboratory.done) > STEPS / 2
