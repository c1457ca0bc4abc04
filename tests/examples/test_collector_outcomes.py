""" "Not applicable" and "not proven here", raised anywhere in a scenario, are skips that say why."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

RAISING = """
import pytest
from pytest_bdd import given, then, when
from rollproof.errors import NotApplicable, NotProvenHere, PreconditionNotMet

@given("a world")
def _(): pass

@when("it does not apply")
def _(): raise NotApplicable("the system has no alias", remedy="declare one")

@then("it cannot be proven")
def _(): raise NotProvenHere("any principal may read", remedy="use staging")

@then("it is not as it should be")
def _(): raise PreconditionNotMet("it is not")

@pytest.fixture
def unfit(): raise NotProvenHere("the fixture found out")

@given("an unfit world")
def _(unfit): pass
"""
FEATURE = """
Feature: Endings
  Scenario: Not applicable
    Given a world
    When it does not apply

  Scenario: Not proven
    Given a world
    Then it cannot be proven
"""


@pytest.fixture
def raising(empty_project):
    empty_project.write("conftest.py", RAISING)
    empty_project.write("features/f.feature", FEATURE)
    return empty_project


def test_both_are_skips_with_reason_step_and_line(raising):
    result = raising.run("features/f.feature", "-rs")
    result.assert_outcomes(skipped=2)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "SKIPPED [[]1[]] features/f.feature:2: not applicable: the system has no alias"
            " (step: When it does not apply)",
            "SKIPPED [[]1[]] features/f.feature:6: not proven here: any principal may read"
            " (step: Then it cannot be proven)",
        ]
    )


@pytest.mark.parametrize("how", ["option", "table"])
def test_strict_fails_what_is_not_proven_here_and_nothing_else(raising, how):
    if how == "table":
        raising.write("pyproject.toml", "[tool.rollproof]\nstrict = true\n")
    args = ("--rollproof-strict",) if how == "option" else ()
    result = raising.run("features/f.feature", *args)
    result.assert_outcomes(skipped=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "not proven here: any principal may read (step: Then it cannot be proven)",
            "  what to do: use staging",
        ]
    )
    for noise in ("*Traceback*", "*rollproof/plugin*", "*conftest.py:*NotProvenHere*"):
        result.stdout.no_fnmatch_line(noise)


def test_a_fixture_may_find_it_out_for_a_step(raising):
    raising.write("features/f.feature", "Feature: f\n  Scenario: s\n    Given an unfit world\n")
    result = raising.run("features/f.feature", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*not proven here: the fixture found out*"])


def test_a_fixture_may_find_it_out_before_the_test(raising):
    raising.write("test_x.py", "def test_x(unfit): pass\n")
    raising.run("test_x.py").assert_outcomes(skipped=1)
    raising.run("test_x.py", "--rollproof-strict").assert_outcomes(errors=1)


def test_other_errors_stay_failures(raising):
    raising.write("features/f.feature", "Feature: f\n  Scenario: s\n    Then it is not as it should be\n")
    raising.run("features/f.feature").assert_outcomes(failed=1)


def test_scenarios_that_a_test_module_binds_end_in_the_same_way(raising):
    raising.write("test_bound.py", 'from pytest_bdd import scenarios\nscenarios("features/f.feature")\n')
    raising.run("test_bound.py").assert_outcomes(skipped=2)


def test_pdb_is_not_opened_for_a_skip(raising):
    raising.run("features/f.feature", "--pdb").assert_outcomes(skipped=2)


def test_junit_counts_them_as_skipped(raising):
    raising.run("features/f.feature", "--junitxml=out.xml")
    assert 'skipped="2"' in (raising.root / "out.xml").read_text()


def test_workers_hand_the_reasons_over(raising):
    result = raising.run_apart("-n", "2", "-rs", "features/f.feature")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*features/f.feature:2: not applicable: the system has no alias*"])


def test_an_error_when_fixtures_are_torn_down_is_never_a_skip(raising):
    raising.write(
        "test_x.py",
        """
        import pytest
        from rollproof.errors import NotProvenHere

        @pytest.fixture
        def late():
            yield
            raise NotProvenHere("too late")

        def test_x(late): pass
        """,
    )
    raising.run("test_x.py").assert_outcomes(passed=1, errors=1)
