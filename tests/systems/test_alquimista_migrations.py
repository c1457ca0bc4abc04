"""The reference system's own ways back do what they say: they are what the drills are checked with."""

from __future__ import annotations

import re
from collections.abc import Callable

import psycopg
import pytest
from alquimista_support import (
    FORWARD,
    MIGRATIONS,
    WAY_BACK,
    History,
    after,
    before,
    rows,
    way_back,
)

Having = Callable[..., str]
UNDONE = [number for number in FORWARD if way_back(number)]
INDEPENDENT = [number for number in UNDONE if number >= "010"]
"""those that can be undone from the current release, without undoing the later ones first"""
KEEPS_ROWS = [number for number in FORWARD if number != "019"]
"""those whose way back gives every older row back"""


def test_every_file_is_a_migration_or_the_way_back_of_one() -> None:
    names = [path.name for path in MIGRATIONS.iterdir()]
    numbers = [name[:3] for name in names]
    assert len(set(numbers)) == len(numbers)
    backs = [match for name in names if (match := WAY_BACK.match(name))]
    assert {match["number"] for match in backs} <= set(FORWARD)
    assert all(match["own"] > match["number"] for match in backs)


def test_only_the_ledger_and_what_cannot_be_undone_have_no_way_back() -> None:
    assert [number for number in FORWARD if not way_back(number)] == ["001", "016"]


def test_the_ledger_lists_each_file_by_its_name(head: str, history: History) -> None:
    with psycopg.connect(history.conninfo(head)) as conn:
        listed = [name for (name,) in conn.execute("SELECT migration_name FROM public.migrations ORDER BY 1")]
    assert listed == [path.name for path in FORWARD.values()]


@pytest.mark.parametrize("number", FORWARD)
def test_a_migration_is_one_transaction_unless_postgres_refuses(number: str) -> None:
    text = re.sub(r"--.*", "", FORWARD[number].read_text())
    outside = text.partition("BEGIN;")[0].strip()
    assert text.rstrip().endswith("COMMIT;")
    assert not outside or "CONCURRENTLY" in outside


@pytest.mark.parametrize("number", UNDONE)
def test_the_way_back_ends_exactly_before_the_migration_and_the_second_time_is_as_the_first(
    number: str, having: Having, history: History
) -> None:
    database, script = having(*before(number)), way_back(number)
    assert script is not None
    original = state(history, database, number)
    history.run(database, FORWARD[number])
    migrated = state(history, database, number)
    history.run(database, script)
    assert state(history, database, number) == original
    history.run(database, FORWARD[number])
    assert state(history, database, number) == migrated
    assert migrated != original


def state(history: History, database: str, number: str) -> tuple[object, ...]:
    """Schema, ledger, and rows where the way back of that migration keeps them."""
    dsn = history.conninfo(database)
    with psycopg.connect(dsn) as conn:
        listed = conn.execute("SELECT migration_name, description FROM public.migrations ORDER BY 1")
        ledger = listed.fetchall()
    return history.schema(database), ledger, rows(dsn) if number in KEEPS_ROWS else {}


@pytest.mark.parametrize("number", INDEPENDENT)
def test_the_way_back_from_the_current_release_ends_where_the_migration_never_was(
    number: str, head: str, having: Having, history: History
) -> None:
    script = way_back(number)
    assert script is not None
    history.run(head, script)
    without = having(*before(number))
    for later in after(number):
        history.run(without, FORWARD[later])
    assert history.schema(head) == history.schema(without)


def test_a_migration_that_is_applied_already_changes_nothing(head: str, history: History) -> None:
    schema, content = history.schema(head), rows(history.conninfo(head), leaving_out=())
    for script in FORWARD.values():
        assert history.psql(head, script).returncode != 0
    assert (history.schema(head), rows(history.conninfo(head), leaving_out=())) == (schema, content)


def test_normalising_contacts_makes_several_spellings_one_so_nothing_can_undo_it(
    having: Having, history: History
) -> None:
    database = having(*before("016"))
    spellings = "SELECT count(DISTINCT phone) FROM nigredo_leads.leads"
    stamps = "SELECT sum(hashtext(updated_at::text)) FROM nigredo_leads.leads"
    with psycopg.connect(history.conninfo(database), autocommit=True) as conn:
        many, stamped = conn.execute(spellings).fetchone(), conn.execute(stamps).fetchone()
        history.run(database, FORWARD["016"])
        few, stamped_after = conn.execute(spellings).fetchone(), conn.execute(stamps).fetchone()
        messy = conn.execute(
            "SELECT count(*) FROM nigredo_leads.leads"
            r" WHERE email <> lower(btrim(email)) OR phone !~ '^\+?[0-9]+$'"
        ).fetchone()
    assert many
    assert few
    assert many[0] > few[0] > 0
    assert messy == (0,)
    assert stamped == stamped_after


def test_the_structure_of_what_was_dropped_comes_back_and_its_data_does_not(
    having: Having, history: History
) -> None:
    database, script = having(*before("019")), way_back("019")
    assert script is not None
    held = (
        "SELECT (SELECT count(*) FROM nigredo_leads.campaign_imports),"
        " (SELECT count(legacy_prompt) FROM fibonacci_core.agents)"
    )
    with psycopg.connect(history.conninfo(database), autocommit=True) as conn:
        counted = conn.execute(held).fetchone()
        history.run(database, FORWARD["019"])
        history.run(database, script)
        assert counted
        assert min(counted) > 0
        assert conn.execute(held).fetchone() == (0, 0)


@pytest.mark.parametrize(
    ("number", "act"),
    [
        ("012", "UPDATE fibonacci_core.agents SET kind = 'nurturer' WHERE code = 'closer-03'"),
        (
            "017",
            "UPDATE nigredo_leads.leads SET score = 333 WHERE external_ref = 'crm-000000'",
        ),
        (
            "010",
            "CREATE VIEW public.prices AS SELECT code, monthly_price_cents FROM public.subscription_plans",
        ),
    ],
)
def test_a_way_back_that_would_lose_something_new_refuses_and_leaves_no_trace(
    number: str, act: str, head: str, history: History
) -> None:
    script, dsn = way_back(number), history.conninfo(head)
    assert script is not None
    with psycopg.connect(dsn) as conn:
        conn.execute(act.encode())
    schema, content = history.schema(head), rows(dsn, leaving_out=())
    assert history.psql(head, script).returncode != 0
    assert (history.schema(head), rows(dsn, leaving_out=())) == (schema, content)


def test_a_failed_concurrent_build_can_be_taken_back(having: Having, history: History) -> None:
    database, script = having(*before("014")), way_back("014")
    assert script is not None
    original = history.schema(database)
    with (
        psycopg.connect(history.conninfo(database)) as other,
        psycopg.connect(history.conninfo(database), autocommit=True) as conn,
    ):
        other.execute("LOCK TABLE nigredo_leads.leads IN ROW EXCLUSIVE MODE")
        conn.execute("SET lock_timeout = '100ms'")
        build = FORWARD["014"].read_text().partition(";\n\nBEGIN;")[0]
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute(build.encode())
        invalid = conn.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
    assert invalid == (1,)
    history.run(database, script)
    assert history.schema(database) == original


@pytest.mark.parametrize("role", ["app_user", "readonly_analyst"])
def test_partitions_cannot_be_read_past_the_policy_of_their_parent(
    role: str, head: str, history: History
) -> None:
    with psycopg.connect(history.conninfo(head, user=role), autocommit=True) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT FROM fibonacci_core.events_2025_q3")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("DELETE FROM public.migrations")
