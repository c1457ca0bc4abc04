"""Flyway: versions by their parts, undo and repeatable scripts, placeholders, configuration, ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from tool_support import TABLE, applied, apply_all, direct, ids, rows, tables, write

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.script import Mode
from rollproof.migrations.tools import flyway
from rollproof.migrations.tools.base import Certainty
from rollproof.migrations.tools.flyway import Flyway
from rollproof.migrations.tools.flyway_ledger import checksum
from rollproof.migrations.tools.settings import ToolSettings

LEDGER = "SELECT installed_rank, version, description, type, script, success FROM flyway_schema_history"


def history_of(folder: Path, **options: str) -> Flyway:
    return Flyway(folder, ToolSettings(options=options))


def test_versions_are_ordered_by_their_parts_and_repeatables_come_last(tmp_path: Path) -> None:
    names = ["V10__c.sql", "V1_2__b.sql", "V1.10__bb.sql", "V1__a.sql", "R__z.sql", "R__a_view.sql"]
    history = history_of(write(tmp_path, dict.fromkeys(names, "SELECT 1;"))).load()
    assert ids(history) == ["V1__a", "V1_2__b", "V1.10__bb", "V10__c", "R__a_view", "R__z"]
    assert [migration.number for migration in history] == [1, 2, 3, 4, 5, 6]


def test_undo_scripts_belong_to_their_version_whatever_their_name(tmp_path: Path) -> None:
    names = ["V1.0__a.sql", "U1__other.sql", "deep/er/V2__b.sql"]
    history = history_of(write(tmp_path, dict.fromkeys(names, "SELECT 1;"))).load()
    assert [bool(migration.down) for migration in history] == [True, False]
    assert history.migrations[1].path == tmp_path / "deep" / "er" / "V2__b.sql"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["V1__a.sql", "V01.0__b.sql"], "version 01.0 is taken twice|version 1 is taken twice"),
        (["V1__a.sql", "U2__b.sql"], "this undo script is for version 2, which does not exist"),
        (["001_a.sql"], "there is no migration of flyway here"),
    ],
)
def test_what_flyway_refuses_is_one_error(tmp_path: Path, files: list[str], said: str) -> None:
    write(tmp_path, dict.fromkeys(files, "SELECT 1;"))
    with pytest.raises(MigrationError, match=said):
        history_of(tmp_path).load()


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    names = ["V1__a.sql", "V2__B.java", "afterMigrate.sql", "Vx__c.sql", "README.md"]
    warnings = history_of(write(tmp_path, dict.fromkeys(names, "SELECT 1;"))).load().warnings
    assert [warning.partition(" ")[0] for warning in warnings] == [
        "V2__B.java",
        "Vx__c.sql",
        "afterMigrate.sql",
    ]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("CREATE TABLE a (id int);", Mode.TRANSACTION),
        ("CREATE INDEX CONCURRENTLY i ON a (id);", Mode.AUTOCOMMIT),
        ("-- first\nVACUUM a;\nVACUUM b;", Mode.AUTOCOMMIT),
        ("CREATE TABLE a (id int); VACUUM a;", Mode.TRANSACTION),
        ("COMMENT ON TABLE a IS 'vacuum'", Mode.TRANSACTION),
        ("COPY a FROM stdin;\n1\n\\.\n", Mode.PSQL),
    ],
)
def test_the_text_decides_on_the_transaction_as_with_flyway(tmp_path: Path, text: str, mode: Mode) -> None:
    assert history_of(write(tmp_path, {"V1__a.sql": text})).load().migrations[0].up.mode is mode


def test_a_script_may_have_settings_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, {"V1__a.sql": "SELECT 1;", "V1__a.sql.conf": "executeInTransaction=false\n"})
    assert history_of(tmp_path).load().migrations[0].up.mode is Mode.AUTOCOMMIT


def test_placeholders_come_from_the_configuration_and_the_options(tmp_path: Path) -> None:
    write(tmp_path, {"sql/V1__a.sql": "SELECT '${who}', '${What}', '${flyway:filename}'"})
    write(tmp_path, {"flyway.conf": "# settings\nflyway.placeholders.who=me\nflyway.placeholders.what=old\n"})
    source = history_of(tmp_path / "sql", **{"placeholders.what": "new"})
    assert source.load().migrations[0].up.text == "SELECT 'me', 'new', 'V1__a.sql'"


def test_a_placeholder_without_a_value_is_one_error_that_names_its_place(tmp_path: Path) -> None:
    write(tmp_path, {"V1__a.sql": "SELECT 1;\nSELECT '${owner}';"})
    with pytest.raises(MigrationError, match=r"\$\{owner\} has no value; did you mean 'ownr'") as caught:
        history_of(tmp_path, **{"placeholders.ownr": "x"}).load()
    assert caught.value.where.endswith("V1__a.sql:2:9")
    assert history_of(tmp_path, placeholderReplacement="false").load()


def test_toml_configuration_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"db/V1__a.sql": "SELECT '${a}'"})
    write(
        tmp_path, {"flyway.toml": '[flyway]\nlocations = ["filesystem:db"]\n[flyway.placeholders]\na = "x"\n'}
    )
    assert history_of(tmp_path / "flyway.toml").load().migrations[0].up.text == "SELECT 'x'"
    assert [(f.path, f.certainty) for f in flyway.find(tmp_path)] == [(tmp_path / "db", Certainty.SURE)]


def test_a_broken_configuration_is_one_error(tmp_path: Path) -> None:
    write(tmp_path, {"V1__a.sql": "SELECT 1", "flyway.toml": "flyway = ["})
    with pytest.raises(MigrationError, match="Flyway's configuration cannot be read"):
        history_of(tmp_path).load()


def test_several_locations_are_one_history(tmp_path: Path) -> None:
    write(tmp_path, {"a/V1__a.sql": "SELECT 1", "b/V2__b.sql": "SELECT 1"})
    write(tmp_path, {"flyway.conf": "flyway.locations=filesystem:a,filesystem:b\n"})
    assert [found.path for found in flyway.find(tmp_path)] == [tmp_path / "flyway.conf"]
    assert ids(flyway.open(tmp_path / "flyway.conf", ToolSettings()).load()) == ["V1__a", "V2__b"]


def test_folders_below_a_history_are_part_of_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"src/main/resources/db/migration/V1__a.sql": "", "src/main/resources/db/migration/v2/V2__b.sql": ""},
    )
    assert [found.path.name for found in flyway.find(tmp_path)] == ["migration"]


def test_the_checksum_is_flyways(tmp_path: Path) -> None:
    write(tmp_path, {"a": "SELECT 1;\nSELECT 2;\n", "b": b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;"})
    assert checksum(tmp_path / "a") == checksum(tmp_path / "b")
    assert -(2**31) <= checksum(tmp_path / "a") < 2**31


def test_the_ledger_is_flyways(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    write(tmp_path, {"V1__make_a.sql": TABLE.format("a"), "U1__make_a.sql": "DROP TABLE a;"})
    write(tmp_path, {"V2__b.sql": TABLE.format("b"), "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT 1;"})
    source, runner = history_of(tmp_path), direct(pg, database)
    apply_all(source, runner)
    assert applied(source, pg, database) == ["V1__make_a", "V2__b", "R__v"]
    assert rows(pg, database, LEDGER)[0] == (1, "1", "make a", "SQL", "V1__make_a.sql", True)
    source.roll_back(source.load().migrations[0], runner)
    assert applied(source, pg, database) == ["V2__b", "R__v"]
    assert rows(pg, database, LEDGER)[-1] == (4, "1", "make a", "UNDO_SQL", "U1__make_a.sql", True)
    source.apply(source.load().migrations[0], runner)
    assert applied(source, pg, database) == ["V2__b", "R__v", "V1__make_a"]


def test_another_schema_is_made_and_searched_first(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    write(tmp_path, {"V1__a.sql": "CREATE TABLE a (who text);\nINSERT INTO a VALUES ('${flyway:user}');"})
    source = history_of(tmp_path, defaultSchema="Shop", table="steps")
    apply_all(source, direct(pg, database))
    assert source.load().ledger == '"Shop".steps'
    assert rows(pg, database, 'SELECT who FROM "Shop".a') == [(pg.user,)]
    assert rows(pg, database, 'SELECT version FROM "Shop".steps') == [("1",)]
    assert applied(source, pg, database) == ["V1__a"]


def test_an_error_names_its_line_in_the_file(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    write(tmp_path, {"V1__a.sql": "CREATE TABLE a (id int);\nSELECT ${n}/0;\n"})
    source = history_of(tmp_path, **{"placeholders.n": "1"})
    with pytest.raises(AttemptFailed, match="division by zero") as caught:
        apply_all(source, direct(pg, database))
    assert caught.value.facts["line"] == 2
    assert tables(pg, database) == ["flyway_schema_history"]


def test_rows_after_copy_are_read(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = history_of(
        write(tmp_path, {"V1__a.sql": "CREATE TABLE a (i int);\nCOPY a FROM stdin;\n7\n\\.\n"})
    )
    apply_all(source, direct(pg, database))
    assert rows(pg, database, "SELECT i FROM a") == [(7,)]
    assert applied(source, pg, database) == ["V1__a"]
