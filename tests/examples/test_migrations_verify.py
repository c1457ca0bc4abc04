"""`rollproof migrations verify` as a person runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from rollproof.waiting import eventually

SOUND = {
    "0001_users": ("CREATE TABLE users (id serial PRIMARY KEY, name text);", "DROP TABLE users;"),
    "0002_email": ("ALTER TABLE users ADD COLUMN email text;", "ALTER TABLE users DROP COLUMN email;"),
}
BROKEN = {
    **SOUND,
    "0003_name": ("ALTER TABLE users DROP COLUMN name;", "ALTER TABLE users ADD COLUMN name text;"),
    "0004_index": ("CREATE INDEX by_email ON users (email);", "SELECT 1;"),
}


def write(folder: Path, history: Mapping[str, tuple[str, str]]) -> Path:
    folder.mkdir()
    for name, (up, down) in history.items():
        (folder / f"{name}.up.sql").write_text(up + "\n")
        (folder / f"{name}.down.sql").write_text(down + "\n")
    return folder


def command(*arguments: object) -> list[str]:
    run = "import sys; from rollproof.__main__ import main; sys.exit(main())"
    return [sys.executable, "-c", run, "migrations", *map(str, arguments)]


def rollproof(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip


def test_a_sound_history_ends_with_nothing_to_mend(tmp_path: Path) -> None:
    done = rollproof("verify", write(tmp_path / "migrations", SOUND))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 migrations in" in done.stdout
    assert "nothing to mend" in done.stdout


def test_what_is_not_sound_is_said_and_written(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    done = rollproof("verify", write(tmp_path / "migrations", BROKEN), "--json", file)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0003_name: loses data" in done.stdout
    assert "0004_index.up.sql:1" in done.stdout
    found = json.loads(file.read_text())
    assert [one["verdict"] for one in found["migrations"]] == ["restored"] * 2 + ["loses_data", "did_nothing"]
    assert found["totals"] == {"restored": 2, "loses_data": 1, "did_nothing": 1, "migrations": 4}
    keys = {"id", "verdict", "kind", "differences", "rows", "locks", "seconds", "again"}
    assert keys <= found["migrations"][0].keys()


def test_only_what_is_asked_for_is_judged(tmp_path: Path) -> None:
    folder = write(tmp_path / "migrations", BROKEN)
    assert rollproof("verify", folder, "--only", "0002_email").returncode == 0
    since = rollproof("verify", folder, "--since", "0003_name", "--no-rows")
    assert since.returncode == 1
    assert "0004_index: rollback does nothing" in since.stdout
    assert "0003_name" not in since.stdout


def test_to_zero_and_several_processes_are_told_of(tmp_path: Path) -> None:
    done = rollproof("verify", write(tmp_path / "migrations", SOUND), "--to-zero", "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{empty}",), "no migrations here"),
        (("{missing}",), "no such file or folder"),
        (("{folder}", "--only", "0099"), "there is no migration '0099'"),
        (("{folder}", "--since", "0099"), "there is no migration '0099'"),
        (("{folder}", "--tool", "gooze"), "did you mean"),
        (("{folder}", "--set", "novalue"), "no KEY=VALUE"),
        (("{folder}", "--json", "{missing}/x.json"), "no such folder"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    places = {
        "folder": str(write(tmp_path / "migrations", SOUND)),
        "empty": str(tmp_path / "empty"),
        "missing": str(tmp_path / "missing"),
    }
    done = rollproof("verify", *(text.format(**places) for text in arguments))
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_list_says_what_is_there_and_starts_nothing(tmp_path: Path) -> None:
    done = rollproof("list", write(tmp_path / "migrations", BROKEN))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 migrations of golang-migrate" in done.stdout
    assert "dropping" in done.stdout


SLEEPS = {
    "0001_first": ("CREATE TABLE a (id int);", "SELECT 1;"),
    "0002_sleeps": ("SELECT pg_sleep(60);", "SELECT 1;"),
}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_end_from_outside_leaves_nothing_behind(tmp_path: Path, how: signal.Signals) -> None:
    folder = write(tmp_path / "migrations", SLEEPS)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command("verify", folder), stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        first = next(line for line in process.stdout if "0001_first" in line)
        children = psutil.Process(process.pid).children(recursive=True)
        assert "rollback does nothing" in first
        assert children
        process.send_signal(how)
        rest = process.stdout.read()
    eventually(
        lambda: not [child for child in children if child.is_running()], within=30, what="all are gone"
    )
    assert list(scratch.iterdir()) == []
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted: 1 of 2 migrations were judged" in rest
