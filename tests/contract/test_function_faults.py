"""Faults that work on any function, and what the diagnosis makes of them without being told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from rollproof.checks import diagnosing as checks
from rollproof.checks import functions
from rollproof.components.aws import aliases
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.diagnosing import DiagnoseFunctions
from rollproof.components.aws.function import Functions
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import NotApplicable
from rollproof.faults.function import HandlerBug, WrongVariable, serve_changed, wrong_value
from rollproof.model.aws import Api
from rollproof.model.verdict import Outcome
from tests.contract.function_support import SYSTEM, deploy, make, rest_api

_numbers = itertools.count(1)
NEEDS_TABLE = """
import json, os
class NoSuchTable(Exception): pass
def handler(event, context):
    table = os.environ["TABLE_NAME"]
    if table != "orders":
        raise NoSuchTable("ResourceNotFoundException: Requested resource not found: Table: " + table)
    return {"statusCode": 200, "body": json.dumps({})}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("faults") / "run"
    opened = DrillSession(folder=folder, run="faults", environment=EmbeddedEnvironment())
    yield opened
    opened.finish("proven")


@pytest.fixture
def well(session: DrillSession) -> Iterator[Drill]:
    """Two functions, one of them behind an API, all of which answers."""
    drill = session.drill(f"faults-{next(_numbers)}", SYSTEM, about={"name": "faults", "tags": ["function"]})
    cloud = drill.use(Cloud)
    for name in ("pair-one", "pair-two"):
        make(cloud, name, NEEDS_TABLE)
    api = Api(id=rest_api(cloud, "pair-one"), functions=("one",))
    drill.system = cloud.system = SYSTEM.model_copy(update={"api": {"shop": api}})
    drill.require(aliases.RememberFunctions())
    yield drill
    drill.heal()


def test_a_handler_that_cannot_be_loaded_is_found_out_and_rolled_back(well: Drill) -> None:
    well.require(HandlerBug())
    assert well.attempt(DiagnoseFunctions())
    assert well.verify(checks.cause_named, cause="handler-bug").outcome is Outcome.PROVEN
    assert well.verify(functions.apis_answer).outcome is Outcome.REFUTED
    assert well.attempt(aliases.RollBackFunctions())
    assert well.verify(checks.remedy_fits).outcome is Outcome.PROVEN
    assert well.verify(functions.apis_answer).outcome is Outcome.PROVEN
    assert well.verify(functions.error_metric_normal).outcome is Outcome.PROVEN
    assert well.verify(functions.served_by_version).outcome is Outcome.PROVEN


def test_a_wrong_variable_is_found_out_by_name(well: Drill) -> None:
    well.require(WrongVariable())
    assert well.attempt(DiagnoseFunctions())
    verdict = well.verify(checks.cause_named, cause="wrong-variable")
    assert verdict.outcome is Outcome.PROVEN
    assert "TABLE_NAME" in verdict.reason
    assert well.verify(checks.cause_named, cause="handler-bug").outcome is Outcome.REFUTED


def test_a_variable_that_is_gone_is_found_out_by_name(well: Drill) -> None:
    well.incident("fault", cause="a variable was taken away")
    serve_changed(well, "one", Environment={"Variables": {}})
    assert well.attempt(DiagnoseFunctions())
    assert "TABLE_NAME" in well.verify(checks.cause_named, cause="wrong-variable").reason


def test_new_code_that_needs_a_table_that_is_not_there_is_no_wrong_variable(well: Drill) -> None:
    well.incident("fault", cause="a release was deployed")
    deploy(well.use(Cloud), "pair-one", NEEDS_TABLE.replace('"orders"', '"invoices"'))
    assert well.attempt(DiagnoseFunctions())
    assert well.verify(checks.cause_named, cause="missing-resource").outcome is Outcome.PROVEN


def test_a_variable_that_nothing_depends_on_cannot_be_a_fault(session: DrillSession) -> None:
    drill = session.drill("indifferent", SYSTEM, about={"name": "indifferent", "tags": ["function"]})
    for name in ("pair-one", "pair-two"):
        make(drill.use(Cloud), name)
    drill.require(aliases.RememberFunctions())
    with pytest.raises(NotApplicable, match="depends on a variable"):
        drill.require(WrongVariable())
    assert drill.use(Functions).serving("one").variables == {"TABLE_NAME": "orders"}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("orders", "orders-wrong"),
        ("30", "1"),
        ("postgresql://app:word@db.internal:5432/shop", "postgresql://app:word@127.0.0.1:1/shop"),
        ("https://api.example.org/v1", "https://127.0.0.1:1/v1"),
        ("host=db user=app dbname=shop", "host=db user=app dbname=shop host=127.0.0.1 port=1"),
    ],
)
def test_a_wrong_value_is_of_the_kind_of_the_right_one(value: str, wrong: str) -> None:
    assert wrong_value(value) == wrong
