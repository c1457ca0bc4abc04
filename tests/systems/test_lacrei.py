"""The second reference system: its own tests, its releases, and what is wrong with the broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rollproof.components.postgres.admin import ensure_roles
from rollproof.environments.base import PostgresServer

HOME = Path(__file__).parents[2] / "systems" / "lacrei"
TOKEN = "a-token-for-tests"  # noqa: S105
ASK = """
import json, sys
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, headers={"Authorization": "Token " + sys.argv[1]})
body = {"professional": 1, "patient": 1, "reference": sys.argv[2]}
answers = {
    "health": client.get("/health"),
    "directory": client.get("/api/professionals/"),
    "legacy": client.get("/api/professionals/1/legacy/"),
    "booking": client.post("/api/appointments/", body, content_type="application/json"),
    "reminders": client.get("/api/reminders/"),
}
print(json.dumps({name: answer.status_code for name, answer in answers.items()}))
"""
WELL = {"health": 200, "directory": 200, "legacy": 404, "booking": 201, "reminders": 200}
pytestmark = pytest.mark.skipif(not HOME.is_dir(), reason="the reference system is not here")


def python(folder: Path, address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": address,
        "DJANGO_SETTINGS_MODULE": "lacrei.settings",
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOG_LEVEL": "CRITICAL",
        "ALLOWED_HOSTS": "testserver",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def manage(folder: Path, address: str, *arguments: str) -> str:
    done = python(folder, address, "manage.py", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def current(pg: PostgresServer) -> Iterator[str]:
    """Where a database at the current release's migrations is, with rows."""
    ensure_roles(pg, ["lacrei_app"])
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE lacrei_current")
    address = pg.conninfo("lacrei_current")
    manage(HOME / "app", address, "migrate", "--verbosity", "0")
    manage(HOME / "app", address, "seed", "--scale", "0.05", "--token", TOKEN)
    yield address
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("DROP DATABASE lacrei_current WITH (FORCE)")


def ask(release: str, address: str) -> dict[str, int]:
    done = python(HOME / "releases" / release, address, "-c", ASK, TOKEN, f"of-{release}")
    assert done.returncode == 0, done.stderr
    answers: dict[str, int] = json.loads(done.stdout)
    return answers


def test_its_own_tests_pass(pg: PostgresServer, database: str) -> None:
    ensure_roles(pg, ["lacrei_app"])
    said = manage(HOME / "app", pg.conninfo(database), "test", "--noinput")
    assert "OK" in said
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        left = conn.execute("SELECT datname FROM pg_database WHERE datname = %s", [f"test_{database}"])
        assert left.fetchall() == []


def test_the_releases_are_what_the_build_makes(tmp_path: Path) -> None:
    built = python(HOME, "", "build.py", "--output", str(tmp_path))
    assert built.returncode == 0, built.stderr
    assert _files(tmp_path) == _files(HOME / "releases")


def _files(root: Path) -> dict[str, bytes]:
    files = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_the_repository_has_a_tag_for_each_release_and_is_always_the_same(tmp_path: Path) -> None:
    heads = set()
    for name in ("one", "other"):
        assert python(HOME, "", "build.py", "--git", str(tmp_path / name)).returncode == 0
        command = ["git", "-C", str(tmp_path / name), "for-each-ref", "--format=%(refname) %(objectname)"]
        heads.add(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (only,) = heads
    tags = {line.split()[0].removeprefix("refs/tags/") for line in only.splitlines() if "refs/tags" in line}
    assert tags == {path.name for path in (HOME / "releases").iterdir()}


@pytest.mark.parametrize("release", ["v1.0.0", "v1.1.0", "v1.2.0-missing-migration"])
def test_models_and_migrations_agree(release: str, current: str) -> None:
    manage(HOME / "releases" / release, current, "makemigrations", "--check", "--dry-run")


def test_the_release_before_lacks_the_newest_migrations(current: str) -> None:
    listed = {
        release: set(manage(HOME / "releases" / release, current, "showmigrations", "--plan").splitlines())
        for release in ("v1.0.0", "v1.1.0")
    }
    newer = {line.split()[-1] for line in listed["v1.1.0"] - listed["v1.0.0"]}
    assert newer == {
        "professionals.0005_phones_in_e164",
        "professionals.0006_remove_legacy_code",
        "appointments.0004_reminder",
    }


@pytest.mark.parametrize(
    ("release", "other"),
    [
        ("v1.0.0", {"legacy": 500, "reminders": 404}),
        ("v1.1.0", {}),
        ("v1.2.0-handler-bug", {"booking": 500}),
        ("v1.2.0-unhealthy", {"health": 503}),
        ("v1.2.0-missing-migration", {"health": 503, "directory": 500, "booking": 500}),
        ("v1.2.0-slow", {}),
    ],
)
def test_each_release_answers_as_its_kind_says(release: str, other: dict[str, int], current: str) -> None:
    assert ask(release, current) == WELL | other


def test_a_wrong_variable_leads_to_no_database(current: str) -> None:
    assert ask("v1.2.0-wrong-variable", current)["health"] == 503


def test_the_application_may_do_with_rows_what_it_likes_and_nothing_else(current: str) -> None:
    with psycopg.connect(current, user="lacrei_app", autocommit=True) as conn:
        conn.execute("SELECT count(*) FROM django_migrations")
        conn.execute("UPDATE appointments_reminder SET sent = true")
        for forbidden in ("DELETE FROM django_migrations", "DROP TABLE appointments_reminder"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(sql.SQL(forbidden))


def test_the_same_seed_makes_the_same_rows(pg: PostgresServer, current: str) -> None:
    query = (
        f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} AS t"
        for table in ("appointments_patient", "professionals_professional", "appointments_appointment")
    )
    wanted = " UNION ALL ".join(query)
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE lacrei_again")
    try:
        again = pg.conninfo("lacrei_again")
        manage(HOME / "app", again, "migrate", "--verbosity", "0")
        manage(HOME / "app", again, "seed", "--scale", "0.05")
        with psycopg.connect(current) as one, psycopg.connect(again) as other:
            where = "reference NOT LIKE 'of-%'"
            one.execute(sql.SQL("DELETE FROM appointments_appointment WHERE NOT ({})").format(sql.SQL(where)))
            digests = [conn.execute(wanted.encode()).fetchall() for conn in (one, other)]
            one.rollback()
        assert digests[0] == digests[1]
    finally:
        with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
            conn.execute("DROP DATABASE lacrei_again WITH (FORCE)")
