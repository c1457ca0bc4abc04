"""A database full of people: drills that prove, refute and break leave nothing of them behind."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from drilling import LONGEST, own_environment
from validate_docbr import CPF

from rollproof.journal import read_journal
from rollproof.seal.result import Reason, Result, Trust
from rollproof.seal.verifying import verify_bundle

PEOPLE = 40
PASSWORD = "s3nha-Do-Servico-9931"  # noqa: S105  made up
SYSTEM = """
[system]
name = "{name}"
[database]
app_role = "app"
critical_tables = ["public.people", "public.numbers"]
[database.migrations]
path = "migrations"
[database.seed]
after = "001"
sql = "seed.sql"
[[traffic]]
name = "new person"
kind = "write"
sql = "INSERT INTO people (cpf, name, email, phone, token) VALUES ({{token}}, 'x', 'x', 'x', 'x')"
table = "public.people"
verify = "SELECT FROM people WHERE cpf = {{token}}::text"
"""
FIRST = """
CREATE TABLE migrations (migration_name text PRIMARY KEY);
CREATE TABLE people (cpf text PRIMARY KEY, name text, email text, phone text, token text);
CREATE TABLE numbers (cpf bigint PRIMARY KEY, note text);
GRANT SELECT, INSERT ON people, numbers TO app;
INSERT INTO migrations VALUES ('001_people.sql');
"""
SECOND = "CREATE TABLE notes (id int); INSERT INTO migrations VALUES ('002_notes.sql');"
LOSES = """
DROP TABLE notes; DELETE FROM people WHERE phone <> 'x'; DELETE FROM numbers;
DELETE FROM migrations WHERE migration_name = '002_notes.sql';
"""
BREAKS = """
INSERT INTO people SELECT cpf, token, email, phone, name FROM people WHERE phone <> 'x';
DROP TABLE notes; DELETE FROM migrations WHERE migration_name = '002_notes.sql';
"""
FEATURE = """
@database
Feature: Steps that say too much
  Scenario: An assertion shows both sides
    When the rows are compared
  Scenario: A server quotes a row
    When the server complains
  Scenario: An error, the output and a log hold rows
    When a row is cried out
"""
STEPS = """
import logging
import warnings
from pathlib import Path
import psycopg
from pytest_bdd import when

ROWS = [line.split("|") for line in Path("people.txt").read_text().splitlines()]

@when("the rows are compared")
def _(drill):
    mine = {"row": ROWS[0]}
    assert ROWS[1] == ROWS[2], f"not the same: {ROWS[3][2]}"

@when("the server complains")
def _(drill):
    token = ROWS[4][4]
    raise psycopg.errors.UniqueViolation(
        'duplicate key value violates unique constraint "people_pkey"\\n'
        f"DETAIL:  Key (cpf, token)=({ROWS[4][0]}, {token}) already exists.")

@when("a row is cried out")
def _(drill):
    print("row", ROWS[5][0], ROWS[5][2], ROWS[5][3])
    logging.warning("cpf %s", ROWS[6][0])
    warnings.warn(f"row {ROWS[8][0]} of {ROWS[8][2]}")
    raise ValueError(f"no such token: {ROWS[7][4]!r} of {ROWS[7][0]}")
"""


def people() -> list[list[str]]:
    """Rows of cpf, name, e-mail, telephone, token: of nobody, and yet as they are."""
    drawn, made = random.Random(11), CPF()  # noqa: S311  the same people each time
    random.seed(11)
    numbers = [made.generate() for _ in range(PEOPLE)]
    return [
        [
            cpf,
            f"Pessoa Sintética {number}",
            f"pessoa{number}@clinica-sintetica.com.br",
            f"+55119{drawn.randrange(10**7, 10**8)}",
            f"ghp_{drawn.randrange(10**30, 10**31)}abcde",
        ]
        for number, cpf in enumerate(numbers)
    ]


def write_project(home: Path, rows: list[list[str]]) -> None:
    seed = "".join(
        f"INSERT INTO people VALUES ('{cpf}', '{name}', '{email}', '{phone}', '{token}');\n"
        f"INSERT INTO numbers VALUES ({cpf}, '{token}');\n"
        for cpf, name, email, phone, token in rows
    )
    for name, rollback in (("loses", LOSES), ("breaks", BREAKS)):
        folder = home / name
        (folder / "migrations").mkdir(parents=True)
        (folder / "system.toml").write_text(SYSTEM.format(name=name))
        (folder / "seed.sql").write_text(seed)
        (folder / "migrations" / "001_people.sql").write_text(FIRST)
        (folder / "migrations" / "002_notes.sql").write_text(SECOND)
        (folder / "migrations" / "003_rollback_002.sql").write_text(rollback)
    (home / "people.txt").write_text("\n".join("|".join(row) for row in rows))
    (home / "pytest.ini").write_text("[pytest]\n")
    (home / "conftest.py").write_text(STEPS)
    (home / "features").mkdir()
    (home / "features" / "telling.feature").write_text(FEATURE)


@pytest.fixture(scope="module")
def drilled(tmp_path_factory):
    """The project, drilled with every option that shows more; and what was said meanwhile."""
    home = tmp_path_factory.mktemp("leaky")
    write_project(home, people())
    feature = Path(__file__).parents[2] / "features" / "migration.feature"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--showlocals"),
            *(
                "--junitxml=junit.xml",
                "--log-file=log.txt",
                "--alluredir=allure",
                "--log-level=INFO",
                "--log-cli-level=INFO",
                *("-c", str(home / "pytest.ini")),
            ),
            *("--system=loses/system.toml", "--system=breaks/system.toml", f"--reports={home / 'reports'}"),
            *("-k", "additive and its_script or telling", "features/telling.feature", str(feature)),
        ],
        cwd=home,
        env=own_environment() | {"APP_PASSWORD": PASSWORD, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    return home, done.stdout + done.stderr


def test_the_drills_came_to_their_verdicts(drilled):
    _, said = drilled
    assert "every row from before that migration is unchanged" in said
    assert "80 rows" in said or "40 rows" in said, said
    assert "ValueError" in said
    assert "duplicate key value violates unique constraint" in said


def needles() -> list[str]:
    masked = [f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}" for cpf, *_ in people()]
    return [PASSWORD, *masked, *(value for row in people() for value in row if not value.startswith("P"))]


def test_nothing_of_a_row_is_in_any_file_or_line_of_output(drilled):
    home, said = drilled
    places = [
        *(home / "reports").rglob("*"),
        home / "junit.xml",
        home / "log.txt",
        *(home / "allure").rglob("*"),
    ]
    texts = {str(path): path.read_bytes() for path in places if path.is_file()}
    assert len(texts) > 15
    texts["the terminal"] = said.encode()
    found = {
        (place, needle) for place, text in texts.items() for needle in needles() if needle.encode() in text
    }
    assert not found


def test_the_lost_rows_are_named_all_the_same_by_keyed_digests(drilled):
    home, _ = drilled
    kept = b"".join(path.read_bytes() for path in (home / "reports").rglob("attachments/*.json"))
    assert b'"cpf=#' in kept


def test_marks_of_one_drill_cannot_be_joined_with_another_s_nor_be_found_by_trying(drilled):
    """Both systems hold the same rows. Whoever has the bundle can try every CPF there is, but has no key."""
    home, _ = drilled
    history = read_journal((home / "reports" / "latest").resolve() / "journal.ndjson")
    marks, digests = {}, {}
    for event in history.events:
        scenario = event.actor.partition("/")[0]
        if "changes" in event.data:
            said = json.dumps(history.attachment(event.data["changes"]))
            marks.setdefault(scenario, set()).update(re.findall(r"#[0-9a-f]{12}", said))
        if event.act == "observe" and "kept" in event.data:
            kept = history.attachment(event.data["kept"])
            digests.setdefault(scenario, set()).update(one["digest"] for one in kept if one["rows"])
    assert sum(map(bool, marks.values())) == 2 == len(digests)
    assert not set.intersection(*filter(None, marks.values()))
    assert not set.intersection(*digests.values())
    assert all(one.startswith("#") for some in digests.values() for one in some)
    tried = {
        way(f"{before}{cpf}".encode()).hexdigest()[:12]
        for cpf, *_ in people()
        for before in ("", "cpf=", "#")
        for way in (hashlib.sha256, hashlib.md5, hashlib.sha1, hashlib.blake2b)
    }
    assert not tried & {mark[1:] for some in marks.values() for mark in some}


def test_the_run_is_sealed_and_intact(drilled):
    home, said = drilled
    found = verify_bundle((home / "reports" / "latest").resolve(), Trust())
    assert (found.result, found.findings) == (Result.UNSIGNED, []), said
    assert "unsigned: detects accident, not malice" in said


def test_a_row_that_slipped_into_the_record_keeps_the_run_from_being_sealed(tmp_path):
    """As the search's own saboteur: the value is put where no rule would let it."""
    from rollproof.journal import Journal, Kind
    from rollproof.model.seal import Seal
    from rollproof.seal.sealing import LeakFound, seal_run

    cpf = people()[0][0]
    with Journal(tmp_path / "run" / "journal.ndjson", run="run") as journal:
        journal.write("run", Kind.NOTE, "run.finished", {"outcome": "proven", "findings": []})
    (tmp_path / "run" / "follow-up.md").write_text(f"one line\nthe patient {cpf} was told\n")
    with pytest.raises(LeakFound) as raised:
        seal_run(tmp_path / "run", Seal(), root=tmp_path)
    assert "follow-up.md:2: a CPF number (#" in str(raised.value)
    assert cpf not in str(raised.value)
    assert [one.reason for one in verify_bundle(tmp_path / "run", Trust()).findings] == [Reason.NOT_SEALED]
