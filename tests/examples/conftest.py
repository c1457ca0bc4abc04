"""A small project of its own for each example, run by pytester."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from drilling import SYSTEMS, Drilled, Forker

import rollproof.model.systemfile  # noqa: F401  # once for all runs: pydantic bears no second import

STEPS = """
from pytest_bdd import given, parsers, then, when

@given("a world")
def _(): pass

@when("it turns")
def _(): pass

@when("it breaks")
def _(): raise RuntimeError("it broke")

@then("it is fine")
def _(): pass

@then(parsers.parse("it turned {times:d} times"))
def _(times): print(f"turned {times} times")
"""
FEATURE = """
Feature: The world
  Scenario: It turns
    Given a world
    When it turns
    Then it is fine
"""
STRICT_INI = """
[pytest]
addopts = --strict-markers --strict-config
filterwarnings = error
"""


class Project:
    """A folder with a project, and ways to run pytest in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.root = pytester.path
        self.write("pytest.ini", STRICT_INI)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode()
        path.write_bytes(body)
        return path

    def system(self, name: str, *components: str) -> str:
        """A sound system file; returns its path relative to the project."""
        tables = {
            "database": '[database]\nmigrations = { path = "migrations" }\n',
            "smoke": '[smoke]\ncommand = ["true"]\n',
        }
        text = f'[system]\nname = "{name}"\n' + "".join(tables[component] for component in components)
        self.write(f"systems/{name}/migrations/001_first.sql", "SELECT 1;\n")
        self.write(f"systems/{name}/system.toml", text)
        return f"systems/{name}/system.toml"

    def run(self, *args: str) -> pytest.RunResult:
        # Hypothesis, not imported here yet, would be imported anew in each run.
        return self.pytester.runpytest_inprocess("-p", "no:hypothesispytest", *args)

    def run_apart(self, *args: str) -> pytest.RunResult:
        """In a process of its own: for what the running session would blur."""
        return self.pytester.runpytest_subprocess(*args)


@pytest.fixture
def empty_project(pytester: pytest.Pytester) -> Iterator[Project]:
    """Nothing but a strict pytest.ini."""
    return Project(pytester)


@pytest.fixture
def project(empty_project: Project) -> Project:
    """One feature with one scenario, and the steps for it in the conftest."""
    empty_project.write("conftest.py", STEPS)
    empty_project.write("features/world.feature", FEATURE)
    return empty_project


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Where drills in processes of their own come from."""
    forker = Forker(SYSTEMS / "mini")
    yield forker
    forker.close()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that everyone may pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="rp-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def mini(home: Path, forker: Forker) -> Drilled:
    """The smallest system, in a project of its own."""
    return Drilled(home, forker)
