"""Sqitch: configuration, plan, and what its scripts do to a database."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.tools import sqitch
from rollproof.migrations.tools.base import survey
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqitch_config import ConfigError, parse_config, read_config
from rollproof.migrations.tools.sqitch_plan import Plan, labels, read_plan
from rollproof.walk.walk import walk
from tests.unit.tool_folders import applied, back_to_the_start, query, runner, up_to_the_end, write

HEAD = "%syntax-version=1.0.0\n%project=flip\n%uri=https://example.com/flip/\n\n"
WHO = "Ada Byron <ada@example.com>"


def plan(*lines: str, head: str = HEAD) -> str:
    """A plan; each line gets its date and planner between the name with its needs and the note."""
    made = []
    for number, line in enumerate(lines):
        what, _, note = line.partition(" # ")
        date = f"2026-01-0{number + 1}T10:00:00Z"
        made.append(f"{what} {date} {WHO}{f' # {note}' if note else ''}" if what else "")
    return head + "\n".join(made) + "\n"


def read(text: str) -> Plan:
    return read_plan(text, Path("/project/sqitch.plan"))


def test_a_plan_is_read_in_its_order() -> None:
    found = read(
        plan("appschema # the schema", "users [appschema]", "@v1 # first", "", "sub/lists [users@v1 !x]")
    )
    assert [change.name for change in found.changes] == ["appschema", "users", "sub/lists"]
    assert [change.tags for change in found.changes] == [(), ("v1",), ()]
    assert [str(need) for need in found.changes[2].needs] == ["users@v1", "x"]
    assert [need.conflicts for need in found.changes[2].needs] == [False, True]
    assert found.changes[0].note == "the schema"


def test_ids_are_those_that_sqitch_computes() -> None:
    """Made with Sqitch 1.3.1: a URI, notes of several lines, needs, tags and reworked changes."""
    text = (
        "%syntax-version=1.0.0\n%project=flip\n%uri=https://example.com/flip/\n\n"
        'appschema 2026-11-22T09:04:04Z ZoÃ« O\'Neil <z@example.com> # Adds the "app" schema # really\n'
        "users [appschema] 2026-11-22T09:04:04Z ZoÃ« O'Neil <z@example.com> # Line one\\n\\nLine two\n"
        "@v1.0 2026-11-22T09:04:05Z ZoÃ« O'Neil <z@example.com> # Tag v1\n\n"
        "sub/lists [users@v1.0 !nothere] 2026-11-22T09:04:05Z ZoÃ« O'Neil <z@example.com> # x\n"
        "users [users@v1.0] 2026-11-22T09:04:05Z ZoÃ« O'Neil <z@example.com> # again\n"
        "@v1.1 2026-11-22T09:04:06Z ZoÃ« O'Neil <z@example.com> # t\n"
        "users [users@v1.1] 2026-11-22T09:04:06Z ZoÃ« O'Neil <z@example.com> # third\n"
    )
    found = read(text)
    assert [change.id for change in found.changes] == [
        "ba3e16a46e9d67307cf5ab764a0a9a14d5681c9f",
        "86f79f162b8f3b94f2e9447c7e1643b62663ba75",
        "c398380a2ef5aa60addd0efba5db4b3cf35d8605",
        "d3e2c8904de58d9f80b660766c55641cc9c36d7b",
        "70b2887a9243f0ba46c97be6d6c86f2462640a43",
    ]
    assert list(labels(found).values()) == ["appschema", "users@v1.0", "sub/lists", "users@v1.1", "users"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (plan("a", "a"), 6, "there already, in line 5"),
        (plan("@v1", "a"), 5, "before any change"),
        (plan("a", "@v1", "@v1"), 7, "@v1 is there already, in line 6"),
        (plan("a", "b [c@@d]"), 6, "names no change"),
        (plan("HEAD"), 5, "neither a change nor a tag"),
        (plan("a~1"), 5, "neither a change nor a tag"),
        (plan("a/"), 5, "neither a change nor a tag"),
        (plan("a", "b [a a]"), 6, "names a twice"),
        (HEAD + f"a 2026-13-01T00:00:00Z {WHO}\n", 5, "neither a change nor a tag"),
        (HEAD + "a\n", 5, "neither a change nor a tag"),
        (HEAD + f"a 2026-01-01 {WHO}\n", 5, "neither a change nor a tag"),
        (plan("a", head="%syntax-version=1.0.0\n\n"), 1, "no %project"),
    ],
)
def test_what_sqitch_refuses_of_a_plan_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(MigrationError, match=says) as caught:
        read(text)
    assert caught.value.where == f"/project/sqitch.plan:{line}"


@given(st.text(alphabet=st.sampled_from("%project=flip@a[]!: #\n2026-01T:Z<>+"), max_size=160))
def test_a_plan_is_read_or_refused_with_a_place(text: str) -> None:
    where = "/project/sqitch.plan:"
    try:
        read(text)
    except MigrationError as error:
        where = error.where
    assert where.startswith("/project/sqitch.plan:")


def test_a_configuration_is_read_as_git_reads_its_own() -> None:
    text = (
        "[core]\n\tengine = pg ; the best\n\t# plan_file = x\n"
        '[core.variables]\n x=a ; b\n[engine "pg"] target = db:pg:sq\n'
        '[engine "pg.variables"]\ny="q # z" w # c\nXy = a\\\nb\n[Deploy]\nverify\n'
    )
    assert parse_config(text) == {
        "core": {"engine": "pg"},
        "core.variables": {"x": "a"},
        "engine.pg": {"target": "db:pg:sq"},
        "engine.pg.variables": {"y": "q # z w", "Xy": "ab"},
        "deploy": {"verify": "true"},
    }


@pytest.mark.parametrize("text", ["engine = pg\n", "[core]\n= pg\n", "[core\n"])
def test_a_line_that_is_no_configuration_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text)


@given(st.text(alphabet=st.sampled_from('[core "v"]\n\t=x#;\\'), max_size=80))
def test_a_configuration_is_read_or_refused(text: str) -> None:
    line = 1
    try:
        parse_config(text)
    except ConfigError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + 1


LAYOUT = """\
[core]
    engine = pg
    top_dir = db
    extension = psql
    registry = deployments
[engine "pg"]
    target = prod
    reworked_dir = db/old
[target "prod"]
    uri = db:pg:flip
    verify_dir = checks
[target "lab"]
    uri = db:pg:lab
    plan_file = lab.plan
[core "variables"]
    a = core
    b = core
    c = core
    d = core
[deploy "variables"]
    b = deploy
    c = deploy
    d = deploy
[revert "variables"]
    b = revert
[engine "pg.variables"]
    c = engine
    d = engine
[target "prod.variables"]
    d = target
"""


def test_settings_of_the_target_outrank_the_engines_and_those_the_cores(tmp_path: Path) -> None:
    found = read_config(write(tmp_path, {"sqitch.conf": LAYOUT}) / "sqitch.conf")
    assert found.plan == tmp_path / "db/sqitch.plan"
    assert found.folders == {
        "deploy": tmp_path / "db/deploy",
        "revert": tmp_path / "db/revert",
        "verify": tmp_path / "checks",
    }
    assert found.reworked["revert"] == tmp_path / "db/old/revert"
    assert (found.extension, found.registry) == ("psql", "deployments")
    assert found.variables["deploy"] == (("a", "core"), ("b", "deploy"), ("c", "engine"), ("d", "target"))
    assert found.variables["revert"][1] == ("b", "revert")


def test_a_target_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"sqitch.conf": LAYOUT}) / "sqitch.conf"
    assert read_config(path, target="lab").plan == tmp_path / "lab.plan"
    with pytest.raises(MigrationError, match="there is no target 'moon'") as caught:
        read_config(path, target="moon")
    assert caught.value.remedy == "name one of: prod, lab"


HASH = "FUNCTION flipr.hash(text) RETURNS text LANGUAGE sql AS $$ SELECT md5($1{}) $$;\n"
FLIPR = {
    "sqitch.conf": '[core]\n\tengine = pg\n[deploy "variables"]\n\towner = flipr\n',
    "sqitch.plan": plan(
        "appschema", "users [appschema]", "hash [users]", "@v1", "hash [hash@v1]", "load [users]"
    ),
    "deploy/appschema.sql": 'BEGIN;\nCREATE SCHEMA :"owner";\nCOMMIT;\n',
    "revert/appschema.sql": 'BEGIN;\nDROP SCHEMA :"owner";\nCOMMIT;\n',
    "verify/appschema.sql": "BEGIN;\nSELECT pg_catalog.has_schema_privilege(:'owner', 'usage');\nROLLBACK;\n",
    "deploy/users.sql": "BEGIN;\nCREATE TABLE flipr.users (nick text PRIMARY KEY, pass text);\nCOMMIT;\n",
    "revert/users.sql": "BEGIN;\nDROP TABLE flipr.users;\nCOMMIT;\n",
    "verify/users.sql": "BEGIN;\nSELECT nick, pass FROM flipr.users WHERE FALSE;\nROLLBACK;\n",
    "deploy/hash@v1.sql": "CREATE " + HASH.format(""),
    "revert/hash@v1.sql": "DROP FUNCTION flipr.hash(text);\n",
    "verify/hash@v1.sql": "SELECT has_function_privilege('flipr.hash(text)', 'execute');\n",
    "deploy/hash.sql": "CREATE OR REPLACE " + HASH.format(" || 'x'"),
    "revert/hash.sql": "CREATE OR REPLACE " + HASH.format(""),
    "verify/hash.sql": "SELECT 1/(count(*) - 1) FROM flipr.users;\nSELECT 1/0;\n",
    "deploy/load.sql": "\\i data/users.sql\n\\ir ../data/more.sql\n",
    "revert/load.sql": "TRUNCATE flipr.users;\n",
    "data/users.sql": "COPY flipr.users FROM stdin;\nada\tx\nbob\ty\n\\.\n",
    "data/more.sql": "INSERT INTO flipr.users VALUES ('eve', 'z');\n",
}


@pytest.fixture
def flipr(tmp_path: Path) -> sqitch.Sqitch:
    source = sqitch.open(write(tmp_path, FLIPR), ToolSettings())
    assert isinstance(source, sqitch.Sqitch)
    return source


NAMES = ["appschema", "users", "hash@v1", "hash", "load"]


def test_a_plan_becomes_a_history(flipr: sqitch.Sqitch) -> None:
    history = flipr.load()
    assert [migration.id for migration in history] == NAMES
    assert [migration.up.name for migration in history][2:4] == ["hash@v1.sql", "hash.sql"]
    assert [migration.parents for migration in history] == [
        (),
        ("appschema",),
        ("users",),
        ("hash@v1",),
        ("users",),
    ]
    assert history.warnings == ("load has no verify script: verify/load.sql is missing",)
    assert history.ledger == "sqitch.changes"


def test_variables_are_known_to_whoever_reads_the_scripts(flipr: sqitch.Sqitch) -> None:
    assert flipr.load().classifications[0].kind.value == "additive"


def test_a_history_goes_up_and_back(flipr: sqitch.Sqitch, pg: PostgresServer, database: str) -> None:
    up_to_the_end(flipr, pg, database)
    assert query(pg, database, "SELECT nick FROM flipr.users ORDER BY nick") == [("ada",), ("bob",), ("eve",)]
    assert applied(flipr, pg, database) == NAMES
    stored = query(pg, database, "SELECT change, project FROM sqitch.changes ORDER BY committed_at")
    assert stored == [(name.partition("@")[0], "flip") for name in NAMES]
    back_to_the_start(flipr, pg, database)
    assert query(pg, database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'flipr'") == [(0,)]
    assert applied(flipr, pg, database) == []


def test_psql_itself_does_the_same(flipr: sqitch.Sqitch, pg: PostgresServer, database: str) -> None:
    for migration in flipr.load():
        flipr.apply(migration, PsqlRunner(pg, database, limit=30.0))
    assert query(pg, database, "SELECT count(*) FROM flipr.users") == [(3,)]


def test_a_failed_verify_script_is_a_note(flipr: sqitch.Sqitch, pg: PostgresServer, database: str) -> None:
    said = [flipr.apply(migration, runner(pg, database)).notes for migration in flipr.load()]
    assert [len(notes) for notes in said] == [0, 0, 0, 1, 0]
    assert said[3][0].startswith("the verify script failed: ")
    assert "division by zero" in said[3][0]
    assert "hash.sql:2" in said[3][0]


def test_a_walk_tells_of_a_failed_verify_script(flipr: sqitch.Sqitch, pg: PostgresServer) -> None:
    results = walk(flipr, pg).migrations
    assert [result.id for result in results if any("verify script" in note for note in result.notes)] == [
        "hash"
    ]
    assert results[3].outcome.sound


def test_a_project_that_verifies_deployments_has_the_change_taken_back(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    write(tmp_path, {**FLIPR, "sqitch.conf": FLIPR["sqitch.conf"] + "[deploy]\n\tverify = true\n"})
    source = sqitch.open(tmp_path, ToolSettings())
    *first, reworked, _ = source.load()
    for migration in first:
        source.apply(migration, runner(pg, database))
    with pytest.raises(AttemptFailed, match="at which Sqitch takes the change back"):
        source.apply(reworked, runner(pg, database))
    assert applied(source, pg, database) == NAMES[:3]


def test_a_registry_that_sqitch_has_made_is_kept_with_its_tags(
    flipr: sqitch.Sqitch, pg: PostgresServer, database: str
) -> None:
    flipr.prepare(runner(pg, database))
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute("CREATE TABLE sqitch.tags (tag text, change_id text NOT NULL REFERENCES sqitch.changes)")
    up_to_the_end(flipr, pg, database)
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute(
            "INSERT INTO sqitch.tags SELECT '@v1', change_id FROM sqitch.changes WHERE change = 'hash'"
        )
    back_to_the_start(flipr, pg, database)
    assert applied(flipr, pg, database) == []


def test_an_error_names_the_file_and_the_line(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    files = {**FLIPR, "revert/users.sql": "BEGIN;\n\nDROP TABLE flipr.nobody;\nCOMMIT;\n"}
    source = sqitch.open(write(tmp_path, files), ToolSettings())
    schema, users, *_ = source.load()
    source.apply(schema, runner(pg, database))
    source.apply(users, runner(pg, database))
    with pytest.raises(AttemptFailed) as caught:
        source.roll_back(users, runner(pg, database))
    assert (caught.value.facts["line"], caught.value.facts["sqlstate"]) == (3, "42P01")
    assert applied(source, pg, database) == ["appschema", "users"]


def test_missing_scripts_are_told_apart(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    files = dict(FLIPR)
    del files["deploy/users.sql"], files["revert/appschema.sql"]
    source = sqitch.open(write(tmp_path, files), ToolSettings())
    schema, users, *_ = source.load()
    assert schema.down is None
    source.apply(schema, runner(pg, database))
    with pytest.raises(AttemptFailed, match="its deploy script is missing"):
        source.apply(users, runner(pg, database))
    with pytest.raises(MigrationError) as caught:
        source.roll_back(schema, runner(pg, database))
    assert caught.value.remedy == "write revert/appschema.sql"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("a [b]", "b"), r"a needs b, which is not planned before it"),
        (("a [a]",), r"a needs a, which is not planned before it"),
        (("a", "b [a@v9]"), r"b needs a@v9, which is not planned before it"),
        (("a", "b [!c]"), r"b conflicts with c, which is not in the plan"),
    ],
)
def test_dependencies_that_sqitch_cannot_find_are_an_error(
    tmp_path: Path, lines: tuple[str, ...], says: str
) -> None:
    write(tmp_path, {"sqitch.plan": plan(*lines)})
    with pytest.raises(MigrationError, match=says):
        sqitch.open(tmp_path, ToolSettings()).load()


def test_a_change_in_conflict_with_a_deployed_one_is_not_deployed(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    files = {"sqitch.plan": plan("a", "b [!a]"), "deploy/a.sql": "SELECT 1;\n", "deploy/b.sql": "SELECT 1;\n"}
    source = sqitch.open(write(tmp_path, files), ToolSettings())
    first, second = source.load()
    source.apply(first, runner(pg, database))
    with pytest.raises(AttemptFailed, match="it conflicts with a"):
        source.apply(second, runner(pg, database))


def test_needs_of_another_project_are_noted(tmp_path: Path) -> None:
    files = {"sqitch.plan": plan("a [other:base]"), "deploy/a.sql": "SELECT 1;\n"}
    (only,) = sqitch.open(write(tmp_path, files), ToolSettings()).load()
    assert only.note == "needs other:base of other projects, which are not deployed here"


def test_projects_for_postgresql_are_found_and_others_are_not(tmp_path: Path) -> None:
    write(tmp_path, {f"flipr/{name}": text for name, text in FLIPR.items()})
    write(tmp_path, {"lite/sqitch.conf": "[core]\n engine = sqlite\n", "lite/sqitch.plan": plan("a")})
    write(tmp_path, {"bare/sqitch.plan": plan("a"), "empty/sqitch.conf": "[core]\n engine = pg\n"})
    survey.cache_clear()
    found = {item.path.relative_to(tmp_path).as_posix() for item in sqitch.find(tmp_path)}
    assert found == {"flipr/sqitch.conf", "bare/sqitch.plan"}
    with pytest.raises(MigrationError, match="for the engine 'sqlite'"):
        sqitch.open(tmp_path / "lite", ToolSettings())
    with pytest.raises(MigrationError, match="no plan of Sqitch here"):
        sqitch.open(tmp_path / "empty", ToolSettings()).load()
