"""Others that roll migrations back: pytest-alembic's tests, and Liquibase's update-testing-rollback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.history.corpora import Corpus
from benchmarks.history.relay import relay
from rollproof.environments.base import PostgresServer

_LIMIT = 900
_LIQUIBASE = "liquibase@4.28.1"
"""The newest of the npm packages that bring Liquibase itself along; later ones hold the wrapper alone."""
_PYTEST = ("pytest-alembic==0.13.1", "pytest", "pluggy", "iniconfig", "packaging", "pygments")
_CONFTEST = """\
import json, os
import pytest
from sqlalchemy import create_engine

if call := os.environ["BENCH_PREPARE"]:
    module, _, attribute = call.partition(":")

    @pytest.fixture(autouse=True)
    def prepared(alembic_engine):
        found = __import__(module, fromlist=["x"])
        for name in attribute.split("."):
            found = getattr(found, name)
        found(alembic_engine)

@pytest.fixture
def alembic_config():
    return json.loads(os.environ["BENCH_CONFIG"])

@pytest.fixture
def alembic_engine():
    engine = create_engine(os.environ["BENCH_URL"])
    # Some env.py take what they are given for a connection.
    return engine.connect() if os.environ["BENCH_CONNECTED"] else engine
"""
_TESTS = {
    "up/down consistency": "from pytest_alembic.tests import test_up_down_consistency\n",
    "leaves no trace": "from pytest_alembic.tests.experimental import test_downgrade_leaves_no_trace\n",
}


@dataclass(frozen=True)
class Rival:
    """What another one came to.

    Attributes:
        seconds: None when it did not get to the end. said: what it found, or why it did not run.
    """

    name: str
    seconds: float | None
    said: str


def pytest_alembic(corpus: Corpus, venvs: Path, server: PostgresServer, scratch: Path) -> list[Rival]:
    """Both tests, each on an empty database."""
    beside = venvs / "pytest-alembic"
    if not beside.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(beside)]
        subprocess.run([*pip, "--disable-pip-version-check", *_PYTEST], check=True)
    return [_one_test(name, corpus, venvs, server, scratch) for name in _TESTS]


def _one_test(name: str, corpus: Corpus, venvs: Path, server: PostgresServer, scratch: Path) -> Rival:
    folder = scratch / f"{corpus.name}-{name.replace('/', ' ').replace(' ', '-')}"
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text(_CONFTEST, "utf-8")
    (folder / "test_rival.py").write_text(_TESTS[name], "utf-8")
    fresh(server, "rival")
    url = f"postgresql+psycopg2://{server.user}@/rival?host={server.host}&port={server.port}"
    environment = {
        **os.environ,
        **corpus.settings(venvs).environment,
        "PYTHONPATH": str(venvs / "pytest-alembic"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "BENCH_URL": url,
        "BENCH_CONNECTED": "1" if corpus.name == "airflow" and name != "leaves no trace" else "",
        "BENCH_PREPARE": corpus.options.get("prepare", ""),
        "BENCH_CONFIG": _alembic_config(corpus, venvs),
    }
    filled = {key: value.replace("{url}", _own_url(corpus, url)) for key, value in environment.items()}
    command = [
        str(corpus.python(venvs)),
        "-m",
        "pytest",
        "-q",
        "-p",
        "pytest_alembic",
        "-p",
        "no:cacheprovider",
    ]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, str(folder)],
        env=filled,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=_LIMIT,
    )
    seconds = time.perf_counter() - started
    (folder / "said.txt").write_text(done.stdout + done.stderr, "utf-8")
    return Rival(name, seconds, "passed" if done.returncode == 0 else _why(done.stdout + done.stderr))


def _own_url(corpus: Corpus, url: str) -> str:
    return url.replace("+psycopg2", "+asyncpg") if corpus.name == "prefect" else url


def _alembic_config(corpus: Corpus, venvs: Path) -> str:
    root = corpus.root(venvs)
    script = root.parent / "migrations" if root.suffix == ".ini" else root
    places = corpus.options.get("version_locations")
    more = f', "version_locations": "{script / places}"' if places else ""
    return f'{{"script_location": "{script}"{more}}}'


def _why(said: str) -> str:
    lines = re.findall(r"(?m)^E\s+(\S.*)$", said)
    found = [line for line in lines if re.match(r"[\w.]*(?:Error|Exception|Failure)\b", line)] or lines
    return (
        "failed: "
        + re.sub(r"\(?[\'\w]+/rival\S*|\S*/\S*/\S*", "...", found[0] if found else "no output")[:170]
    )


def liquibase(folder: Path, venvs: Path, server: PostgresServer, scratch: Path) -> Rival:
    """update-testing-rollback of the same pairs, as one changelog of formatted SQL."""
    name = "Liquibase update-testing-rollback"
    home = venvs / "liquibase"
    program = home / "node_modules" / "liquibase" / "dist" / "liquibase" / "liquibase"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", _LIQUIBASE],
            cwd=home,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode or not program.exists():
            return Rival(name, None, f"it could not be installed from npm: {done.stderr.strip()[-100:]}")
    changelog = scratch / f"{folder.name}.sql"
    changelog.write_text(changelog_of(folder), "utf-8")
    fresh(server, "rival")
    with relay(server) as port:
        url = f"--url=jdbc:postgresql://127.0.0.1:{port}/rival?preferQueryMode=simple"
        options = [f"--changelog-file={changelog.name}", url, f"--username={server.user}"]
        environment = {**os.environ, "LIQUIBASE_ANALYTICS_ENABLED": "false", "JAVA_OPTS": "-Xmx1g"}
        started = time.perf_counter()
        done = subprocess.run(
            ["sh", str(program), f"--search-path={scratch}", "update-testing-rollback", *options],
            env=environment,
            cwd=scratch,
            check=False,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
        )
        seconds = time.perf_counter() - started
    said = done.stdout + done.stderr
    (scratch / f"{folder.name}.liquibase.txt").write_text(said, "utf-8")
    if done.returncode == 0:
        return Rival(name, seconds, "passed")
    return Rival(name, None, f"stopped after {seconds:.0f} s: {_liquibase_why(said)}")


def _liquibase_why(said: str) -> str:
    where = re.search(r"failed for changeset [^:]*::(\d+)::", said)
    found = re.findall(r"ERROR: (?!Exception)[^\[\n]*", said)
    place = f"changeset {int(where[1])}: " if where else ""
    return place + re.sub(r"\s+", " ", found[0] if found else said.strip()[-150:])[:160]


def changelog_of(folder: Path) -> str:
    """All pairs as changesets."""
    lines = ["--liquibase formatted sql"]
    for up in sorted(folder.glob("*.up.sql")):
        down = up.with_name(up.name.replace(".up.sql", ".down.sql")).read_text("utf-8")
        number = up.name.partition("_")[0]
        lines.append(f"--changeset bench:{number} splitStatements:false rollbackSplitStatements:false")
        lines.append(up.read_text("utf-8").rstrip())
        lines += [f"--rollback {line}" for line in down.rstrip().splitlines()]
    return "\n".join(lines) + "\n"


def fresh(server: PostgresServer, name: str) -> None:
    """An empty database."""
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
