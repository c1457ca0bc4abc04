"""The reference system's rows: the same every time, many, uneven, odd, and nobody's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from alquimista_support import FORWARD, HOME, SEEDED_AFTER, History, before, load, rows, upto

Having = Callable[..., str]
DIGEST = """
import hashlib, sys
from generator import Generator
from seed import rows_of
digest = hashlib.sha256()
for table, row in rows_of(Generator(seed=int(sys.argv[1]), scale=0.2)):
    digest.update(repr((table, row)).encode())
print(digest.hexdigest())
"""


def generated(seed: int, *, hash_seed: str) -> str:
    """Digest of everything that a fresh interpreter generates."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", DIGEST, str(seed)],
        cwd=HOME / "database",
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": hash_seed, "TZ": f"Etc/GMT+{hash_seed}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_the_same_seed_generates_the_same_rows_whatever_the_process() -> None:
    assert generated(7, hash_seed="1") == generated(7, hash_seed="2")


def test_another_seed_generates_other_rows() -> None:
    assert generated(7, hash_seed="1") != generated(8, hash_seed="1")


def test_two_databases_loaded_with_the_same_seed_hold_the_same_rows_tens_of_thousands(
    having: Having, history: History
) -> None:
    counted = []
    for database in (having(*before(SEEDED_AFTER)), having(*before(SEEDED_AFTER))):
        history.run(database, FORWARD[SEEDED_AFTER])
        assert load(history.conninfo(database)).returncode == 0
        counted.append(rows(history.conninfo(database)))
    assert counted[0] == counted[1]
    assert 30_000 <= sum(count for count, _ in counted[0].values()) <= 50_000
    assert all(count for count, _ in counted[0].values())


@pytest.fixture(scope="module")
def seeded(history: History) -> Iterator[psycopg.Connection]:
    """A read-only session with the rows as they were loaded, shared by these tests."""
    history.clone("alq_seeded", template=history.at(*upto(SEEDED_AFTER)))
    with psycopg.connect(history.conninfo("alq_seeded"), autocommit=True) as conn:
        conn.execute("SET default_transaction_read_only = on")
        yield conn
    history.drop("alq_seeded")


def column(conn: psycopg.Connection, query: str) -> list[Any]:
    return [value for (value,) in conn.execute(query.encode())]


def test_every_address_belongs_to_nobody(seeded: psycopg.Connection) -> None:
    emails = column(
        seeded,
        "SELECT email FROM nigredo_leads.leads WHERE email IS NOT NULL"
        " UNION ALL SELECT email FROM alquimista_platform.users",
    )
    phones = column(seeded, "SELECT phone FROM nigredo_leads.leads WHERE btrim(phone) <> ''")
    networks = "('192.0.2.0/24'), ('198.51.100.0/24'), ('203.0.113.0/24'), ('2001:db8::/32')"
    strangers = column(
        seeded,
        "SELECT host(last_login_ip) FROM alquimista_platform.users WHERE NOT EXISTS"
        f" (SELECT FROM (VALUES {networks}) AS kept (network) WHERE last_login_ip <<= network::inet)"
        " AND last_login_ip IS NOT NULL",
    )
    digits = {"".join(filter(str.isdigit, phone)) for phone in phones}
    assert all(email.strip().lower().endswith(".example.com") for email in emails)
    assert all(number[-9:-3] == "700900" or number[-7:-2] == "55501" for number in digits)
    assert strangers == []


def test_tenants_are_uneven_and_one_has_nothing(seeded: psycopg.Connection) -> None:
    sizes = Counter(column(seeded, "SELECT tenant_id::text FROM nigredo_leads.leads"))
    tenants = column(seeded, "SELECT id::text FROM fibonacci_core.tenants")
    ordered = sorted(sizes.values())
    assert ordered[-1] > 10 * ordered[len(ordered) // 2]
    assert set(tenants) - set(sizes)


@pytest.mark.parametrize(
    "query",
    [
        r"SELECT 1 FROM nigredo_leads.leads WHERE notes LIKE E'%\n%\t%'",
        r"SELECT 1 FROM nigredo_leads.leads WHERE notes LIKE E'%\\\\%'",
        "SELECT 1 FROM nigredo_leads.leads WHERE contact_name ~ '[一-龠]'",
        "SELECT 1 FROM nigredo_leads.leads WHERE email IS NULL AND phone IS NULL",
        "SELECT 1 FROM nigredo_leads.leads WHERE 'a,b' = ANY (tags) AND 'q\"uote' = ANY (tags)",
        "SELECT 1 FROM nigredo_leads.leads WHERE attributes -> 'employees' = 'null'",
        "SELECT 1 FROM nigredo_leads.interactions WHERE length(transcript) > 2000",
        'SELECT 1 FROM nigredo_leads.campaign_imports WHERE header::text LIKE \'%"a":  %"a"%\'',
        "SELECT 1 FROM alquimista_platform.api_keys WHERE upper_inf(valid)",
        "SELECT 1 FROM alquimista_platform.usage_samples AS s GROUP BY s.* HAVING count(*) > 1",
        "SELECT 1 FROM fibonacci_core.events_later",
        "SELECT 1 FROM fibonacci_core.tenants WHERE NOT is_active",
    ],
)
def test_there_are_rows_that_are_hard_to_compare(query: str, seeded: psycopg.Connection) -> None:
    assert seeded.execute(query.encode()).fetchone() is not None


def test_scores_have_the_scale_that_a_later_migration_changes(seeded: psycopg.Connection) -> None:
    assert column(seeded, "SELECT max(score)::text FROM nigredo_leads.leads") == ["100"]


def test_sequences_stand_at_the_last_row_that_came_from_them(seeded: psycopg.Connection) -> None:
    made = (
        ("nigredo_leads.lead_reference_seq", "nigredo_leads.leads", "reference_no"),
        ("nigredo_leads.interactions_id_seq", "nigredo_leads.interactions", "id"),
        ("fibonacci_core.agents_id_seq", "fibonacci_core.agents", "id"),
    )
    stands = [
        column(seeded, f"SELECT (SELECT last_value FROM {sequence}) = max({name}) FROM {table}")
        for sequence, table, name in made
    ]
    assert stands == [[True]] * 3


def test_a_database_that_has_rows_is_refused_and_left_as_it_was(having: Having, history: History) -> None:
    dsn = history.conninfo(having(*upto(SEEDED_AFTER)))
    original = rows(dsn)
    again = load(dsn)
    assert again.returncode == 1
    assert "nothing was loaded" in again.stderr
    assert "Traceback" not in again.stderr
    assert rows(dsn) == original


@pytest.mark.parametrize(("dsn", "code"), [("", 2), ("host=127.0.0.1 port=1", 1)])
def test_without_a_database_the_seed_says_so(dsn: str, code: int) -> None:
    done = load(dsn)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_digests_see_one_changed_letter(having: Having, history: History) -> None:
    dsn = history.conninfo(having(*upto(SEEDED_AFTER)))
    original = rows(dsn)
    with psycopg.connect(dsn) as conn:
        conn.execute("UPDATE fibonacci_core.agents SET display_name = 'x' WHERE id = 3")
    assert rows(dsn) != original
