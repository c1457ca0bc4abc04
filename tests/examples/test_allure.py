"""`--alluredir` just works: one result a scenario, with its Gherkin steps, in what allure-pytest writes."""

from __future__ import annotations

import json

import pytest

pytest_plugins = ["pytester"]

STEPS = """
import allure
from pytest_bdd import given, then, when
from rollproof.errors import NotApplicable

@given("a world")
def _(): allure.attach("mine", name="the project's own")

@when("it turns")
def _(): pass

@then("nobody looks")
def _(): pass

@then("it does not apply")
def _(): raise NotApplicable("the system has no alias")

@then("it breaks")
def _(): raise ValueError("it broke")
"""
FEATURE = """
@smoke
Feature: Turning
  Scenario: Nobody looks
    Given a world
    When it turns
    Then nobody looks

  Scenario: Not applicable
    Given a world
    Then it does not apply

  Scenario: It breaks
    Given a world
    Then it breaks
"""


@pytest.fixture
def results(empty_project, request):
    empty_project.write("conftest.py", STEPS)
    empty_project.write("features/turning.feature", FEATURE)
    empty_project.write("test_plain.py", "def test_plain(): pass\n")
    system = empty_project.system("shop", "smoke")
    done = empty_project.run_apart(
        *("features/turning.feature", "test_plain.py", f"--system={system}", "--alluredir=allure"),
        *request.param,
    )
    found = [json.loads(path.read_bytes()) for path in (empty_project.root / "allure").glob("*-result.json")]
    kept = {path.name for path in (empty_project.root / "allure").iterdir()}
    assert len(found) == 4, done.stdout.str()
    return {one["name"]: one for one in found}, kept


@pytest.mark.parametrize(
    "results",
    [pytest.param((), id="alone"), pytest.param(("-n", "1"), id="in a worker", marks=pytest.mark.slow)],
    indirect=True,
)
def test_each_scenario_has_one_result_with_its_steps_and_evidence(results):
    found, kept = results
    assert {name: one["status"] for name, one in found.items()} == {
        "Nobody looks [shop]": "broken",
        "Not applicable [shop]": "skipped",
        "It breaks [shop]": "broken",
        "test_plain": "passed",
    }
    steps = [(step["name"], step["status"]) for step in found["It breaks [shop]"]["steps"]]
    assert steps[:2] == [("Given a world", "passed"), ("Then it breaks", "failed")]
    labels = {(one["name"], one["value"]) for one in found["Nobody looks [shop]"]["labels"]}
    assert {("outcome", "unknown"), ("feature", "Turning"), ("tag", "smoke")} <= labels
    attached = [one["name"] for one in found["Nobody looks [shop]"]["attachments"]]
    assert {"the project's own", "the journal of this scenario"} <= set(attached)
    assert {one["source"] for one in found["Nobody looks [shop]"]["attachments"]} <= kept
    assert "steps" not in found["test_plain"]
