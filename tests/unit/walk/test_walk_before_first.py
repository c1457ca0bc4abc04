"""What a history begins on and no migration of it makes: it is there before the first look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.migrations.source import Runner
from rollproof.walk.model import Outcome
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk
from tests.unit.walk.support import Pair, Texts

ALTERS = (
    Pair("ALTER TABLE kept ADD COLUMN a int", "ALTER TABLE kept DROP COLUMN a"),
    Pair("ALTER TABLE kept ADD COLUMN b int UNIQUE", "SELECT no_such_function()"),
    Pair("ALTER TABLE kept ADD COLUMN c int", "ALTER TABLE kept DROP COLUMN c"),
)


@dataclass(frozen=True)
class BegunBy(Texts):
    """A source that has something made first."""

    begins: str = "CREATE TABLE kept (id int PRIMARY KEY)"

    def before_first(self, runner: Runner) -> Any:
        with runner.connect() as conn:
            conn.execute(self.begins.encode())


class Unable(Texts):
    """A source that cannot make what it begins on."""

    def before_first(self, runner: Runner) -> None:
        raise AttemptFailed("no such callable")


def test_tables_that_the_history_begins_on_are_there_before_the_first_and_stay(pg: PostgresServer) -> None:
    result = walk(BegunBy(ALTERS), pg, WalkSettings(rows=False))

    assert [item.outcome for item in result.migrations] == [
        Outcome.RESTORED,
        Outcome.CANNOT_RUN,
        Outcome.RESTORED,
    ]


def test_where_they_cannot_be_made_the_first_migration_says_why_it_fails(pg: PostgresServer) -> None:
    first = walk(Unable(ALTERS), pg, WalkSettings(rows=False)).migrations[0]

    assert first.outcome is Outcome.UP_FAILED
    assert any("no such callable" in note for note in first.notes)
