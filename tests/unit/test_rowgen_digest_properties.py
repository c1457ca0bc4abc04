"""The digest of a table: whatever is swapped, doubled, rounded or cut is seen, and another order is not."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint import compare_rows, digest_rows, keep_rows
from rollproof.fingerprint.rows import text_digest
from rollproof.fingerprint.tables import user_tables
from rollproof.model.rows import RowChanges, RowDigest

Value = object
Row = tuple[Value, ...]

COLUMNS = {
    "i": ("integer", st.integers(-(2**31), 2**31 - 1)),
    "l": ("bigint", st.sampled_from([0, 1, 1 << 32, (1 << 32) + 1, -1, -(1 << 32), 2**63 - 1])),
    "n": (
        "numeric",
        st.sampled_from([Decimal(text) for text in ("0", "0.0", "1", "1.0", "1.00", "-1", "1.005")]),
    ),
    "f": ("float8", st.sampled_from([0.0, -0.0, 1.0, 0.1, 0.30000000000000004, float("inf")])),
    "t": ("text", st.sampled_from(["", "a", "a ", "A", "b", "ab", "NULL", ",", "é"])),
    "u": ("text", st.sampled_from(["", "a", "a ", "A", "b", "ab", "NULL", ",", "é"])),
    "j": ("json", st.sampled_from(['{"a":1}', '{"a": 1}', '{"a":1.0}', "null"])),
    "d": ("interval", st.sampled_from(["1 day", "24 hours", "30 days", "1 month", "00:00:00"])),
    "e": ("mood", st.sampled_from(["sad", "ok"])),
    "a": ("mood[]", st.sampled_from(["{}", "{sad}", "{sad,ok}", "{ok,sad}", "{NULL}"])),
    "b": ("char(3)", st.sampled_from(["a", "b", "ab"])),
    "r": ("int4range", st.sampled_from(["empty", "[1,2)", "[1,3)"])),
    "g": ("regclass", st.sampled_from(["pg_class", "pg_type"])),
}
NAMES = tuple(COLUMNS)
ROWS = st.lists(
    st.tuples(*(st.one_of(st.none(), values) for _, values in COLUMNS.values())), min_size=2, max_size=5
)
CHANGES = ("swap rows", "swap columns", "shift", "double one, drop another", "round", "null", "cut", "move")


@pytest.fixture(scope="module")
def conn(pg: PostgresServer) -> Iterator[psycopg.Connection]:
    """A database of the module's own, with a table of many types."""
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE digest_properties")
        with psycopg.connect(pg.conninfo("digest_properties"), autocommit=True) as connection:
            columns = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
            connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
            connection.execute(f"CREATE TABLE t ({columns})")
            yield connection
        admin.execute("DROP DATABASE digest_properties WITH (FORCE)")


def digest_of(conn: psycopg.Connection, rows: list[Row]) -> RowDigest:
    conn.execute("TRUNCATE t")
    places = ", ".join(["%s"] * len(NAMES))
    conn.cursor().executemany(f"INSERT INTO t VALUES ({places})", rows)
    (found,) = digest_rows(conn, tables=["public.t"])
    return found.digest


def written(conn: psycopg.Connection) -> list[str]:
    """Each row as text, sorted: what the digest must tell apart."""
    return sorted(row[0] for row in conn.execute("SELECT ROW(t.*)::text FROM t").fetchall())


def changed(rows: list[Row], change: str, one: int, other: int, at: int) -> list[Row]:
    """A copy of the rows in which something is not what it was, or not where it was."""
    new = [list(row) for row in rows]
    one, other = one % len(new), other % len(new)
    match change:
        case "swap rows":
            new[one][at], new[other][at] = new[other][at], new[one][at]
        case "swap columns":
            t, u = NAMES.index("t"), NAMES.index("u")
            new[one][t], new[one][u] = new[one][u], new[one][t]
        case "shift":
            values = [row[at] for row in new]
            for row, value in zip(new, values[1:] + values[:1], strict=True):
                row[at] = value
        case "double one, drop another":
            new[other] = list(new[one])
        case "round":
            n = NAMES.index("n")
            value = new[one][n]
            new[one][n] = value.quantize(Decimal(1)) if isinstance(value, Decimal) else value
        case "null":
            new[one][at] = None
        case "cut":
            del new[one]
        case "move":
            new.append(new.pop(one))
    return [tuple(row) for row in new]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    change=st.sampled_from(CHANGES),
    places=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, len(NAMES) - 1)),
)
def test_two_tables_have_one_digest_when_and_only_when_they_hold_the_same_rows(
    conn: psycopg.Connection, rows: list[Row], change: str, places: tuple[int, int, int]
) -> None:
    before, as_text = digest_of(conn, rows), written(conn)
    after = digest_of(conn, changed(rows, change, *places))
    assert (before == after) == (as_text == written(conn))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, order=st.randoms(use_true_random=False))
def test_another_order_is_no_change(conn: psycopg.Connection, rows: list[Row], order: object) -> None:
    mixed = list(rows)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    assume(mixed != rows)
    assert digest_of(conn, rows) == digest_of(conn, mixed)


def test_no_swap_between_rows_is_missed_in_two_thousand(conn: psycopg.Connection) -> None:
    conn.execute("CREATE TABLE s (id integer, a integer, b integer)")
    conn.execute("INSERT INTO s SELECT g, hashint4(g), hashint4(-g) FROM generate_series(1, 4000) g")
    digests = []
    for at in range(0, 4000, 100):
        (found,) = digest_rows(conn, tables=["public.s"])
        digests.append(found.digest)
        conn.execute(
            "UPDATE s SET a = o.a FROM s o"
            " WHERE o.id = CASE WHEN s.id %% 2 = 1 THEN s.id + 1 ELSE s.id - 1 END"
            " AND s.id > %s AND s.id <= %s",
            [at, at + 2],
        )
    assert len(set(digests)) == len(digests)
    conn.execute("DROP TABLE s")


def test_a_type_that_is_made_anew_changes_no_digest(conn: psycopg.Connection) -> None:
    rows: list[Row] = [tuple(None if n not in "ea" else ("ok" if n == "e" else "{ok,sad}") for n in NAMES)]
    before = digest_of(conn, rows)
    conn.execute(
        "CREATE TYPE fresh AS ENUM ('new', 'sad', 'ok');"
        "ALTER TABLE t ALTER e TYPE fresh USING e::text::fresh, ALTER a TYPE fresh[] USING a::text::fresh[];"
        "DROP TYPE mood; ALTER TYPE fresh RENAME TO mood"
    )
    (after,) = digest_rows(conn, tables=["public.t"])
    assert after.digest == before


TYPES = [
    ("integer", "bigint"),
    ("varchar(9)", "text"),
    ("integer", "numeric"),
    ("integer", "text"),
    ("json", "text"),
]


@pytest.mark.parametrize(("one", "other"), TYPES)
@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_values_that_read_the_same_in_another_type_are_unchanged_and_one_that_does_not_is_told(
    conn: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory, one: str, other: str, key: str
) -> None:
    conn.execute(
        f"CREATE TABLE k (id integer {key}, v {one});"
        "INSERT INTO k VALUES (1, '7'), (2, '9'), (3, '-12'), (4, NULL)"
    )
    kept = keep_rows(conn, tmp_path_factory.mktemp("kept") / "rows")
    conn.execute(f"ALTER TABLE k ALTER v TYPE {other} USING v::{other}")
    assert compare_rows(conn, kept, digester=str) == []
    conn.execute(f"UPDATE k SET v = (v::text || '1')::{other} WHERE id = 2")
    (found,) = compare_rows(conn, kept, digester=str)
    assert found.loses
    assert found.table == "public.k"
    conn.execute("DROP TABLE k")


def test_the_text_digest_is_the_sum_that_listings_add_up_to(
    conn: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> None:
    conn.execute("CREATE TABLE k (id integer PRIMARY KEY, v integer)")
    conn.execute("INSERT INTO k SELECT g, g FROM generate_series(1, 200) g")
    (table,) = [found for found in user_tables(conn) if found.name == "k"]
    first = text_digest(conn, table)
    kept = keep_rows(conn, tmp_path_factory.mktemp("kept") / "rows")
    total = 0
    for listing in kept.listings:
        if listing.rows.table == "public.k":
            for line in kept.lines(listing):
                value = int(listing.layout.row(line.split(b"\t")), 16)
                total += value - (value >> 63 << 64)
    assert first == RowDigest(200, str(total))
    assert compare_rows(conn, kept, digester=str) == list[RowChanges]()
    conn.execute("DROP TABLE k")
