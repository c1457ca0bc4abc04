"""The role that runs ask for is enough, and nothing in it is too much."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo
from standin import DATABASE, DSN, StandIn
from test_drills_on_staging import Staged, forker, staged  # noqa: F401  a fixture

from rollproof.environments.staging.rights import Right, rights_of, script_of, statements

ROLE, OWNER = "drill role", "Shop owner"


@pytest.fixture
def owned(place: StandIn) -> Iterator[StandIn]:
    """The stand-in, whose database belongs to a role of its own, as elsewhere."""
    quoted = f'"{OWNER}"'
    place.run(
        f"CREATE ROLE {quoted}",
        f"ALTER DATABASE {DATABASE} OWNER TO {quoted}",
        "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
        f"REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO mini_app",
    )
    _own(place, quoted)
    yield place
    _own(place, place.server.user)
    place.run(
        f"ALTER DATABASE {DATABASE} OWNER TO {place.server.user}",
        "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO PUBLIC",
    )
    place.run(f"DROP OWNED BY {quoted}", database=DATABASE)
    place.run(f"DROP ROLE {quoted}")


def _own(place: StandIn, owner: str) -> None:
    with place.connect(DATABASE) as conn:
        tables = [str(row[0]) for row in conn.execute(_OWNED)]
    place.run(*(f"ALTER {what} OWNER TO {owner}" for what in tables), database=DATABASE)


_OWNED = """
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END
           || ' ' || c.oid::regclass
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r','v','S','p')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i'))
    UNION ALL SELECT 'SCHEMA ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'
"""


def drilled_as(found: Staged, place: StandIn, rights: list[Right]) -> Any:
    """The drill as a role that has these rights and no others."""
    made = [statement.as_string(None) for statement in statements(rights, role=ROLE)]
    place.run(*made, f"ALTER ROLE \"{ROLE}\" PASSWORD 'x'")
    try:
        dsn = make_conninfo(place.dsn, user=ROLE, password="x")  # noqa: S106
        plan = ("--environment=staging", "--rollproof-plan=plan.toml")
        return found.drilled.drill(*found.chosen, *plan, **{**found.environ, DSN: dsn})
    finally:
        shutil.rmtree(found.drilled.reports, ignore_errors=True)
        place.run(*_gone())


def _gone() -> list[str]:
    return [f'DROP OWNED BY "{ROLE}"', f'DROP ROLE "{ROLE}"']


def test_the_role_is_enough_and_each_of_its_rights_is_needed(
    tmp_path: Path,
    forker: Any,  # noqa: F811
    owned: StandIn,
) -> None:
    found = staged(tmp_path, forker, owned)
    ended = found.drill()
    assert ended.code == 0, ended.said
    rights = rights_of(found.drilled.journal().events, role=ROLE, owners=[OWNER], database=DATABASE)
    assert "CREATEROLE" not in script_of(rights, role=ROLE)
    before = owned.everything()
    enough = drilled_as(found, owned, rights)
    assert enough.code == 0, enough.said
    for left_out in rights:
        less = [right for right in rights if right is not left_out]
        assert drilled_as(found, owned, less).code != 0, f"nobody missed {left_out}"
    assert owned.everything() == before
