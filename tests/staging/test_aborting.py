"""Drills that are ended before their time, refused what is outside of their limits, or kept from starting."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from standin import StandIn, clients_of
from test_drills_on_staging import Staged, events_of, forker, stacks, staged  # noqa: F401  a fixture among them

from rollproof.journal import read_journal
from rollproof.waiting import eventually

HOLDING = """
from rollproof.waiting import pause
import psycopg
from pytest_bdd import given

@given("somebody waits for the server")
def _(drill):
    from rollproof.components.postgres.bench import Bench
    with psycopg.connect(drill.use(Bench).server.conninfo("postgres"), application_name="held up") as conn:
        conn.execute("SELECT pg_sleep(60)")
"""
FEATURE = """
@database
Feature: Something that takes long
  Scenario: It does not end by itself
    Given the release before the newest additive migration that has a rollback script
    And somebody waits for the server
    And that migration is deployed
    When its rollback script is applied
    Then every row from before that migration is unchanged
"""


@pytest.fixture
def held_up(tmp_path: Path, forker: Any, place: StandIn) -> Callable[..., Staged]:  # noqa: F811
    """A system with a scenario that a server holds up for a minute."""

    def make(**declared: Any) -> Staged:
        found = staged(tmp_path, forker, place, **declared)
        found.drilled.write("features/mini.feature", FEATURE)
        found.drilled.write("waiting_steps.py", HOLDING)
        text = (tmp_path / "pyproject.toml").read_text()
        assert "[tool.rollproof]" in text
        steps = text.replace("[tool.rollproof]", '[tool.rollproof]\nsteps = ["waiting_steps.py"]')
        found.drilled.write("pyproject.toml", steps)
        approved = found.rollproof("drill", "approve", "plan.toml", "--by", "ann")
        assert approved.code == 0, approved.said
        return found

    return make


def begin(found: Staged, place: StandIn, *arguments: str) -> Any:
    """Starts it and waits until the server holds it up."""
    drill = found.drilled.start_drill(
        *found.chosen,
        "--environment=staging",
        "--rollproof-plan=plan.toml",
        *arguments,
        **found.environ,
    )

    def is_held_up() -> bool:
        with place.connect() as conn:
            query = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'held up' AND state = 'active'"
            return conn.execute(query).fetchone() is not None

    eventually(is_held_up, within=90, what=f"the drill waits for the server; it said {drill.said}")
    return drill


def aborted(found: Staged, place: StandIn, drill: Any, before: Any, says: str) -> None:
    ended = drill.ended()
    assert ended.code != 0
    assert says in ended.said, ended.said
    [run] = found.drilled.runs()
    history = read_journal(run / "journal.ndjson")
    assert says in str(history.last("run.aborted").data["reason"])
    concluded = history.last("scenario.concluded")
    assert (concluded.data["outcome"], says in str(concluded.data["reason"])) == ("unknown", True)
    assert history.last("run.finished").data["outcome"] == "unknown"
    assert not history.last("run.finished").data["findings"]
    assert place.everything() == before


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_drill_in_the_midst_of_an_act(
    number: signal.Signals, held_up: Callable[..., Staged], place: StandIn
) -> None:
    found, before = held_up(), place.everything()
    drill = begin(found, place)
    drill.signal(number)
    aborted(found, place, drill, before, f"aborted because the process got {number.name}")


@pytest.mark.slow
def test_a_stop_file_ends_a_drill(held_up: Callable[..., Staged], place: StandIn) -> None:
    found, before = held_up(), place.everything()
    drill = begin(found, place, "--rollproof-stop-file=stop")
    found.drilled.write("stop", "")
    aborted(found, place, drill, before, "the stop file stop is there")


def test_a_stop_file_that_is_there_already_keeps_a_drill_from_starting(
    held_up: Callable[..., Staged], place: StandIn
) -> None:
    found = held_up(abort={"file": "stop"})
    found.drilled.write("stop", "")
    ended, before = found.drill(), place.everything()
    assert ended.code != 0
    assert "the stop file stop is there" in ended.said
    assert place.everything() == before


@pytest.fixture
def alarm(place: StandIn) -> Iterator[Callable[[str], None]]:
    """Sets the state of an alarm of the stand-in."""
    assert place.aws is not None
    client = clients_of(place.aws.url, place.aws.region).client("cloudwatch")
    client.put_metric_alarm(
        AlarmName="errors-staging",
        Namespace="n",
        MetricName="m",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Threshold=1,
        Period=60,
        Statistic="Sum",
    )

    def become(state: str) -> None:
        client.set_alarm_state(AlarmName="errors-staging", StateValue=state, StateReason="a test")

    become("OK")
    yield become
    client.delete_alarms(AlarmNames=["errors-staging"])


@pytest.mark.slow
def test_an_alarm_ends_a_drill(
    held_up: Callable[..., Staged], place: StandIn, alarm: Callable[[str], None]
) -> None:
    found = held_up(abort={"alarms": ["errors-{env}"], "every": "1s"})
    [before] = [place.everything()]
    drill = begin(found, place)
    alarm("ALARM")
    found_aborted = drill.ended()
    assert "alarm errors-staging is in ALARM" in found_aborted.said, found_aborted.said
    assert found_aborted.code != 0
    alarm("OK")
    after = place.everything()
    after["aws"]["cloudwatch.describe_alarms"] = before["aws"]["cloudwatch.describe_alarms"]
    assert after == before


@pytest.mark.slow  # it waits for its limit
def test_a_drill_that_takes_longer_than_it_may_is_ended(
    held_up: Callable[..., Staged], place: StandIn
) -> None:
    found, before = held_up(limits={"time": "20s"}), place.everything()
    drill = begin(found, place)
    aborted(found, place, drill, before, "it took longer than 20s, its limit")


def test_of_two_drills_at_once_one_runs_and_the_other_says_who_holds_the_lock(
    held_up: Callable[..., Staged], place: StandIn
) -> None:
    found, before = held_up(), place.everything()
    first = begin(found, place)
    second = found.drill("--rollproof-reports=others")
    assert second.code != 0
    [run] = found.drilled.runs()
    assert f"another drill is at work on it: run {run.name} of " in second.said, second.said
    assert "rollproof heal" in second.said
    first.signal(signal.SIGTERM)
    aborted(found, place, first, before, "SIGTERM")


@pytest.mark.parametrize(
    ("schemas", "refused"),
    [
        (["shop"], "schema public is outside"),
        pytest.param(["public", "shop"], "", marks=pytest.mark.slow),
    ],
)
def test_a_schema_outside_of_the_limits_is_not_touched(
    schemas: list[str],
    refused: str,
    tmp_path: Path,
    forker: Any,  # noqa: F811
    place: StandIn,
) -> None:
    found, before = staged(tmp_path, forker, place, limits={"schemas": schemas}), place.everything()
    ended = found.drill()
    assert (ended.code == 0) is not refused
    assert refused in ended.said
    assert place.everything() == before


def test_a_stack_outside_of_the_limits_is_not_touched(
    tmp_path: Path,
    forker: Any,  # noqa: F811
    place: StandIn,
) -> None:
    found, before = stacks(tmp_path, forker, place), place.everything()
    document = tomlkit.parse((tmp_path / "system.toml").read_text())
    document["environments"]["staging"]["limits"] = {"stacks": ["Another-*"]}  # type: ignore[index]
    found.drilled.write("system.toml", tomlkit.dumps(document))
    assert found.rollproof("drill", "approve", "plan.toml", "--by", "ann").code == 0
    ended = found.drill()
    assert ended.code != 0
    assert "is outside of the limits" in ended.said, ended.said
    assert not any(line.startswith("stack.operation") for line in events_of(found))
    assert place.everything() == before


@pytest.mark.slow
def test_more_systems_than_the_plan_allows_are_not_drilled(
    tmp_path: Path,
    forker: Any,  # noqa: F811
    place: StandIn,
) -> None:
    found = staged(tmp_path, forker, place, limits={"tenants": 1})
    ended = found.drill("--rollproof-tenant=one", "--rollproof-tenant=two")
    assert ended.code != 0
    assert "2 systems are to be drilled, and 1 may be" in ended.said, ended.said
