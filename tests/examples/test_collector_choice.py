"""Which feature files are collected, and that none runs twice."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

BOUND = """
from pytest_bdd import scenarios
scenarios("../features")
"""
CONFIGURED = """
[tool.rollproof]
features = ["features"]
"""
SECOND = """
Feature: Second
  Scenario: First of two
    When it turns
  Scenario: Second of two
    When it turns
"""


def test_nothing_is_collected_where_nothing_asks_for_it(project):
    assert project.run().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert project.run("features").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert project.run(".").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_plain_project_with_its_own_scenarios_sees_no_change(project):
    project.write("tests/test_world.py", BOUND)
    with_rollproof = project.run("-v")
    without = project.run("-v", "-p", "no:rollproof")
    with_rollproof.assert_outcomes(passed=1)

    def body(result):
        told = [line for line in result.outlines if not line.startswith("plugins:")]
        return told[:-1], result.errlines, result.ret

    assert body(with_rollproof) == body(without)


@pytest.mark.parametrize(
    "args", [(), (".",), ("features",), ("features/world.feature",), ("features", "tests")]
)
def test_the_configured_folder_is_collected_wherever_pytest_walks_it(project, args):
    project.write("pyproject.toml", CONFIGURED)
    project.write("tests/test_x.py", "def test_x(): pass\n")
    outcome = {"passed": 2} if args in ((), (".",), ("features", "tests")) else {"passed": 1}
    project.run(*args).assert_outcomes(**outcome)


def test_testpaths_that_leave_the_features_out_are_obeyed(project):
    project.write("pyproject.toml", CONFIGURED)
    project.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    project.write("tests/test_x.py", "def test_x(): pass\n")
    project.run().assert_outcomes(passed=1)
    project.run("features").assert_outcomes(passed=1)


def test_a_folder_that_is_not_configured_is_left_alone(project):
    project.write("pyproject.toml", CONFIGURED)
    project.write("vendor/features/v.feature", SECOND)
    project.run("vendor", "features").assert_outcomes(passed=1)
    project.run("vendor/features/v.feature").assert_outcomes(passed=2)


def test_an_empty_table_means_the_folder_called_features(project):
    project.write("pyproject.toml", "[tool.rollproof]\n")
    project.run().assert_outcomes(passed=1)


def test_ignored_files_stay_ignored(project):
    project.write("pyproject.toml", CONFIGURED)
    project.write("features/second.feature", SECOND)
    project.run("--ignore=features/second.feature").assert_outcomes(passed=1)


def test_scenarios_that_a_test_module_binds_run_once(project):
    project.write("pyproject.toml", CONFIGURED)
    project.write("tests/test_world.py", BOUND)
    result = project.run("-v")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["tests/test_world.py::test_it_turns*"])
    result.stdout.no_fnmatch_line("features/world.feature::*PASSED*")


def test_scenarios_that_a_test_module_leaves_out_still_run(project):
    project.write("pyproject.toml", CONFIGURED)
    project.write("features/second.feature", SECOND)
    project.write(
        "tests/test_second.py",
        """
        from pytest_bdd import scenario

        @scenario("../features/second.feature", "First of two")
        def test_by_hand():
            pass
        """,
    )
    result = project.run("-v")
    ids = sorted(line.split(" ")[0] for line in result.outlines if "PASSED" in line)
    assert ids == [
        "features/second.feature::test_second_of_two",
        "features/world.feature::test_it_turns",
        "tests/test_second.py::test_by_hand",
    ]


def test_a_link_to_a_bound_file_is_the_same_file(project):
    (project.root / "linked").symlink_to("features")
    project.write("pyproject.toml", CONFIGURED)
    project.write("tests/test_world.py", BOUND.replace("../features", "../linked"))
    project.run("tests", "features").assert_outcomes(passed=1, deselected=1)


def test_a_choice_that_drops_the_bound_test_keeps_the_collected_one(project):
    project.write("pyproject.toml", CONFIGURED)
    project.write("tests/test_world.py", BOUND)
    result = project.run("-v", "-k", "world.feature and not test_world.py")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["features/world.feature::test_it_turns*"])


def test_an_explicit_file_beside_the_module_that_binds_it_runs_once(project):
    project.write("tests/test_world.py", BOUND)
    project.run("tests", "features/world.feature").assert_outcomes(passed=1, deselected=1)
    project.run_apart("-n", "2", "tests", "features/world.feature").assert_outcomes(passed=1)


def test_what_pytest_bdd_itself_keeps_of_a_file_is_left_as_it_was(project):
    twice = "Feature: f\n  Scenario: s\n    When it breaks\n  Scenario: s\n    When it turns\n"
    project.write("features/twice.feature", twice)
    project.write(
        "tests/test_a.py", 'from pytest_bdd import scenarios\nscenarios("../features/twice.feature")\n'
    )
    project.run("features/twice.feature", "tests").assert_outcomes(passed=1, failed=1, deselected=1)


def test_without_pytest_bdd_a_feature_file_says_what_is_missing(project):
    project.write("conftest.py", "")
    result = project.run_apart("-p", "no:pytest-bdd", "features/world.feature")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["features/world.feature: feature files need the plugin pytest-bdd"])


def test_generating_missing_steps_still_works(project):
    project.write("tests/test_world.py", BOUND)
    result = project.run("--generate-missing", "--feature", "features/world.feature", "tests")
    result.stdout.fnmatch_lines(["*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
