"""`rollproof environment check`: what is refused before anything is touched, and what is found out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rollproof.cli import app
from rollproof.cli_environment import is_loopback
from rollproof.environments.base import AwsEndpoint
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.fidelity import all_experiments
from rollproof.fidelity.examining import Examined, table_of
from rollproof.fidelity.registry import Experiment, Finding
from rollproof.fidelity.reliance import own_steps, relying
from rollproof.journal import Journal, Recorder
from rollproof.model.system import System

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEndpoint]:
    """An emulator that the command is pointed at, as it would be at any other."""
    journal = tmp_path_factory.mktemp("run") / "journal.ndjson"
    system = System.model_validate({"system": {"name": "tests"}})
    with (
        Journal(journal, run="tests") as written,
        EmbeddedEnvironment().open(system, Recorder(written, "run")) as opened,
    ):
        yield opened.aws(account=ACCOUNT)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["environment", "check", *arguments])


def at(endpoint: AwsEndpoint, *arguments: str) -> Result:
    return run("--endpoint-url", str(endpoint.url), "--account", ACCOUNT, *arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--endpoint-url", "http://10.1.2.3:4566", "--account", ACCOUNT], "not on this machine"),
        (["--endpoint-url", "https://sts.amazonaws.com", "--account", ACCOUNT], "not on this machine"),
        (["--endpoint-url", "http://127.0.0.1.evil.example", "--account", ACCOUNT], "not on this machine"),
        (["--really", "--account", ACCOUNT], "no credentials are named"),
        (["--really", "--access-key-env", "A", "--secret-key-env", "B"], "no account is named"),
        (["--endpoint-url", "http://127.0.0.1:9"], "no account is named"),
        (["--endpoint-url", "http://127.0.0.1:9", "--account", "12"], "no account is named"),
        (["--environment", "staging"], "nobody has approved that there"),
        (["--only", "no-such"], "there is no experiment 'no-such'"),
    ],
)
def test_what_could_do_harm_is_refused(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRILL_KEY", raising=False)
    result = run(
        "--endpoint-url", "http://127.0.0.1:9", "--account", ACCOUNT, "--access-key-env", "DRILL_KEY"
    )
    assert result.exit_code == 2
    assert "DRILL_KEY: this variable is not set" in result.stderr


def test_an_endpoint_that_cannot_be_reached_is_no_finding() -> None:
    result = run("--endpoint-url", "http://127.0.0.1:9", "--account", ACCOUNT)
    assert result.exit_code == 3
    assert "AWS cannot be reached" in result.stderr


def test_another_account_than_the_one_named_is_refused(
    endpoint: AwsEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRILL_KEY", "999999999999")
    monkeypatch.setenv("DRILL_SECRET", "x")
    result = at(endpoint, "--access-key-env", "DRILL_KEY", "--secret-key-env", "DRILL_SECRET")
    assert result.exit_code == 2
    assert "this is account 999999999999" in result.stderr


def test_findings_are_shown_and_written_and_no_failure(endpoint: AwsEndpoint, tmp_path: Path) -> None:
    found, table = tmp_path / "found.json", tmp_path / "found.md"
    ids = ("parameter-history", "parameter-pattern")
    only = [word for name in ids for word in ("--only", name)]
    result = at(endpoint, *only, "--json", str(found), "--markdown", str(table))
    assert result.exit_code == 0
    assert "2 experiments: 1 hold, 1 do not, 0 unknown" in result.stdout
    written = json.loads(found.read_text())["experiments"]
    assert {item["id"]: item["outcome"] for item in written} == {
        "parameter-history": "holds",
        "parameter-pattern": "does not hold",
    }
    assert table.read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("function-metrics", True),
        ("alarm-follows-metric", True),
        ("alarm-by-itself", False),
        ("alarm-by-dimension", False),
        ("alarm-without-data", False),
        ("alarm-actions-disabled", True),
        ("metric-percentile", True),
        ("parameter-history", True),
        ("parameter-secure", True),
        ("parameter-gone", True),
        ("parameter-pattern", False),
        ("parameter-policies", False),
        ("appconfig-stop", True),
        ("appconfig-served", True),
        ("function-version-variables", True),
        ("http-api-body", False),
    ],
)
def test_the_embedded_emulator_is_what_the_docs_say_of_it(
    endpoint: AwsEndpoint, name: str, holds: bool
) -> None:
    from rollproof.components.aws.clients import Aws

    finding = all_experiments()[name].run(Aws(endpoint))
    assert finding.holds is holds, finding.said
    page = Path(__file__).parents[2] / "docs" / "reference" / "fidelity.md"
    row = next(line for line in page.read_text().splitlines() if line.startswith(f"| `{name}` |"))
    assert f"| {'holds' if holds else 'does not hold'} |" in row


def test_every_experiment_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "fidelity.md").read_text()
    assert [name for name in all_experiments() if f"| `{name}` | " not in page] == []


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:4566", True),
        ("http://localhost:4566", True),
        ("http://localhost.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://0.0.0.0:4566", False),
        ("https://sts.amazonaws.com", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_only_a_loopback_address_is_here(url: str, here: bool) -> None:
    assert is_loopback(url) is here


STEPS = """
from pytest_bdd import given, parsers
from rollproof.fidelity import rely_on
NAME = "by-name"

@given("a thing that is there")
@given("a thing that is here")
def one(drill):
    rely_on(drill, "by-text")

@given(parsers.re(r"a (?P<size>\\\\w+) thing"))
def two(drill, size):
    rely_on(drill, NAME)

@given("nothing")
def three(drill):
    pass
""".replace("\\\\", "\\")

FEATURE = """
Feature: things
  Scenario Outline: one
    Given a thing that is <where>
    Given nothing
    Examples:
      | where |
      | here  |
"""


def test_features_that_rely_on_an_experiment_are_found_by_their_steps(tmp_path: Path) -> None:
    steps, first, second = (tmp_path / name for name in ("steps.py", "first.feature", "second.feature"))
    steps.write_text(STEPS)
    first.write_text(FEATURE)
    second.write_text("Feature: other\n  Scenario: two\n    Given a large thing\n")
    assert relying([first, second], [steps]) == {"by-text": ["first"], "by-name": ["second"]}


def test_what_ships_relies_on_experiments_that_there_are() -> None:
    features = sorted((Path(__file__).parents[2] / "features").glob("*.feature"))
    found = relying(features, own_steps())
    assert set(found) <= set(all_experiments())
    assert "configuration" in found["alarm-by-itself"]


def test_what_an_endpoint_says_stays_on_one_line() -> None:
    experiment = Experiment("x", "it works", "a manual", lambda aws, prefix: Finding(None, ""))
    item = Examined(experiment, Finding(None, "<html>\n <title>\n no"), 1.0, ("deploy",))
    assert table_of([item]).splitlines()[-1] == "| `x` | it works | unknown | <html> <title> no | deploy |"
