"""The SQL of a history that is code: run natively with every statement logged, and written as pairs.

What is written are the statements that change something, in the order in which they ran, with their
parameters filled in; the tool's own ledger, transactions and reading are left out. `CONCURRENTLY` is
left out too, for a file is sent as one message and so runs in one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import RollproofError
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.model import Migration
from rollproof.migrations.source import MigrationSource

_MARK = "@@said "
_ENTRY = re.compile(rf"{_MARK}(\w+):  (.*)", re.DOTALL)
_SENT = re.compile(r"(?:statement|execute [^:]*): (.*)", re.DOTALL)
_PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
_CHANGES = re.compile(
    r"(?is)^\W*(?:set\s+constraints[^;]*;\s*)?(?:alter|comment|create|delete|do|drop|grant|insert|merge|refresh|reindex|revoke|truncate"
    r"|update|with\b.*\b(?:insert|update|delete)|select\b.*\b(?:setval|nextval))\b"
)
_CONCURRENTLY = re.compile(r"(?i)\bconcurrently\b")
_LOGGED = (
    "ALTER SYSTEM SET log_line_prefix = '@@said '",
    "ALTER SYSTEM SET log_parameter_max_length = -1",
    "SELECT pg_reload_conf()",
)


class Capture:
    """Runs a history up and down, one step at a time, and writes what reached the server.

    Args:
        log: the server's log.
    """

    def __init__(self, source: MigrationSource, server: PostgresServer, log: Path) -> None:
        self.source, self.server, self.log = source, server, log
        self.history = source.load()
        self.runner = PsqlRunner(server, "captured", limit=120)
        self._ledger = self.history.ledger.rpartition(".")[2].strip('"')

    def write(self, folder: Path) -> int:
        """Writes the pairs; how many there are."""
        folder.mkdir(parents=True, exist_ok=True)
        self._admin(*_LOGGED)
        began = self._log_of(lambda: self._fresh([]))
        if began:
            self._pair(folder, 0, "before_the_first", began, "")
        done: list[Migration] = []
        for place, migration in enumerate(self.history, 1):
            up = self._log_of(partial(self.source.apply, migration, self.runner))
            down = self._log_of(partial(self.source.roll_back, migration, self.runner))
            self._pair(folder, place, migration.name or migration.id, up, down)
            done.append(migration)
            self._again(migration, done)
        self._admin("DROP DATABASE IF EXISTS captured WITH (FORCE)")
        return len(done) + bool(began)

    def _again(self, migration: Migration, done: list[Migration]) -> None:
        try:
            self.source.apply(migration, self.runner)
        except RollproofError:
            self._fresh(done)

    def _fresh(self, done: list[Migration]) -> None:
        self._admin("DROP DATABASE IF EXISTS captured WITH (FORCE)", "CREATE DATABASE captured")
        self._admin("ALTER DATABASE captured SET log_statement = 'all'")
        if before_first := getattr(self.source, "before_first", None):
            before_first(self.runner)
        for migration in done:
            self.source.apply(migration, self.runner)

    def _admin(self, *statements: str) -> None:
        with psycopg.connect(self.server.conninfo("postgres"), autocommit=True) as conn:
            for statement in statements:
                conn.execute(sql.SQL(statement))

    def _log_of(self, action: Callable[[], object]) -> str:
        at = self.log.stat().st_size
        try:
            action()
        except RollproofError as error:
            print(f"  {error.found.splitlines()[0]}")
        with self.log.open("rb") as file:
            file.seek(at)
            return self._script(file.read().decode())

    def _script(self, said: str) -> str:
        kept = [text for text in statements(said) if _CHANGES.match(text) and self._ledger not in text]
        return "".join(f"{_CONCURRENTLY.sub('', text).rstrip().rstrip(';')};\n" for text in kept)

    @staticmethod
    def _pair(folder: Path, number: int, name: str, up: str, down: str) -> None:
        slug = re.sub(r"\W+", "_", name.lower())[:60].strip("_") or "migration"
        for direction, text in (("up", up), ("down", down)):
            (folder / f"{number:06d}_{slug}.{direction}.sql").write_text(text or "SELECT 1;\n", "utf-8")


def statements(said: str) -> Iterator[str]:
    """What was sent, with its parameters, from a log whose lines begin with the mark."""
    entries = [_ENTRY.match(part) for part in re.split(rf"(?m)^(?={_MARK})", said)]
    known = [(found[1], found[2].rstrip("\n").replace("\n\t", "\n")) for found in entries if found]
    for place, (level, text) in enumerate(known):
        sent = _SENT.match(text) if level == "LOG" else None
        if sent:
            after = known[place + 1] if place + 1 < len(known) else ("", "")
            yield _filled(sent[1], after[1] if after[0] == "DETAIL" else "")


def _filled(text: str, detail: str) -> str:
    values = dict(_PARAMETER.findall(detail))
    return re.sub(r"\$(\d+)", lambda found: values.get(found[1], found[0]), text) if values else text
