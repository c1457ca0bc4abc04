"""A database whose name was taken gets it back; what no drill has made is never dropped for that."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg import sql

from rollproof.components.postgres import admin
from rollproof.components.postgres.cloning import (
    give_place_back,
    replace_in_place,
    stand_of,
    take_place,
    undo_taking_place,
)
from rollproof.drill.healing import _healer_of
from rollproof.environments import access
from rollproof.environments.base import PostgresServer
from rollproof.errors import RollproofError, WrongPlace


@dataclass(frozen=True)
class Place:
    server: PostgresServer
    name: str
    kept: str

    def run(self, statement: str, database: str = "postgres", **names: str) -> None:
        with psycopg.connect(self.server.conninfo(database), autocommit=True) as conn:
            conn.execute(sql.SQL(statement).format(**{k: sql.Identifier(v) for k, v in names.items()}))

    def names(self) -> set[str]:
        return set(admin.databases(self.server))

    def is_original(self) -> bool:
        with psycopg.connect(self.server.conninfo(self.name)) as conn:
            return conn.execute("SELECT to_regclass('public.original')").fetchone() != (None,)

    def heal(self) -> str:
        return give_place_back(undo_taking_place(self.server, self.name, self.kept))


@pytest.fixture
def place(pg: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        row = conn.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    assert row is not None
    server = replace(pg, private=False, system_identifier=str(row[0]), source=database, in_place=True)
    monkeypatch.setattr(access, "_SERVERS", {server.system_identifier: server})
    kept = f"rollproof_20261122t150000z_abcdef_{secrets.token_hex(2)}_kept_1"
    found = Place(server, database, kept)
    found.run("CREATE TABLE public.original ()", database)
    yield found
    for name in (kept, stand_of(kept)):
        admin.drop_database(pg, name)


def test_a_database_gets_its_name_back(place: Place) -> None:
    take_place(place.server, place.name, kept=place.kept, template="template0")
    assert not place.is_original()
    assert "has its name back" in place.heal()
    assert place.is_original()
    assert "had not been put aside" in place.heal()


def test_a_stand_in_that_was_replaced_is_still_one(place: Place) -> None:
    take_place(place.server, place.name, kept=place.kept, template="template0")
    replace_in_place(place.server, place.name, kept=place.kept, template="template0")
    place.heal()
    assert place.is_original()


def test_a_stand_in_that_a_restore_was_swapped_for_is_still_one(place: Place) -> None:
    take_place(place.server, place.name, kept=place.kept, template="template0")
    side, old = place.kept.replace("kept", "side"), place.kept.replace("kept", "old")
    admin.create_database(place.server, side)
    admin.swap_databases(place.server, place.name, side=side, old=old)
    admin.drop_database(place.server, old)
    place.heal()
    assert place.is_original()


def test_what_somebody_has_restored_under_the_name_meanwhile_is_not_dropped(place: Place) -> None:
    take_place(place.server, place.name, kept=place.kept, template="template0")
    place.run("DROP DATABASE {name}", name=place.name)  # they saw that it was odd, and restored a backup
    place.run("CREATE DATABASE {name}", name=place.name)
    with pytest.raises(RollproofError, match="was made by no drill"):
        place.heal()
    assert {place.name, place.kept} <= place.names()


@pytest.mark.parametrize("moment", ["stand made", "put aside", "name taken"])
def test_it_gets_its_name_back_after_a_kill_at_any_moment(moment: str, place: Place) -> None:
    stand = stand_of(place.kept)
    place.run("CREATE DATABASE {stand}", stand=stand)
    if moment != "stand made":
        with admin.connected(place.server, "postgres") as conn:
            admin.mark_in_place(conn, stand, place.kept)
        place.run("ALTER DATABASE {name} RENAME TO {kept}", name=place.name, kept=place.kept)
    if moment == "name taken":
        place.run("ALTER DATABASE {stand} RENAME TO {name}", stand=stand, name=place.name)
    place.heal()
    assert place.is_original()
    assert not {stand, place.kept} & place.names()


@pytest.mark.parametrize("kind", ["postgres.database", "postgres.roles", "postgres.place", "postgres.grants"])
def test_nothing_is_healed_on_another_server_that_answers_in_the_place_of_the_verified_one(
    kind: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failover behind one address, say; the names that a drill has made may be somebody's there."""
    other = replace(place.server, system_identifier="7")
    monkeypatch.setattr(access, "_SERVERS", {"7": other})
    undo = {
        **admin.undo_database(other, place.name),
        **{
            "kind": kind,
            "roles": [place.server.user],
            "database": place.name,
            "kept": place.kept,
            "steps": [],
        },
    }
    with pytest.raises(WrongPlace, match="another server answers"):
        _healer_of(kind)(undo)
    assert place.is_original()
