"""Folders of numbered SQL files, as histories."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rollproof.errors import MigrationError
from rollproof.migrations.classification import Kind
from rollproof.migrations.model import MigrationHistory
from rollproof.migrations.patterns import FilePattern, forward
from rollproof.migrations.script import Script
from rollproof.migrations.source import open_source
from rollproof.migrations.sqlfiles import SqlFiles
from rollproof.model.system import Migrations

Folder = Callable[..., SqlFiles]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes a folder of files: name -> SQL, `SELECT 1` where only a name is given."""

    def make(*names: str, settings: dict[str, str] | None = None, **contents: str | bytes) -> SqlFiles:
        files: dict[str, str | bytes] = {**dict.fromkeys(names, "SELECT 1;\n"), **contents}
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return SqlFiles(tmp_path, Migrations(path=".", **(settings or {})))  # type: ignore[arg-type]  # names and patterns

    return make


def shape(history: MigrationHistory) -> list[tuple[object, ...]]:
    return [
        (m.id, m.number, m.name, *(script.name if script else None for script in (m.down, m.reverse)))
        for m in history
    ]


def test_files_become_migrations_with_their_ways_back(folder: Folder) -> None:
    source = folder(
        "001_create.sql",
        "002_rollback_001.sql",
        "003_fill.sql",
        "004_revert_003.sql",
        "README.md",
        ".hidden.sql",
    )
    assert shape(source.load()) == [
        ("001_create.sql", 1, "create", "002_rollback_001.sql", None),
        ("003_fill.sql", 3, "fill", None, "004_revert_003.sql"),
    ]
    assert source.load().warnings == ()


def test_order_is_by_number_not_by_text(folder: Folder) -> None:
    assert [m.number for m in folder("10_b.sql", "9_a.sql", "0011_c.sql").load()] == [9, 10, 11]


def test_rollback_scripts_may_lie_in_a_folder_of_their_own(folder: Folder) -> None:
    source = folder("1_a.sql", "undo/1.sql", settings={"rollback": "undo/{number}.sql"})
    assert [m.down and m.down.path.parent.name for m in source.load()] == ["undo"]


def test_pairs_of_up_and_down_files_are_only_another_pattern(folder: Folder) -> None:
    source = folder("1_a.up.sql", "1_a.down.sql", settings={"rollback": "{number}_{name}.down.sql"})
    assert shape(source.load()) == [("1_a.up.sql", 1, "a", "1_a.down.sql", None)]


def test_the_settings_open_the_source(folder: Folder, tmp_path: Path) -> None:
    folder("migrations/001_a.sql")
    assert len(open_source(Migrations(path="migrations"), tmp_path).load()) == 1


@pytest.mark.parametrize(
    ("names", "warning"),
    [
        (("001_a.sql", "003_b.sql"), "no migration has the number 002"),
        (("001_a.sql", "007_b.sql"), "no migrations have the numbers 002 to 006"),
        (("001_a.sql", "seed.sql"), "seed.sql has no number in front and is ignored"),
        (("001_a.sql", "002_a_down.sql"), "002_a_down.sql is applied forward although"),
    ],
)
def test_what_is_odd_is_a_warning(folder: Folder, names: tuple[str, ...], warning: str) -> None:
    assert any(text.startswith(warning) for text in folder(*names).load().warnings)


def test_a_rollback_scripts_own_number_is_no_gap_and_dates_have_none(folder: Folder) -> None:
    assert folder("001_a.sql", "002_rollback_001.sql", "003_b.sql").load().warnings == ()


def test_dates_as_numbers_have_no_gaps(folder: Folder) -> None:
    assert folder("20240101120000_a.sql", "20250101120000_b.sql").load().warnings == ()


@pytest.mark.parametrize(
    ("names", "found", "where"),
    [
        ((), "there is no migration here", ""),
        (("readme.sql",), "there is no migration here", ""),
        (("002_rollback_001.sql",), "there is no migration here", ""),
        (("001_a.sql", "1_b.sql"), "number 1 is taken twice: 001_a.sql and 1_b.sql", "1_b.sql"),
        (
            ("001_a.sql", "003_rollback_002.sql"),
            "this rollback script is for migration 2, which does not exist",
            "003_rollback_002.sql",
        ),
        (
            ("001_a.sql", "002_rollback_001.sql", "003_rollback_1.sql"),
            "two rollback scripts are for migration 1: 002_rollback_001.sql and 003_rollback_1.sql",
            "003_rollback_1.sql",
        ),
        (
            ("001_a.sql", "002_revert_001.sql", "003_revert_001.sql"),
            "two reversing scripts are for migration 1",
            "003_revert_001.sql",
        ),
    ],
)
def test_files_that_leave_doubt_are_one_clear_error(
    folder: Folder, names: tuple[str, ...], found: str, where: str
) -> None:
    with pytest.raises(MigrationError) as raised:
        folder(*names).load()
    assert raised.value.found.startswith(found)
    assert raised.value.where.endswith(where)
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("content", "found", "line"),
    [
        (b"SELECT 1;\n-- caf\xe9\n", "byte 0xE9 at line 2, column 7 is not UTF-8", 2),
        (b"SELECT '\xc3\xa9\xff';", "byte 0xFF at line 1, column 10 is not UTF-8", 1),
        ("SELECT 1;".encode("utf-16"), "the file is UTF-16, not UTF-8", None),
        (b"SELECT 1;\n\0", "line 2 holds a NUL byte", 2),
        (b"", "the script holds no SQL statement", 1),
        (b"\xef\xbb\xbf-- only a comment\r\n;\r\n", "the script holds no SQL statement", 1),
    ],
)
def test_content_that_cannot_be_used_names_file_and_line(
    folder: Folder, content: bytes, found: str, line: int | None
) -> None:
    for name in ("001_a.sql", "002_rollback_001.sql"):
        source = folder("001_a.sql", **{name: content})
        with pytest.raises(MigrationError) as raised:
            source.load()
        assert raised.value.found.startswith(found)
        assert raised.value.where.endswith(f"{name}:{line}" if line else name)


def test_a_folder_where_a_file_should_be_is_told(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "001_a.sql").mkdir()
    with pytest.raises(MigrationError, match="this is a folder, where a SQL file was expected"):
        folder().load()


def test_a_missing_folder_and_a_file_in_its_place_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, found in {"none": "there is no such folder", "file": "this is not a folder"}.items():
        with pytest.raises(MigrationError, match=found):
            SqlFiles(tmp_path / name, Migrations(path=name)).load()


def test_a_rollback_script_named_for_another_migration_is_told(folder: Folder) -> None:
    source = folder("1_a.up.sql", "1_b.down.sql", settings={"rollback": "{number}_{name}.down.sql"})
    with pytest.raises(MigrationError, match="its name says 'b', but migration 1 is"):
        source.load()


def test_one_pattern_for_both_ways_back_is_told(folder: Folder) -> None:
    source = folder(
        "1_a.sql", "2_back_1.sql", settings=dict.fromkeys(("rollback", "reverse"), "{any}_back_{number}.sql")
    )
    with pytest.raises(MigrationError, match="fits the pattern of rollback scripts and that of reversing"):
        source.load()


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "it is empty"),
        ("rollback.sql", "{number} is missing"),
        ("{any}{number}.sql", "two placeholders with nothing between them"),
        ("{number}_{number}.sql", "a placeholder that is there twice"),
        ("{number}_{what}.sql", "unknown placeholder {what}"),
        ("{number}_{.sql", "braces that belong to no placeholder"),
        ("../{number}.sql", "it leaves the folder of the migrations"),
        ("/tmp/{number}.sql", "it leaves the folder of the migrations"),  # noqa: S108 -- a pattern, no file
        ("{any}/{number}.sql", "a placeholder in a folder's name"),
        ("undo\\{number}.sql", "a backslash"),
    ],
)
def test_a_pattern_that_leaves_doubt_is_told(pattern: str, problem: str) -> None:
    with pytest.raises(MigrationError) as raised:
        FilePattern.compile(pattern, setting="rollback")
    assert problem in raised.value.found
    assert "`rollback`" in raised.value.found


NUMBERS = st.integers(min_value=0, max_value=10**12)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
LITERAL = st.text(alphabet="abcXYZ_-. ", min_size=1, max_size=8)


@given(number=NUMBERS, width=st.integers(1, 14), name=NAMES, separator=st.sampled_from("_-. "))
def test_forward_names_are_read_as_they_were_written(
    number: int, width: int, name: str, separator: str
) -> None:
    assume(not name.endswith(".up"))
    found = forward(f"{number:0{width}}{separator}{name}.sql")
    assert found
    assert (found.number, found.name) == (number, name)


@given(
    texts=st.tuples(LITERAL, LITERAL),
    number=NUMBERS,
    own=NUMBERS,
    width=st.integers(1, 6),
    upper=st.booleans(),
)
def test_patterns_read_what_they_write(
    texts: tuple[str, str], number: int, own: int, width: int, upper: bool
) -> None:
    pattern = FilePattern.compile(f"{texts[0]}{{any}}{texts[1]}{{number}}.sql")
    name = pattern.fill(number=f"{number:0{width}}", own=str(own))
    found = pattern.match(name.upper() if upper else name)
    assert found
    assert (found.number, found.own) == (number, own)


@given(st.text(max_size=40))
def test_a_pattern_matches_nothing_but_its_own_names(name: str) -> None:
    found = FilePattern.compile("{any}_rollback_{number}.sql").match(name)
    assert (found is not None) == bool(re.fullmatch(r"(?i)[0-9]{1,18}_rollback_[0-9]{1,18}\.sql", name))


def test_digits_of_other_scripts_and_endless_numbers_are_no_numbers() -> None:
    assert forward("٣_a.sql") is None
    assert forward(f"{'9' * 5000}_a.sql") is None


def test_migrations_are_found_by_id_number_and_name(folder: Folder) -> None:
    history = folder("007_a.sql", "010_make_plans.sql").load()
    for wanted in ("010_make_plans.sql", "010_make_plans", "make_plans", "010", "10", 10, " 10 "):
        assert history.named(wanted).number == 10
    assert history.named("007").number == 7
    assert history.find("11") is None
    with pytest.raises(MigrationError, match="there is no migration '11'"):
        history.named("11")


def test_a_name_that_fits_two_migrations_names_none(folder: Folder) -> None:
    history = folder("1_fix.sql", "2_fix.sql").load()
    with pytest.raises(MigrationError, match="2 migrations are called 'fix'"):
        history.named("fix")


def test_before_and_after_are_in_order(folder: Folder) -> None:
    history = folder("1_a.sql", "2_b.sql", "3_c.sql", "4_d.sql").load()
    middle = history.named(3)
    assert [m.number for m in history.before(middle)] == [1, 2]
    assert [m.number for m in history.after(middle)] == [4]
    assert history.position(middle) == 2


def test_the_newest_of_a_kind_with_a_way_back_is_found(folder: Folder) -> None:
    history = folder(
        **{
            "001_a.sql": "CREATE TABLE a (i int)",
            "002_rollback_001.sql": "DROP TABLE a",
            "003_b.sql": "CREATE TABLE b (i int)",
            "004_c.sql": "UPDATE a SET i = 1",
            "005_revert_004.sql": "UPDATE a SET i = 0",
            "006_d.sql": "NOT SQL",
        }
    ).load()

    def number(kind: str | None, having: str | None = None) -> int | None:
        found = history.newest(kind, having=having)  # type: ignore[arg-type]  # texts, as settings have them
        return found.number if found else None

    assert number("additive") == 3
    assert number("additive", "down") == 1
    assert number("data", "reverse") == 4
    assert number("dropping") is None
    assert number(None) == 6
    assert number("undecided from the text") == 6
    found = history.newest({Kind.ADDITIVE, Kind.DATA})
    assert found
    assert found.number == 4
    with pytest.raises(ValueError, match="no_kind"):
        history.newest("no_kind")


def test_bom_and_windows_line_ends_are_no_part_of_the_text(folder: Folder) -> None:
    script = folder(**{"1_a.sql": b"\xef\xbb\xbfSELECT\r\n1;\r\n"}).load().named(1).up
    assert (script.text, script.bom, script.crlf) == ("SELECT\n1;\n", True, True)
    assert Script.read(script.path).digest == script.digest


@pytest.mark.parametrize(
    ("text", "writes"),
    [
        ("INSERT INTO public.migrations VALUES ('x')", True),
        ('insert  into "public"."migrations" VALUES (1)', True),
        ("DELETE FROM ONLY migrations", True),
        ("COPY public.migrations FROM stdin;\n\\.\n", True),
        ("INSERT INTO public.migrations_archive VALUES (1)", False),
        ("SELECT * FROM public.migrations", False),
    ],
)
def test_scripts_that_write_the_ledger_are_known(folder: Folder, text: str, writes: bool) -> None:
    source = folder(**{"1_a.sql": "SELECT 1", "2_rollback_1.sql": text})
    assert source.scripts_write_ledger is writes
