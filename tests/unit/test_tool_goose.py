"""goose: what its files come to, line for line, and what they do to a database."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError
from rollproof.migrations.script import Mode
from rollproof.migrations.tools import goose
from rollproof.migrations.tools.base import survey
from rollproof.migrations.tools.envsub import CannotSubstitute, expand
from rollproof.migrations.tools.goose_text import GooseText, read_goose
from rollproof.migrations.tools.markers import Section
from rollproof.migrations.tools.settings import ToolSettings
from tests.unit.tool_folders import (
    applied,
    back_to_the_start,
    query,
    runner,
    tables,
    up_to_the_end,
    write,
)

UP, DOWN = "-- +goose Up\n", "-- +goose Down\n"
BEGIN, END = "-- +goose StatementBegin\n", "-- +goose StatementEnd\n"


def sent(part: Section | None) -> list[str]:
    assert part is not None
    return [part.text[start:end] for start, end in part.statements]


def refused(part: Section | None) -> tuple[int, str]:
    assert part is not None
    assert part.refusal is not None
    return part.refusal.line, part.refusal.found


def read(text: str, *, bom: bool = False, **environment: str) -> GooseText:
    return read_goose(text, environment, bom=bom)


def test_each_statement_is_sent_by_itself() -> None:
    found = read(
        f"{UP}CREATE TABLE a (i int);\nCREATE TABLE b (\n  i int\n);\n{DOWN}DROP TABLE b;\nDROP TABLE a;\n"
    )
    assert sent(found.up) == ["CREATE TABLE a (i int);", "CREATE TABLE b (\n  i int\n);"]
    assert sent(found.down) == ["DROP TABLE b;", "DROP TABLE a;"]
    assert (found.up.first_line, found.down and found.down.first_line) == (2, 7)


def test_two_statements_on_a_line_go_together() -> None:
    assert sent(read(f"{UP}SELECT 1; SELECT 2;\n").up) == ["SELECT 1; SELECT 2;"]


def test_a_comment_after_the_semicolon_ends_it_all_the_same() -> None:
    assert sent(read(f"{UP}SELECT 1; -- one;\nSELECT 2;--two\nSELECT 3;\n").up) == [
        "SELECT 1; -- one;",
        "SELECT 2;--two\nSELECT 3;",
    ]


def test_a_block_is_one_statement_whatever_is_in_it() -> None:
    body = "CREATE FUNCTION f() RETURNS int AS $$\nBEGIN\n  RETURN 1;\nEND;\n$$ LANGUAGE plpgsql;"
    assert sent(read(f"{UP}{BEGIN}{body}\n{END}SELECT 1;\n").up) == [body, "SELECT 1;"]


def test_a_block_needs_no_semicolon() -> None:
    assert sent(read(f"{UP}{BEGIN}SELECT 1\n{END}").up) == ["SELECT 1"]


def test_a_function_without_a_block_is_split_in_its_middle_as_goose_does() -> None:
    text = f"{UP}CREATE FUNCTION f() RETURNS int AS $$\nBEGIN\n  RETURN 1;\nEND; $$ LANGUAGE plpgsql;\n"
    assert sent(read(text).up) == [
        "CREATE FUNCTION f() RETURNS int AS $$\nBEGIN\n  RETURN 1;",
        "END; $$ LANGUAGE plpgsql;",
    ]


def test_comments_before_a_statement_are_left_out_and_those_within_it_are_sent() -> None:
    assert sent(read(f"{UP}-- before\n\nSELECT 1 -- here\n-- within\n, 2;\n").up) == [
        "SELECT 1 -- here\n-- within\n, 2;"
    ]


@pytest.mark.parametrize(
    "marker",
    ["-- +goose Up", "--+goose up", "--   +goose   UP", "-- +goose Up --", "--+gooseUp", "---- +goose up  "],
)
def test_spelling_of_annotations_is_as_loose_as_goose_has_it(marker: str) -> None:
    assert sent(read(f"{marker}\nSELECT 1;\n").up) == ["SELECT 1;"]


def test_no_transaction_holds_for_both_directions_wherever_it_stands() -> None:
    for text in (
        f"-- +goose NO TRANSACTION\n{UP}SELECT 1;\n{DOWN}SELECT 2;\n",
        f"{UP}SELECT 1;\n{DOWN}-- +goose no transaction\nSELECT 2;\n",
    ):
        found = read(text)
        assert not found.up.transaction
        assert found.down is not None
        assert not found.down.transaction


def test_no_down_section_is_no_way_back_and_an_empty_one_is_one() -> None:
    assert read(f"{UP}SELECT 1;\n").down is None
    empty = read(f"{UP}SELECT 1;\n{DOWN}").down
    assert empty is not None
    assert (empty.statements, empty.refusal) == ((), None)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (f"CREATE TABLE a ();\n{UP}SELECT 1;\n", 1, "SQL before"),
        ("-- a comment only\n", 1, "no `-- +goose Up`"),
        (f"{DOWN}SELECT 1;\n", 1, "before `-- +goose Up`"),
        (f"{UP}SELECT 1;\n{UP}SELECT 2;\n", 3, "twice"),
        (f"{UP}{DOWN}SELECT 1;\n{DOWN}", 4, "twice"),
        (f"{UP}{BEGIN}SELECT 1;\n", 2, "not ended"),
        (f"{UP}{BEGIN}SELECT 1;\n{DOWN}", 2, "not ended"),
        (f"{UP}{BEGIN}{BEGIN}SELECT 1;\n{END}", 3, "within another"),
        (f"{UP}SELECT 1;\n{END}", 3, "ends no block"),
        (f"{BEGIN}{UP}", 1, "before Up"),
        (f"{UP}-- +goose Frobnicate\nSELECT 1;\n", 2, "is no annotation"),
        (f"{UP}-- see +goose manual\nSELECT 1;\n", 2, "is no annotation"),
        (f"{UP} -- +goose Down\nSELECT 1;\n", 2, "does not begin its line"),
        (f"{UP}-- +goose\nSELECT 1;\n", 2, "empty"),
    ],
)
def test_what_goose_refuses_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    found = read(text)
    where, why = refused(found.up)
    assert where == line
    assert says in why
    if found.down:
        assert refused(found.down) == (where, why)


def test_a_missing_semicolon_is_refused_in_its_own_direction_only() -> None:
    ahead = read(f"{UP}SELECT 1;\n\nSELECT 2\n{DOWN}SELECT 3;\n")
    assert refused(ahead.up)[0] == 4
    assert ahead.down is not None
    assert ahead.down.refusal is None
    back = read(f"{UP}SELECT 1;\n{DOWN}SELECT 2\n")
    assert back.up.refusal is None
    assert refused(back.down)[0] == 4


def test_a_byte_order_mark_hides_the_annotation_behind_it() -> None:
    line, why = refused(read(f"{UP}SELECT 1;\n", bom=True).up)
    assert line == 1
    assert "byte order mark" in why


def test_the_line_after_an_empty_block_is_left_out_and_said_so() -> None:
    found = read(f"{UP}{BEGIN}{END}\n-- note\nCREATE TABLE a ();\nCREATE TABLE b ();\n")
    assert sent(found.up) == ["CREATE TABLE b ();"]
    assert [text for text in found.oddities if text.startswith("line 6 ")]


def test_variables_are_filled_in_between_their_annotations_only() -> None:
    text = (
        f"{UP}SELECT '$NAME';\n-- +goose ENVSUB ON\nSELECT '${{NAME}}', '${{OTHER:-x}}$UNSET';\n"
        "-- +goose ENVSUB OFF\nSELECT '$NAME';\n"
    )
    found = read(text, NAME="n")
    assert sent(found.up) == ["SELECT '$NAME';", "SELECT 'n', 'x';", "SELECT '$NAME';"]
    assert found.unset == ("UNSET",)


def test_a_required_variable_that_is_not_set_refuses_the_file() -> None:
    found = read(f"{UP}-- +goose ENVSUB ON\nSELECT '${{NAME?give it}}';\n")
    assert refused(found.up) == (3, refused(found.up)[1])
    assert "give it" in refused(found.up)[1]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$A", "alpha"),
        ("${A}b", "alphab"),
        ("$$ \\$ \\\\ $( $", "$ $ \\\\ $( $"),
        ("${EMPTY:-d} ${EMPTY-d} ${NONE-d}", "d  d"),
        ("${NONE:-${A}}", "alpha"),
        ("${A:1} ${A:1:2} ${A:-2} ${A: -2} ${A:0:-1} ${A:9}", "lpha lp alpha ha alph "),
        ("${A?no}", "alpha"),
    ],
)
def test_substitution_follows_the_library_that_goose_uses(text: str, expanded: str) -> None:
    assert expand(text, {"A": "alpha", "EMPTY": ""}).text == expanded


@pytest.mark.parametrize("text", ["$1", "${}", "${A", "${A!x}", "${A:x}", "$_x", "${NONE?}"])
def test_what_cannot_be_substituted_says_so(text: str) -> None:
    with pytest.raises(CannotSubstitute):
        expand(text, {"A": "alpha"})


LINES = st.sampled_from(
    ["", "  ", "-- note", "SELECT 1;", "SELECT 2", ", 3;", "END; $$", "x -- y;", "/* a; */ z;", "\ttab;"]
)
MARKED = st.one_of(LINES, st.sampled_from([BEGIN.strip(), END.strip(), "-- +goose NO TRANSACTION"]))


@given(st.lists(MARKED, max_size=12), st.lists(MARKED, max_size=12))
def test_sections_stand_where_they_stand_in_the_file(up: list[str], down: list[str]) -> None:
    whole = [UP.strip(), *up, DOWN.strip(), *down]
    found = read("\n".join(whole) + "\n")
    for part in (found.up, found.down):
        if part is None or part.refusal:
            continue
        for number, line in enumerate(part.text.split("\n")[:-1], start=part.first_line):
            original = whole[number - 1]
            assert line == original or not line.strip()
            assert len(line) == len(original)


@given(st.lists(LINES, max_size=12), st.booleans())
def test_nothing_of_a_section_is_lost_or_sent_twice(body: list[str], block: bool) -> None:
    text = UP + (BEGIN if block else "") + "".join(f"{line}\n" for line in body) + (END if block else "")
    found = read(text)
    if found.up.refusal:
        return
    words = [word for line in body if not line.strip().startswith("--") for word in line.split()]
    said = [
        word
        for piece in sent(found.up)
        for line in piece.split("\n")
        if not line.strip().startswith("--")
        for word in line.split()
    ]
    assert said == words
    spans = found.up.statements
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


@given(st.text(alphabet=st.sampled_from("-+goseUpDwnStatmBgiE;$ \n{}'a"), max_size=200), st.booleans())
def test_no_text_at_all_makes_it_fail(text: str, bom: bool) -> None:
    found = read(text, bom=bom)
    for part in (found.up, found.down):
        for start, end in part.statements if part else ():
            assert part is not None
            assert part.text[start:end].strip()


SHOP = {
    "00001_create_customers.sql": (
        f"{UP}CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);\n"
        f"{DOWN}DROP TABLE customers;\n"
    ),
    "20240102030405_orders.sql": (
        f"{UP}{BEGIN}CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint REFERENCES customers);\n"
        f"CREATE INDEX orders_customer ON orders (customer);\n{END}\n{DOWN}{BEGIN}DROP TABLE orders;\n{END}"
    ),
    "20240203040506_touch.sql": (
        f"{UP}{BEGIN}CREATE FUNCTION touch() RETURNS trigger AS $$\nBEGIN\n  NEW.name := trim(NEW.name);\n"
        f"  RETURN NEW;\nEND;\n$$ LANGUAGE plpgsql;\n{END}\nCREATE TRIGGER touch BEFORE UPDATE ON customers\n"
        f"FOR EACH ROW EXECUTE FUNCTION touch();\n\n{DOWN}DROP TRIGGER touch ON customers;\n"
        "DROP FUNCTION touch();\n"
    ),
    "20240304050607_index.sql": (
        f"-- +goose NO TRANSACTION\n{UP}CREATE INDEX CONCURRENTLY customers_name ON customers (name);\n"
        f"{DOWN}DROP INDEX CONCURRENTLY customers_name;\n"
    ),
}


@pytest.fixture
def shop(tmp_path: Path) -> goose.Goose:
    return goose.Goose(write(tmp_path, SHOP), ToolSettings())


def test_a_history_goes_up_and_back_with_gooses_ledger(
    shop: goose.Goose, pg: PostgresServer, database: str
) -> None:
    assert [migration.id for migration in shop.load()] == sorted(SHOP)
    up_to_the_end(shop, pg, database)
    assert tables(pg, database) == {"customers", "orders"}
    assert applied(shop, pg, database) == sorted(SHOP)
    versions = query(pg, database, "SELECT version_id, is_applied FROM goose_db_version ORDER BY id")
    assert versions == [(int(v), True) for v in (0, 1, 20240102030405, 20240203040506, 20240304050607)]
    back_to_the_start(shop, pg, database)
    assert tables(pg, database) == set()
    assert query(pg, database, "SELECT version_id FROM goose_db_version") == [(0,)]


def test_an_older_gooses_ledger_is_read_with_what_it_rolled_back(
    shop: goose.Goose, pg: PostgresServer, database: str
) -> None:
    shop.prepare(runner(pg, database))
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute(
            "INSERT INTO goose_db_version (version_id, is_applied) VALUES "
            "(1, true), (20240102030405, true), (20240102030405, false), (7, true)"
        )
        assert shop.applied(conn) == ["00001_create_customers.sql", "7"]


def test_an_error_in_a_section_names_the_line_of_the_file(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    text = f"-- about\n{UP}CREATE TABLE a ();\n\n{DOWN}\n-- back\nDROP TABLE a;\n  DROP TABLE b;\n"
    source = goose.open(write(tmp_path, {"1_a.sql": text}), ToolSettings())
    only = source.load().migrations[0]
    source.apply(only, runner(pg, database))
    with pytest.raises(AttemptFailed) as caught:
        source.roll_back(only, runner(pg, database))
    assert caught.value.facts["line"] == 9
    assert caught.value.facts["sqlstate"] == "42P01"
    assert tables(pg, database) == {"a"}
    assert applied(source, pg, database) == ["1_a.sql"]


def test_what_goose_splits_wrongly_fails_as_it_does_there(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    text = (
        f"{UP}CREATE TABLE a ();\nCREATE FUNCTION f() RETURNS int AS $$\nBEGIN\n RETURN 1;\nEND;\n"
        "$$ LANGUAGE plpgsql;\n"
    )
    source = goose.open(write(tmp_path, {"1_a.sql": text}), ToolSettings())
    with pytest.raises(AttemptFailed, match="unterminated dollar-quoted string"):
        source.apply(source.load().migrations[0], runner(pg, database))
    assert tables(pg, database) == set()


def test_without_a_transaction_what_came_before_the_error_stays(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    text = f"-- +goose NO TRANSACTION\n{UP}CREATE TABLE a ();\nSELECT 1/0;\n"
    source = goose.open(write(tmp_path, {"1_a.sql": text}), ToolSettings())
    with pytest.raises(AttemptFailed) as caught:
        source.apply(source.load().migrations[0], runner(pg, database))
    assert caught.value.facts["committed_statements"] == 1
    assert tables(pg, database) == {"a"}
    assert applied(source, pg, database) == []


def test_several_statements_of_a_block_cannot_hold_one_that_wants_to_be_alone(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    block = f"{BEGIN}CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY a_i ON a (i);\n{END}"
    source = goose.open(
        write(tmp_path, {"1_a.sql": f"-- +goose NO TRANSACTION\n{UP}{block}"}), ToolSettings()
    )
    with pytest.raises(AttemptFailed) as caught:
        source.apply(source.load().migrations[0], runner(pg, database))
    assert (caught.value.facts["sqlstate"], caught.value.facts["line"]) == ("25001", 5)


def test_a_refused_file_fails_only_where_it_is_run(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    files = {
        "1_a.sql": f"{UP}CREATE TABLE a ();\n{DOWN}DROP TABLE a\n",
        "2_b.sql": f"{UP}CREATE TABLE b ();\n{DOWN}DROP TABLE b;\n",
    }
    source = goose.open(write(tmp_path, files), ToolSettings())
    up_to_the_end(source, pg, database)
    first, second = source.load().migrations
    assert "semicolon" in first.note
    source.roll_back(second, runner(pg, database))
    with pytest.raises(AttemptFailed) as caught:
        source.roll_back(first, runner(pg, database))
    assert caught.value.where.endswith("1_a.sql:4")
    assert tables(pg, database) == {"a"}


def test_a_migration_in_go_is_reported_and_not_run(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    files = {
        **SHOP,
        "00002_backfill.go": "package migrations\n\nfunc init() { goose.AddMigrationContext(up, down) }\n",
        "00002_backfill_test.go": "package migrations\n",
        "embed.go": "package migrations\n",
    }
    source = goose.open(write(tmp_path, files), ToolSettings())
    history = source.load()
    assert [migration.id for migration in history][:2] == ["00001_create_customers.sql", "00002_backfill.go"]
    assert [text for text in history.warnings if "written in Go" in text]
    assert history.classifications[1].kind.value == "undecided from the text"
    with pytest.raises(EnvironmentUnavailable, match="written in Go"):
        source.apply(history.migrations[1], runner(pg, database))


def test_two_files_of_one_version_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"00001_a.sql": UP, "1_b.sql": UP})
    with pytest.raises(MigrationError, match=r"version 1 is taken twice: 00001_a\.sql and 1_b\.sql"):
        goose.open(tmp_path, ToolSettings()).load()


def test_windows_line_ends_change_nothing(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    files = {name: text.replace("\n", "\r\n") for name, text in SHOP.items()}
    source = goose.open(write(tmp_path, files), ToolSettings())
    up_to_the_end(source, pg, database)
    back_to_the_start(source, pg, database)
    assert tables(pg, database) == set()


def test_variables_come_from_the_settings(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    name = "${TABLE_FOR_TEST}"
    text = f"{UP}-- +goose ENVSUB ON\nCREATE TABLE {name} ();\n{DOWN}DROP TABLE {name};\n"
    settings = ToolSettings(environment={"TABLE_FOR_TEST": "given"})
    source = goose.open(write(tmp_path, {"1_a.sql": text}), settings)
    up_to_the_end(source, pg, database)
    assert tables(pg, database) == {"given"}
    unset = goose.open(tmp_path, ToolSettings()).load().migrations[0]
    assert "not set here: TABLE_FOR_TEST" in unset.note


def test_scripts_say_how_they_are_sent(shop: goose.Goose) -> None:
    modes = [migration.up.mode for migration in shop.load()]
    assert modes == [Mode.TRANSACTION] * 3 + [Mode.AUTOCOMMIT]


def test_only_folders_with_the_annotation_are_found(tmp_path: Path) -> None:
    write(tmp_path, {f"internal/store/migrations/{name}": text for name, text in SHOP.items()})
    write(tmp_path, {"db/001_a.sql": "CREATE TABLE a ();\n", "docs/goose.sql": "-- how to use goose\n"})
    write(tmp_path, {"vendor/x/1_a.sql": UP, "other/2_a.sql": "\r\n-- +goose up\r\n"})
    survey.cache_clear()
    assert [found.path.relative_to(tmp_path).as_posix() for found in goose.find(tmp_path)] == [
        "other",
        "internal/store/migrations",
    ]


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("SET search_path TO app;", True),
        ("set session search_path = 'app', pg_catalog;", True),
        ("SELECT pg_catalog.set_config('search_path', '', false);", True),
        ("SET search_path TO app;\nRESET search_path;", False),
        ("SET search_path TO app;\nSET search_path TO DEFAULT;", False),
        ("SET search_path TO app, public;", False),
        ("SET LOCAL search_path TO app;", False),
        ("SELECT set_config('search_path', 'app', true);", False),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';", False),
    ],
)
def test_a_search_path_that_is_left_behind_is_warned_of(tmp_path: Path, text: str, leaves: bool) -> None:
    source = goose.open(write(tmp_path, {"1_a.sql": f"{UP}{text}\n{DOWN}"}), ToolSettings())
    assert bool(source.load().warnings) is leaves


def test_another_search_path_does_not_keep_a_migration_from_being_judged(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    text = f"{UP}CREATE SCHEMA app;\nSET search_path TO app;\nCREATE TABLE a ();\n"
    text += f"{DOWN}DROP SCHEMA app CASCADE;\n"
    source = goose.open(write(tmp_path, {"1_a.sql": text}), ToolSettings())
    up_to_the_end(source, pg, database)
    assert applied(source, pg, database) == ["1_a.sql"]
