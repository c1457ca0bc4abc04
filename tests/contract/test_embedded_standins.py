"""The extension that stands in for uuid-ossp is what the extension itself is, for all that SQL can tell."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from rollproof.environments.base import PostgresServer
from rollproof.environments.embedded.standins import MARKER, can_be_given_more, with_standins

DEBIAN = Path("/usr/lib/postgresql")


def test_an_installation_of_debians_keeps_its_extensions_and_gets_more(tmp_path: Path) -> None:
    installed = sorted(DEBIAN.glob("*/bin/postgres"))
    if not installed:
        pytest.skip("no PostgreSQL of Debian's is installed here")
    bin_dir = installed[-1].parent
    assert can_be_given_more(bin_dir)
    own = with_standins(bin_dir, tmp_path / "programs", None)
    share = tmp_path / "programs" / "share" / "postgresql" / bin_dir.parent.name
    assert (share / "extension" / MARKER).is_file()
    assert (share / "extension" / "plpgsql.control").is_symlink()
    assert (share / "postgres.bki").is_symlink()
    assert sorted(path.name for path in own.iterdir()) == ["postgres"]
    assert with_standins(bin_dir, tmp_path / "programs", None) == own
    assert not (
        DEBIAN.parent.parent / "share/postgresql" / bin_dir.parent.name / "extension" / MARKER
    ).exists()


def test_another_layout_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    assert not can_be_given_more(tmp_path / "bin")


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)


@contextmanager
def with_extension(pg: PostgresServer, database: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')
        yield conn


def value(conn: Connection[Any], query: str, *parameters: object) -> Any:
    row = conn.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


@given(text=TEXTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_named_uuids_are_those_of_the_standard(pg: PostgresServer, database: str, text: str) -> None:
    with with_extension(pg, database) as conn:
        made = [value(conn, f"SELECT uuid_generate_v{n}(uuid_ns_url(), %s)", text) for n in (3, 5)]
    assert made == [uuid.uuid3(uuid.NAMESPACE_URL, text), uuid.uuid5(uuid.NAMESPACE_URL, text)]


@pytest.mark.parametrize("length", [0, 38, 39, 40, 47, 48, 103, 104])
def test_the_digest_is_right_at_the_edges_of_its_blocks(
    pg: PostgresServer, database: str, length: int
) -> None:
    text = "x" * length
    with with_extension(pg, database) as conn:
        made = value(conn, "SELECT uuid_generate_v5(uuid_ns_dns(), %s)", text)
    assert made == uuid.uuid5(uuid.NAMESPACE_DNS, text)


@pytest.mark.parametrize(("function", "version"), [("v1", 1), ("v1mc", 1), ("v4", 4)])
def test_generated_uuids_are_of_their_version_and_differ(
    pg: PostgresServer, database: str, function: str, version: int
) -> None:
    with with_extension(pg, database) as conn:
        query = f"SELECT array_agg(uuid_generate_{function}()) FROM generate_series(1, 500)"
        made = value(conn, query)
    assert len(set(made)) == 500
    assert {(one.version, one.variant) for one in made} == {(version, uuid.RFC_4122)}


def test_constants_and_signatures_are_the_extensions_own(pg: PostgresServer, database: str) -> None:
    with with_extension(pg, database) as conn:
        assert value(conn, "SELECT uuid_nil()") == uuid.UUID(int=0)
        namespaces = [value(conn, f"SELECT uuid_ns_{name}()") for name in ("dns", "url", "oid", "x500")]
        listed = value(
            conn,
            "SELECT array_agg(p.oid::regprocedure::text || provolatile::text || proisstrict::text"
            " ORDER BY proname) "
            "FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' "
            "JOIN pg_extension e ON e.oid = d.refobjid WHERE extname = 'uuid-ossp'",
        )
    assert namespaces == [uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID, uuid.NAMESPACE_X500]
    assert listed == [
        "uuid_generate_v1()vtrue",
        "uuid_generate_v1mc()vtrue",
        "uuid_generate_v3(uuid,text)itrue",
        "uuid_generate_v4()vtrue",
        "uuid_generate_v5(uuid,text)itrue",
        "uuid_nil()itrue",
        "uuid_ns_dns()itrue",
        "uuid_ns_oid()itrue",
        "uuid_ns_url()itrue",
        "uuid_ns_x500()itrue",
    ]


def test_it_can_be_moved_to_another_schema(pg: PostgresServer, database: str) -> None:
    with with_extension(pg, database) as conn:
        conn.execute('CREATE SCHEMA x; ALTER EXTENSION "uuid-ossp" SET SCHEMA x')
        assert value(conn, "SELECT x.uuid_generate_v4()").version == 4
