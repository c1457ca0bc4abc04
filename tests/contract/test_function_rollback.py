"""Rolling functions back by their aliases, on an emulator: when it works, and when it must not claim to."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rollproof.checks import functions as checks
from rollproof.checks.resources import resources_restored
from rollproof.components.aws import aliases, aliasundo
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import Functions
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments import access
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import PreconditionNotMet, RollproofError
from rollproof.journal import Kind
from rollproof.model.aws import Function
from rollproof.model.verdict import Outcome
from tests.contract.function_support import ANSWERS, RAISES, SYSTEM, deploy, make, refusing

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("functions") / "run"
    opened = DrillSession(folder=folder, run="functions", environment=EmbeddedEnvironment())
    yield opened
    opened.finish("proven")


@pytest.fixture
def drill(session: DrillSession) -> Iterator[Drill]:
    made = session.drill(f"test-{next(_numbers)}", SYSTEM, about={"name": "test", "tags": ["function"]})
    yield made
    made.heal()


@pytest.fixture
def pair(drill: Drill) -> Drill:
    """Two functions that are known to be well, then a release that breaks both."""
    cloud = drill.use(Cloud)
    for name in ("pair-one", "pair-two"):
        make(cloud, name)
    drill.require(aliases.RememberFunctions())
    drill.incident("fault", cause="a release was deployed")
    for name in ("pair-one", "pair-two"):
        deploy(cloud, name, RAISES)
    return drill


def _ended(drill: Drill) -> Kind:
    event = drill.history.last("function.roll_back", Kind.OK, Kind.FAIL, Kind.UNKNOWN)
    assert event is not None
    return event.kind


def test_all_aliases_go_back_together_and_the_old_versions_answer(pair: Drill) -> None:
    assert pair.verify(checks.aliases_restored).outcome is Outcome.REFUTED
    assert pair.attempt(aliases.RollBackFunctions())
    assert pair.verify(checks.aliases_restored).outcome is Outcome.PROVEN
    assert pair.verify(checks.served_by_version).outcome is Outcome.PROVEN
    assert pair.verify(checks.no_errors_logged).outcome is Outcome.PROVEN


def test_a_smaller_number_is_not_the_version_before(drill: Drill) -> None:
    """Version 2 never served: nobody goes back to it although it is the one before 3."""
    cloud = drill.use(Cloud)
    for name in ("pair-one", "pair-two"):
        make(cloud, name)
    cloud.client("lambda").update_function_code(FunctionName="pair-one", ZipFile=b"PK\x05\x06" + bytes(18))
    cloud.client("lambda").publish_version(FunctionName="pair-one")
    drill.require(aliases.RememberFunctions())
    assert deploy(cloud, "pair-one", RAISES) == "3"
    assert drill.attempt(aliases.RollBackFunctions())
    assert drill.use(Functions).serving("one").version == "1"


def test_nothing_is_known_to_go_back_to_where_nobody_looked_before(drill: Drill) -> None:
    make(drill.use(Cloud), "pair-one")
    assert not drill.attempt(aliases.RollBackFunctions())
    assert "not known" in drill.failed["function.roll_back"].found


def test_a_system_whose_functions_are_not_there_cannot_be_remembered(drill: Drill) -> None:
    with pytest.raises(PreconditionNotMet, match="none of the declared functions"):
        drill.require(aliases.RememberFunctions())


def test_a_function_without_its_alias_is_an_error_and_not_left_out(drill: Drill) -> None:
    make(drill.use(Cloud), "pair-one", alias="")
    with pytest.raises(PreconditionNotMet) as caught:
        drill.require(aliases.RememberFunctions())
    assert caught.value.where == "pair-one:LIVE"


def test_an_alias_on_latest_has_no_version_to_go_back_to(drill: Drill) -> None:
    for name in ("pair-one", "pair-two"):
        make(drill.use(Cloud), name, version="$LATEST")
    drill.require(aliases.RememberFunctions())
    assert not drill.attempt(aliases.RollBackFunctions())
    assert "$LATEST" in drill.failed["function.roll_back"].found


def test_a_version_that_retention_has_deleted_stops_the_rollback_before_any_alias_is_moved(
    pair: Drill,
) -> None:
    client = pair.use(Cloud).client("lambda")
    client.delete_function(FunctionName="pair-two", Qualifier="1")
    assert not pair.attempt(aliases.RollBackFunctions())
    assert "is gone" in pair.failed["function.roll_back"].found
    assert pair.use(Functions).serving("one").version == "2"
    assert pair.verify(checks.aliases_restored).outcome is Outcome.REFUTED


def test_calls_that_are_throttled_at_first_are_made_again(pair: Drill) -> None:
    seen: list[str] = []

    def first_of_each(method: str, path: str) -> int | None:
        seen.append(path)
        return 429 if method == "PUT" and seen.count(path) == 1 else None

    with refusing(pair, first_of_each):
        assert pair.attempt(aliases.RollBackFunctions())
    assert pair.verify(checks.aliases_restored).outcome is Outcome.PROVEN


def test_a_rollback_that_takes_an_alias_away_is_refuted(pair: Drill) -> None:
    cloud = pair.use(Cloud)
    cloud.look("before", "function")
    assert pair.attempt(aliases.RollBackFunctions())
    cloud.client("lambda").delete_alias(FunctionName="pair-two", Name="LIVE")
    verdict = pair.verify(resources_restored, kind="function")
    assert verdict.outcome is Outcome.REFUTED
    assert any("pair-two:LIVE: missing after" in found for found in verdict.findings)
    assert not any(found.startswith("function pair-two:") for found in verdict.findings)


def test_a_rollback_that_leaves_logs_and_what_filters_them_otherwise_is_refuted(pair: Drill) -> None:
    cloud, group = pair.use(Cloud), {"logGroupName": "/aws/lambda/pair-two", "filterName": "errors"}
    measured = [{"metricName": "errors", "metricNamespace": "pair", "metricValue": "1"}]
    logs = cloud.client("logs")
    logs.put_metric_filter(**group, filterPattern="ERROR", metricTransformations=measured)
    assert pair.attempt(aliases.RollBackFunctions())
    cloud.look("before", "function")
    logs.put_metric_filter(**group, filterPattern="WARN", metricTransformations=measured)
    verdict = pair.verify(resources_restored, kind="function")
    assert verdict.outcome is Outcome.REFUTED
    assert "metric filters" in verdict.reason


@pytest.mark.parametrize("status", [429, 500])
def test_a_rollback_that_moves_one_of_two_aliases_is_refuted(pair: Drill, status: int) -> None:
    with refusing(pair, lambda method, path: status if method == "PUT" and "pair-two" in path else None):
        assert not pair.attempt(aliases.RollBackFunctions())
    assert "only 1 of 2 aliases" in pair.failed["function.roll_back"].found
    verdict = pair.verify(checks.aliases_restored)
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.findings[0].startswith("two:")


def test_a_function_that_was_never_called_has_no_log_to_lose(session: DrillSession) -> None:
    quiet = {"name": "pair-quiet"}
    system = SYSTEM.model_copy(
        update={"function": {**SYSTEM.function, "quiet": Function.model_validate(quiet)}}
    )
    drill = session.drill("quiet", system, about={"name": "quiet", "tags": ["function"]})
    for name in ("pair-one", "pair-two", "pair-quiet"):
        make(drill.use(Cloud), name)
    drill.require(aliases.RememberFunctions())
    assert drill.attempt(aliases.RollBackFunctions())
    assert drill.verify(checks.no_errors_logged).outcome is Outcome.PROVEN


def test_a_log_group_that_was_there_and_is_gone_refutes(pair: Drill) -> None:
    assert pair.attempt(aliases.RollBackFunctions())
    pair.look("functions")
    pair.use(Cloud).client("logs").delete_log_group(logGroupName="/aws/lambda/pair-two")
    assert pair.verify(checks.no_errors_logged).outcome is Outcome.REFUTED


def test_functions_that_cannot_be_asked_leave_the_verdict_unknown(pair: Drill) -> None:
    assert pair.attempt(aliases.RollBackFunctions())
    with refusing(pair, lambda method, path: 500):
        assert pair.verify(checks.aliases_restored).outcome is Outcome.UNKNOWN
        assert pair.verify(checks.no_errors_logged).outcome is Outcome.UNKNOWN


def test_an_emulator_that_dies_half_way_leaves_unknown_verdicts_and_nothing_else(tmp_path: Path) -> None:
    session = DrillSession(folder=tmp_path / "run", run="dies", environment=EmbeddedEnvironment())
    try:
        drill = session.drill("dies", SYSTEM, about={"name": "dies", "tags": ["function"]})
        cloud = drill.use(Cloud)
        for name in ("pair-one", "pair-two"):
            make(cloud, name, ANSWERS)
        drill.require(aliases.RememberFunctions())
        started = session.journal.events
        pid = next(
            event.data["pid"] for event in started if event.act == "emulator.start" and "pid" in event.data
        )
        scratch = session.open(SYSTEM).scratch

        def dying(method: str, path: str) -> int | None:
            if method == "PUT" and "pair-two" in path:
                os.kill(int(str(pid)), signal.SIGKILL)
            return None

        with refusing(drill, dying, attempts=1):
            assert not drill.attempt(aliases.RollBackFunctions())
        assert _ended(drill) in (Kind.UNKNOWN, Kind.FAIL)
        assert drill.verify(checks.aliases_restored).outcome is Outcome.UNKNOWN
        outcome, _ = drill.conclude()
        assert outcome is Outcome.UNKNOWN
    finally:
        session.finish("unknown")
    assert not scratch.exists()


def test_in_an_account_that_stays_the_aliases_point_where_they_did_also_after_a_kill(
    pair: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, functions = pair.use(Cloud), pair.use(Functions)
    broken = {key: serving.version for key, serving in functions.there().items()}
    monkeypatch.setattr(cloud, "endpoint", replace(cloud.endpoint, private=False))
    undo = aliases.RollBackFunctions().undo(pair)
    assert undo is not None
    pair.attempt(aliases.RollBackFunctions())
    assert {key: serving.version for key, serving in functions.there().items()} != broken
    aliasundo._HERE.clear()
    with pytest.raises(RollproofError, match="nobody here has credentials"):
        aliasundo.put_back(undo)
    access.remember(endpoint=cloud.endpoint)
    assert aliasundo.put_back(undo) == "2 of 2 aliases moved back"
    assert {key: serving.version for key, serving in functions.there().items()} == broken
    assert aliasundo.put_back(undo) == "0 of 2 aliases moved back"
    gone = {"name": "pair-gone", "label": "LIVE", "version": "1", "weights": {}}
    assert aliasundo.put_back({**undo, "items": [gone]}) == "0 of 1 aliases moved back"
