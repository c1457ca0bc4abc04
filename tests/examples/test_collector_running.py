"""Running feature files the way pytest runs everything else."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TWO = """
@planet
Feature: Two
  @quick
  Scenario: It turns
    When it turns
    Then it is fine

  @slow
  Scenario: It breaks
    When it breaks
"""


def test_a_feature_file_runs_when_it_is_named(project):
    project.run("features/world.feature").assert_outcomes(passed=1)


def test_a_failing_step_fails_the_test_and_shows_the_step_not_the_machinery(project):
    project.write("features/two.feature", TWO)
    result = project.run("features/two.feature")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*RuntimeError: it broke*"])
    result.stdout.no_fnmatch_line("*pytest_bdd/scenario.py*")
    result.stdout.no_fnmatch_line("*_pytest/fixtures.py*")
    result.stdout.no_fnmatch_line("*rollproof/plugin*")


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [
        (("-k", "turns"), {"passed": 1, "deselected": 1}),
        (("-k", "two.feature and not turns"), {"failed": 1, "deselected": 1}),
        (("-k", "slow"), {"failed": 1, "deselected": 1}),
        (("-m", "quick"), {"passed": 1, "deselected": 1}),
        (("-m", "planet and not slow"), {"passed": 1, "deselected": 1}),
        (("-m", "planet"), {"passed": 1, "failed": 1}),
    ],
)
def test_k_and_m_choose_by_name_and_tag(project, choice, outcome):
    project.write("features/two.feature", TWO)
    project.run("features/two.feature", *choice).assert_outcomes(**outcome)


def test_tags_of_every_shape_are_markers_under_strict_markers(project):
    project.write(
        "features/tags.feature",
        """
        @issue:42 @owner(platform) @JIRA-7 @über
        Feature: Tags
          @a.b
          Rule: r
            @never_registered
            Scenario Outline: It turns
              Then it turned <n> times
              @in_examples @x:y
              Examples:
                | n |
                | 1 |
        """,
    )
    marks = ("-m", "never_registered and a.b and in_examples and JIRA-7 and über")
    project.run_apart("features/tags.feature", *marks, "-k", "issue:42 and x:y").assert_outcomes(passed=1)


def test_m_may_name_a_tag_of_a_feature_that_is_not_collected(project):
    project.write("pyproject.toml", "[tool.rollproof]\n")
    project.write("features/two.feature", TWO)
    project.run_apart("features/world.feature", "-m", "not slow and not stack").assert_outcomes(passed=1)


def test_printed_node_ids_can_be_pasted_back(project):
    project.write("features/two.feature", TWO)
    project.write(
        "features/sub/outline.feature",
        """
        Feature: Outline
          Scenario Outline: It turned <n> (<why>)
            Then it turned <n> times
            Examples:
              | n | why           |
              | 1 | a b           |
              | 2 | c::d/e.feature |
              | 3 | [x]           |
              | 4 | ção           |
              | 5 |               |
        """,
    )
    listed = project.run("--collect-only", "-q", "features/two.feature", "features/sub/outline.feature")
    ids = [line for line in listed.outlines if "::" in line]
    assert len(ids) == 7
    for node_id in ids:
        result = project.run(node_id, "-q")
        assert sum(result.parseoutcomes().values()) == 1, node_id


def test_ids_name_scenario_and_example_values(project):
    project.write(
        "features/o.feature",
        """
        Feature: Outline
          Scenario Outline: It turned
            Then it turned <n> times
            Examples:
              | n | place |
              | 1 | here  |
              | 1 | here  |
        """,
    )
    listed = project.run("--collect-only", "-q", "features/o.feature")
    ids = [line for line in listed.outlines if "::" in line]
    assert [node_id.rstrip("01]") for node_id in ids] == ["features/o.feature::test_it_turned[1-here"] * 2
    assert len(set(ids)) == 2


def test_collect_only_shows_the_file_and_its_scenarios_and_runs_nothing(project):
    result = project.run("features/world.feature", "--collect-only")
    result.stdout.fnmatch_lines(["*<FeatureFile world.feature>*", "*<Function test_it_turns>*"])


def test_verbose_lines_name_the_feature_file_alone(project):
    result = project.run("features/world.feature", "-v")
    result.stdout.fnmatch_lines(["features/world.feature::test_it_turns PASSED*"])


def test_last_failed_runs_only_what_failed(project):
    project.write("features/two.feature", TWO)
    project.run("features/two.feature", "features/world.feature").assert_outcomes(passed=2, failed=1)
    project.run("features/two.feature", "features/world.feature", "--lf").assert_outcomes(failed=1)
    result = project.run("features/two.feature", "features/world.feature", "--ff", "-v")
    first = next(line for line in result.outlines if "::" in line)
    assert "test_it_breaks" in first


def test_it_runs_without_the_cache_plugin(project):
    project.run("features/world.feature", "-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_it_runs_in_every_import_mode(project, mode):
    project.run_apart("features/world.feature", f"--import-mode={mode}").assert_outcomes(passed=1)


def test_xdist_workers_agree_on_ids_and_order(project):
    tags = " ".join(f"@tag{number}" for number in range(20))
    project.write("features/two.feature", f"{tags}\n{TWO.lstrip()}")
    for name in ("a", "b"):
        project.write(f"features/{name}.feature", TWO.replace("Feature: Two", "Feature: Same title"))
    files = [f"features/{name}.feature" for name in ("two", "world", "b", "a")]
    result = project.run_apart("-n", "2", *files)
    result.assert_outcomes(passed=4, failed=3)
    result.stdout.no_fnmatch_line("*Different tests were collected*")


def test_it_runs_from_another_folder(project, monkeypatch):
    elsewhere = project.write("elsewhere/deep/.keep", "").parent
    monkeypatch.chdir(elsewhere)
    result = project.run("../../features/world.feature", "-v")
    result.assert_outcomes(passed=1)


def test_it_runs_with_its_rootdir_elsewhere(project, tmp_path):
    result = project.run_apart("features/world.feature", "--rootdir", str(tmp_path), "-v")
    result.assert_outcomes(passed=1)


def test_an_absolute_path_and_a_link_to_the_file_work(project):
    (project.root / "linked.feature").symlink_to("features/world.feature")
    project.run(str(project.root / "features/world.feature")).assert_outcomes(passed=1)
    project.run("linked.feature").assert_outcomes(passed=1)


def test_settings_for_python_tests_do_not_hide_scenarios(project):
    project.write(
        "pytest.ini",
        "[pytest]\npython_functions = check_*\npython_files = check_*.py\ncollect_imported_tests = false\n",
    )
    project.run("features/world.feature").assert_outcomes(passed=1)


def test_naming_a_file_and_its_folder_runs_it_once(project):
    project.run("features/world.feature", ".").assert_outcomes(passed=1)


def test_a_feature_file_that_is_not_there_is_a_usage_error(project):
    result = project.run("features/nowhere.feature")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: file or directory not found: features/nowhere.feature"])


def test_a_skip_tag_skips(project):
    project.write("features/s.feature", "Feature: s\n  @skip\n  Scenario: x\n    When it breaks\n")
    project.run("features/s.feature").assert_outcomes(skipped=1)


def test_junit_names_the_feature_file(project):
    project.run("features/world.feature", "--junitxml=out.xml").assert_outcomes(passed=1)
    assert 'name="test_it_turns"' in (project.root / "out.xml").read_text()
