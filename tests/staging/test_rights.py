"""The role that runs ask for is enough, and nothing in it is too much."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from psycopg.conninfo import make_conninfo
from standin import DATABASE, DSN, StandIn
from test_drills_on_staging import Staged, events_of, forker, stacks, staged  # noqa: F401  a fixture

from rollproof.environments.staging.rights import Right, rights_of, script_of, statements

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from test_iam_policy import findings

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


@pytest.mark.slow
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


def test_copies_of_stacks_are_deployed_and_torn_down_and_their_rights_are_known(
    tmp_path: Path,
    forker: Any,  # noqa: F811
    place: StandIn,
) -> None:
    """What was called on the copies, as a policy that a linter has nothing to say of."""
    found, before = stacks(tmp_path, forker, place), place.everything()
    document = tomlkit.parse((tmp_path / "system.toml").read_text())
    document["environments"]["staging"]["stacks"] = "copy"  # type: ignore[index]
    found.drilled.write("system.toml", tomlkit.dumps(document))
    assert found.rollproof("drill", "approve", "plan.toml", "--by", "ann").code == 0
    ended = found.drill()
    assert ended.code == 0, ended.said
    names = {str(event.data["name"]) for event in found.drilled.journal().all("stack.operation")}
    assert names
    assert all("-staging-rp" in name for name in names), names
    assert "lock.take ok" in events_of(found)
    assert place.everything() == before
    [run] = found.drilled.runs()
    written = found.rollproof(
        "environment", "permissions", str(run), "--system=system.toml", "--output=permissions"
    )
    assert written.code == 0, written.said
    policy = json.loads((tmp_path / "permissions" / "policy.json").read_text())
    assert findings(policy, tmp_path) == []
    actions = {action for one in policy["Statement"] for action in one["Action"]}
    assert {"cloudformation:ExecuteChangeSet", "s3:PutObject"} <= actions
    [stack] = [one for one in policy["Statement"] if "cloudformation:ExecuteChangeSet" in one["Action"]]
    assert stack["Resource"] != ["*"]
