"""A scenario runs once for each declared system that has the components which its tags name."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

DRILLING = """
import pytest
from pytest_bdd import given, parsers, then, when

@pytest.fixture
def use(rollproof_system):
    return rollproof_system

@given("a world")
def _(): pass

@when("a system is used")
def _(use): print("USED", use.name, *sorted(use.components))

@when(parsers.parse("{count:d} systems are used"))
def _(use, count): print("USED", use.name)

@then("it is asked for late")
def _(request): print("LATE", request.getfixturevalue("rollproof_system").name)
"""
TAGGED = """
@database
Feature: Tagged
  Scenario: Used
    When a system is used

  @smoke @quick
  Scenario: Both
    When a system is used
"""
UNTAGGED = """
Feature: Untagged
  Scenario: Used
    When a system is used

  Scenario: Not used
    Given a world
"""


INI = """
[pytest]
addopts = --strict-markers -p no:rollproof.plugin.session -p no:rollproof.plugin.scenario
filterwarnings = error
"""


@pytest.fixture
def drilled(empty_project):
    """A project whose steps use a system, without the rooms that would drill it."""
    empty_project.write("pytest.ini", INI)
    empty_project.write("conftest.py", DRILLING)
    empty_project.write("features/tagged.feature", TAGGED)
    empty_project.write("features/untagged.feature", UNTAGGED)
    return empty_project


def _ids(result):
    return [line.split(" ")[0] for line in result.outlines if "::" in line and "%]" in line]


def test_each_system_is_one_test_named_after_it(drilled):
    one, two = drilled.system("one", "database", "smoke"), drilled.system("two", "database", "smoke")
    result = drilled.run("features/tagged.feature", "-v", "--system", one, "--system", two)
    result.assert_outcomes(passed=4)
    assert sorted(_ids(result)) == [
        "features/tagged.feature::test_both[one]",
        "features/tagged.feature::test_both[two]",
        "features/tagged.feature::test_used[one]",
        "features/tagged.feature::test_used[two]",
    ]


def test_the_fixture_is_the_system_model(drilled):
    result = drilled.run(
        "features/tagged.feature", "-s", "--system", drilled.system("one", "database", "smoke")
    )
    result.stdout.fnmatch_lines(["*USED one database smoke*"])


def test_a_system_that_lacks_a_component_is_skipped_with_the_reason_at_the_scenarios_line(drilled):
    one, two = drilled.system("one", "database", "smoke"), drilled.system("two", "database")
    result = drilled.run("features/tagged.feature", "-rs", "--system", one, "--system", two)
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED [[]1[]] features/tagged.feature:7: not applicable: system two declares no smoke"]
    )


def test_several_missing_components_are_all_named(drilled):
    result = drilled.run("features/tagged.feature", "-rs", "--system", drilled.system("bare"))
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*not applicable: system bare declares no database, no smoke"])


def test_tags_of_rules_and_examples_count_too(drilled):
    drilled.write(
        "features/f.feature",
        """
        Feature: f
          @database
          Rule: r
            Scenario Outline: <n>
              When <n> systems are used
              Examples:
                | n |
                | 1 |
              @smoke
              Examples:
                | n |
                | 2 |
        """,
    )
    result = drilled.run("features/f.feature", "-v", "--system", drilled.system("one", "database"))
    result.assert_outcomes(passed=1, skipped=1)
    assert _ids(result) == ["features/f.feature::test_n[one-1]", "features/f.feature::test_n[one-2]"]


def test_a_scenario_without_component_tags_runs_for_all_systems_if_it_uses_one(drilled):
    one, two = drilled.system("one"), drilled.system("two", "database")
    result = drilled.run("features/untagged.feature", "-v", "--system", one, "--system", two)
    result.assert_outcomes(passed=3)
    assert sorted(_ids(result)) == [
        "features/untagged.feature::test_not_used",
        "features/untagged.feature::test_used[one]",
        "features/untagged.feature::test_used[two]",
    ]


def test_printed_ids_of_systems_can_be_pasted_back(drilled):
    one = drilled.system("one", "database", "smoke")
    node_id = "features/tagged.feature::test_used[one]"
    drilled.run(node_id, "--system", one).assert_outcomes(passed=1)
    drilled.run("features/tagged.feature", "-k", "one and both", "--system", one).assert_outcomes(
        passed=1, deselected=1
    )


def test_systems_of_the_table_are_used_without_options(drilled):
    drilled.write(
        "pyproject.toml", f'[tool.rollproof]\nsystems = ["{drilled.system("one", "database", "smoke")}"]\n'
    )
    drilled.run().assert_outcomes(passed=4)


def test_a_folder_with_a_system_file_is_a_system(drilled):
    drilled.system("one", "database", "smoke")
    drilled.run("features/tagged.feature", "--system", "systems/one").assert_outcomes(passed=2)


def test_scenarios_that_a_test_module_binds_run_for_each_system_too(drilled):
    drilled.write("test_bound.py", 'from pytest_bdd import scenarios\nscenarios("features/tagged.feature")\n')
    one, two = drilled.system("one", "database", "smoke"), drilled.system("two", "database")
    args = ("--system", one, "--system", two, "test_bound.py")
    drilled.run(*args).assert_outcomes(passed=3, skipped=1)


def test_a_plain_test_that_asks_for_the_system_runs_for_each(drilled):
    drilled.write("test_x.py", "def test_x(use): pass\ndef test_y(): pass\n")
    args = ("--system", drilled.system("one"), "--system", drilled.system("two"), "test_x.py")
    drilled.run(*args).assert_outcomes(passed=3)


def test_tags_that_name_components_are_plain_markers_where_a_module_binds_plain_scenarios(drilled):
    drilled.write("features/plain.feature", "@smoke @api\nFeature: p\n  Scenario: s\n    Given a world\n")
    drilled.write("test_bound.py", 'from pytest_bdd import scenarios\nscenarios("features/plain.feature")\n')
    drilled.write("pytest.ini", "[pytest]\nmarkers =\n  smoke\n  api\n")
    drilled.run("test_bound.py").assert_outcomes(passed=1)
    drilled.run("test_bound.py", "--system", drilled.system("one")).assert_outcomes(passed=1)


def test_a_test_may_choose_its_systems_itself(drilled):
    drilled.write(
        "test_x.py",
        """
        import pytest

        @pytest.mark.parametrize("rollproof_system", ["mine"], indirect=True)
        def test_x(rollproof_system):
            assert rollproof_system == "mine"
        """,
    )
    drilled.run("test_x.py").assert_outcomes(passed=1)
    drilled.run("test_x.py", "--system", drilled.system("one")).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (
            "tagged",
            "ERROR: features/tagged.feature:3: the scenario 'Used' needs a system, and no system is declared",
        ),
        ("untagged", "ERROR: features/untagged.feature:2: the scenario 'Used' needs a system, and no *"),
    ],
)
def test_without_a_system_a_scenario_that_needs_one_is_a_usage_error_with_a_remedy(drilled, feature, message):
    result = drilled.run(f"features/{feature}.feature")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message, "  what to do: name its system file with --system PATH*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_without_a_system_a_component_tag_on_a_collected_scenario_is_a_usage_error(drilled):
    drilled.write("features/f.feature", "@table\nFeature: f\n  Scenario: s\n    Given a world\n")
    result = drilled.run("features/f.feature")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: features/f.feature:3: *is tagged @table, a component of a system, and no*"]
    )


def test_without_a_system_what_is_not_chosen_needs_none(drilled):
    drilled.run("features/untagged.feature", "-k", "not_used").assert_outcomes(passed=1, deselected=1)
    drilled.run("features/untagged.feature::test_not_used").assert_outcomes(passed=1)


def test_a_wrong_system_file_is_one_usage_error_naming_its_line(drilled):
    path = drilled.system("one", "database")
    drilled.write(path, '[system]\nname = "one"\n[databse]\nmajor = 17\n')
    result = drilled.run("features/tagged.feature", "--system", path)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{path}:3: databse: unknown key; did you mean 'database'?*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert result.stderr.str().count("ERROR") == 1


def test_a_wrong_system_file_does_not_stop_tests_that_need_no_system(drilled):
    path = drilled.system("one")
    drilled.write(path, "nonsense\n")
    drilled.write("test_x.py", "def test_x(): pass\n")
    drilled.run("test_x.py", "--system", path).assert_outcomes(passed=1)


def test_usage_errors_end_a_run_of_several_workers_in_the_same_way(drilled):
    path = drilled.system("one")
    drilled.write(path, '[system]\nname = "one"\nwrong = 1\n')
    result = drilled.run_apart("-n", "2", "features/tagged.feature", "--system", path)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{path}:3: *wrong: unknown key*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_two_workers_share_the_systems(drilled):
    one, two = drilled.system("one", "database", "smoke"), drilled.system("two", "database")
    args = ("-n", "2", "features/tagged.feature", "--system", one, "--system", two)
    drilled.run_apart(*args).assert_outcomes(passed=3, skipped=1)


def test_two_systems_of_one_name_are_a_usage_error(drilled):
    path = drilled.system("one")
    copy = drilled.write("other/system.toml", (drilled.root / path).read_text())
    result = drilled.run("features/untagged.feature", "--system", path, "--system", str(copy))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: two systems are called 'one': *"])


def test_a_step_that_asks_for_the_system_only_as_it_runs_gets_the_only_one_there_is(drilled):
    drilled.write("features/f.feature", "Feature: f\n  Scenario: s\n    Then it is asked for late\n")
    one, two = drilled.system("one"), drilled.system("two")
    drilled.run("features/f.feature", "--system", one).assert_outcomes(passed=1)
    for systems, message in (
        ((), "*no system is declared*"),
        ((one, two), "*there are several systems (one, two)*"),
    ):
        args = [word for path in systems for word in ("--system", path)]
        result = drilled.run("features/f.feature", *args)
        assert result.ret != pytest.ExitCode.OK
        result.stdout.fnmatch_lines([message])


def test_the_fixture_belongs_to_the_scenario_before_its_first_step(drilled):
    drilled.write(
        "features/conftest.py",
        """
        def pytest_bdd_before_scenario(request):
            print("NAMES", "rollproof_system" in request.fixturenames)
        """,
    )
    one = drilled.system("one")
    result = drilled.run("features/untagged.feature", "-s", "--system", one)
    assert next(line for line in result.outlines if "NAMES" in line).endswith("NAMES True")


def test_an_overriding_step_that_uses_no_system_needs_none(drilled):
    drilled.write(
        "features/conftest.py", "from pytest_bdd import when\n@when('a system is used')\ndef _(): pass\n"
    )
    drilled.run("features/untagged.feature").assert_outcomes(passed=2)
