"""`rollproof init`: what it finds in small repositories, and that what it writes can be read back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tool_support import write
from typer.testing import CliRunner

from rollproof.adopt.compose import major_in
from rollproof.adopt.coverage import coverage
from rollproof.adopt.dockerfile import read_image
from rollproof.adopt.survey import Adopted, adopt
from rollproof.cli import app
from rollproof.migrations.source import open_source
from rollproof.model.planfile import read_plan
from rollproof.model.system import System
from rollproof.model.systemfile import read_system

MANAGE = """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
UP = """\
CREATE TABLE a (id int);
GRANT ALL ON a TO shop;
GRANT SELECT ON a TO analyst;
INSERT INTO ops.applied (name) VALUES ('001');
"""
COMPOSE = """\
services:
  db:
    image: postgres:16-alpine
    environment: { POSTGRES_PASSWORD: hunter2hunter2 }
  web:
    build: .
    ports: ["127.0.0.1:8080:8000"]
    environment:
      - DATABASE_URL=postgres://shop:hunter2hunter2@db/shop
      - REPORTS_DB_URL=postgres://shop:hunter2hunter2@db/shop
      - SECRET_KEY=hunter2hunter2
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/healthz"]
"""
IMAGE = """\
FROM python:3.12 AS build
CMD ["make"]
FROM python:3.12
EXPOSE 8000
CMD ["uvicorn", "shop.api:app", "--host", "0.0.0.0", "--port", "8000"]
"""
SQL = {"db/001_a.sql": UP, "db/002_rollback_001.sql": "DROP TABLE a;"}


def initiated(folder: Path) -> tuple[Adopted, System]:
    """What was found, and what the file that was written is read as."""
    adopted = adopt(folder)
    write(folder, {"system.toml": adopted.system})
    return adopted, read_system(folder / "system.toml")


def test_django_is_found_with_its_settings_and_a_server(tmp_path: Path) -> None:
    write(tmp_path, {"site/manage.py": MANAGE})
    adopted, system = initiated(tmp_path)
    assert system.database is not None
    migrations = system.database.migrations
    assert (migrations.tool, migrations.path, migrations.django_settings) == (
        "django",
        "site",
        "shop.settings",
    )
    assert "# guessed from site/manage.py:2" in adopted.system
    assert ("[service.web]", "no health check says which path answers 200; give it as `health`") in (
        adopted.left_out
    )
    assert '# command = ["{python}", "site/manage.py", "runserver", "--noreload", "127.0.0.1:{port}"]' in (
        adopted.system
    )


def test_each_alembic_is_listed_and_the_first_taken(tmp_path: Path) -> None:
    ini = "[alembic]\nscript_location = %(here)s/scripts\n"
    write(tmp_path, {f"{place}/alembic.ini": ini for place in ("billing", "orders/api")})
    write(
        tmp_path, {"billing/scripts/env.py": "import alembic", "orders/api/scripts/env.py": "import alembic"}
    )
    adopted, system = initiated(tmp_path)
    assert system.database is not None
    assert system.database.migrations.tool == "alembic"
    assert system.database.migrations.path == "billing"
    assert system.database.migrations.config == "billing/alembic.ini"
    assert any("orders/api/alembic.ini" in where for _, where in adopted.found)
    assert any(note.startswith("2 histories") and "billing" in note for note in adopted.notes)


@pytest.mark.parametrize("other", ["sub/alembic.ini", "b.ini"])
def test_the_history_that_was_taken_is_the_one_that_is_opened(tmp_path: Path, other: str) -> None:
    ini = "[alembic]\nscript_location = scripts\n"
    write(tmp_path, {"alembic.ini": ini, "scripts/env.py": "import alembic", other: ini})
    _, system = initiated(tmp_path)
    assert system.database is not None
    assert system.database.migrations.config == "alembic.ini"
    source = open_source(system.database.migrations, system.root)
    source.close()
    assert source.tool == "alembic"


def test_sql_files_are_counted_and_their_ledger_and_roles_guessed(tmp_path: Path) -> None:
    write(tmp_path, SQL)
    adopted, system = initiated(tmp_path)
    assert system.database is not None
    assert system.database.migrations.ledger == "ops.applied"
    assert system.database.migrations.ledger_column == "name"
    assert (system.database.app_role, system.database.roles) == ("shop", ("analyst",))
    assert ("history", "1 migrations, 1 of them with a rollback script") in adopted.found


def test_a_compose_service_becomes_a_process_and_no_value_is_copied(tmp_path: Path) -> None:
    write(
        tmp_path,
        {**SQL, "compose.yaml": COMPOSE, "Dockerfile": IMAGE, ".env.example": "TOKEN=hunter2hunter2\n"},
    )
    adopted, system = initiated(tmp_path)
    service = system.service["web"]
    assert service.command == (
        "{python}", "-m", "uvicorn", "shop.api:app", "--host", "127.0.0.1", "--port", "{port}",
    )  # fmt: skip
    assert service.health == "/healthz"
    assert service.env == {"REPORTS_DB_URL": "{dsn}"}
    assert system.database is not None
    assert system.database.major == 16
    assert "# guessed from compose.yaml:3" in adopted.system
    assert "SECRET_KEY, TOKEN" in adopted.system
    assert "hunter2" not in adopted.system + str(adopted)


@pytest.mark.parametrize(
    ("tag", "major"),
    [
        ("16-alpine", 16),
        ("15-3.4", 15),
        ("2.14.2-pg16", 16),
        ("pg17", 17),
        ("latest", None),
        ("18", 18),
        ("", None),
    ],
)
def test_the_major_version_is_in_the_images_tag(tag: str, major: int | None) -> None:
    assert major_in(tag) == major


@pytest.mark.parametrize(
    ("said", "argv"),
    [
        ('CMD ["a", "b c"]', ("a", "b c")),
        ("CMD exec a --port $PORT", ("a", "--port", "$PORT")),
        ("CMD a && b", ()),
        ('CMD ["sh", "-c", "a b"]', ("a", "b")),
        ('ENTRYPOINT ["a"]\nCMD ["b"]', ("a", "b")),
        ('CMD ["b"]\nENTRYPOINT ["a"]', ("a",)),
        ("CMD a \\\n  # a remark\n  b", ("a", "b")),
        ('CMD ["a"', ()),
        ("CMD 'a", ()),
    ],
)
def test_the_command_of_an_image(said: str, argv: tuple[str, ...]) -> None:
    assert read_image(f"FROM x\n{said}\n").argv == argv


@pytest.mark.parametrize(
    "line",
    [
        'CMD ["app", "--token", "q1w2e3r4t5"]',
        "CMD app --api-key=q1w2e3r4t5",
        'CMD ["app", "postgres://u:q1w2e3r4t5@h/d"]',
    ],
)
def test_a_secret_in_a_command_is_not_copied(tmp_path: Path, line: str) -> None:
    write(tmp_path, {"Dockerfile": f"FROM x\nEXPOSE 80\n{line}\n"})
    adopted, _ = initiated(tmp_path)
    assert "q1w2e3r4t5" not in str(adopted)
    assert "its command seems to hold a secret" in adopted.system


def test_a_command_that_the_reader_refuses_is_left_as_a_comment(tmp_path: Path) -> None:
    image = (
        'FROM x\nEXPOSE 80\nHEALTHCHECK CMD curl http://localhost/up\nCMD ["python", "gone.py", "{oops}"]\n'
    )
    write(tmp_path, {"Dockerfile": image})
    adopted, system = initiated(tmp_path)
    assert not system.service
    assert any("[service." in note and "gone.py" in note for note in adopted.notes)


def test_smoke_tests_are_told_from_unit_tests(tmp_path: Path) -> None:
    package = '{"name": "@corp/Shop_Front",\n "scripts": {"test": "jest",\n  "test:smoke": "node smoke.js"}}'
    write(
        tmp_path,
        {"package.json": package, "compose.yml": COMPOSE, "Dockerfile": IMAGE, "Makefile": "test:\n\tx\n"},
    )
    adopted, system = initiated(tmp_path)
    assert system.name == "shop-front"
    assert system.smoke is not None
    assert system.smoke.command == ("npm", "run", "test:smoke")
    assert "# guessed from package.json:3" in adopted.system


def test_a_service_alone_is_not_told_that_its_releases_could_be_drilled() -> None:
    declared = {"service", "release", "database", "traffic"}
    found = {one.name: one for one in coverage(declared)}
    assert not any(found[name].applying for name in ("service", "git", "compatibility"))
    assert "`runner`" in found["service"].said
    found = {one.name: one for one in coverage({*declared, "image", "pipeline", "runnable"})}
    for name in ("service", "git", "compatibility"):
        assert found[name].applying == found[name].scenarios


@pytest.mark.parametrize(
    ("service", "releases", "also"),
    [
        ({"command": ["serve"]}, 2, set()),
        ({"command": ["serve", "{path}"]}, 2, {"runnable", "pipeline"}),
        ({"command": ["serve", "{path}"]}, 1, set()),
        ({"command": ["serve"], "runner": "ecs", "name": "shop", "repository": "shop"}, 2, {"image"}),
    ],
)
def test_what_a_system_can_run_follows_from_its_service_and_releases(
    service: dict[str, object], releases: int, also: set[str]
) -> None:
    listed = [{"name": f"v{number}", "path": f"releases/v{number}"} for number in range(releases)]
    system = System.model_validate_json(
        json.dumps({"system": {"name": "shop"}, "service": {"api": service}, "release": listed})
    )
    assert system.components == {"service", "release", *also}
    assert not system.uses_aws


def test_the_plan_names_the_features_that_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, SQL)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["init"])
    assert result.exit_code == 0, result.output
    plan = read_plan(Path("drills/first.toml"))
    assert {"migration", "restore"} <= set(plan.plan.features)
    assert "code" not in plan.plan.features
    arguments = plan.arguments()
    assert any(argument.endswith("migration.feature") for argument in arguments)
    assert f"--rootdir={tmp_path}" in arguments
    assert re.search(r"^  code +add \[.*\] to drill it$", result.output, flags=re.MULTILINE)
    assert "next: rollproof check system.toml" in result.output


def test_check_works_on_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, SQL)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    result = CliRunner().invoke(app, ["check", "system.toml"])
    assert result.exit_code == 0, result.output
    assert "002_rollback_001.sql" in result.output


def test_no_file_is_written_over(tmp_path: Path) -> None:
    write(tmp_path, {**SQL, "system.toml": "mine"})
    result = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert result.exit_code == 2
    assert "there is such a file already: system.toml" in result.output
    assert "--force" in result.output
    assert (tmp_path / "system.toml").read_text() == "mine"
    assert not (tmp_path / "drills").exists()


def test_force_keeps_every_file_that_was_there(tmp_path: Path) -> None:
    write(tmp_path, {**SQL, "system.toml": "first"})
    for _ in range(2):
        assert CliRunner().invoke(app, ["init", str(tmp_path), "--force"]).exit_code == 0
    assert (tmp_path / "system.toml.bak").read_text() == "first"
    assert (tmp_path / "system.toml.bak-2").read_text() == (tmp_path / "system.toml").read_text()


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, SQL)
    result = CliRunner().invoke(app, ["init", str(tmp_path), "--dry-run"])
    assert result.exit_code == 0
    assert 'tool = "sql-files"' in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db"]


@pytest.mark.parametrize("port", ["", "EXPOSE 8000\n"])
def test_a_server_behind_another_is_told_by_the_port_that_its_health_check_asks(
    tmp_path: Path, port: str
) -> None:
    asked = f"FROM node:20\nHEALTHCHECK CMD curl http://127.0.0.1:9000/alive\n{port}CMD node main.js\n"
    write(tmp_path, {"Dockerfile": asked})
    _, system = initiated(tmp_path)
    assert [one.health for one in system.service.values()] == ["/alive"]


def test_a_server_of_a_compose_file_may_publish_no_port(tmp_path: Path) -> None:
    compose = """\
services:
  api:
    build: .
    healthcheck: { test: "wget -qO- http://localhost:3000/_status" }
  jobs: { build: . , command: node jobs.js }
"""
    write(tmp_path, {"compose.yml": compose, "Dockerfile": "FROM node:20\nCMD node main.js\n"})
    adopted, system = initiated(tmp_path)
    assert {key: one.health for key, one in system.service.items()} == {"api": "/_status"}
    assert any("jobs publishes no port" in note for note in adopted.notes)
