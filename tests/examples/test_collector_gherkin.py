"""Everything that Gherkin allows runs; everything else gets one error with its file and line."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

RECORDING = """
import pytest
from pytest_bdd import given, parsers, then, when

@pytest.fixture
def seen():
    return []

@given("a table")
def _(datatable, seen): seen.append(datatable)

@given("a text")
def _(docstring, seen): seen.append(docstring)

@given(parsers.parse("{count:d} worlds"))
def _(count, seen): seen.append(count)

@when("nothing happens")
def _(): pass

@then("it was seen")
def _(seen): print("SEEN", seen)
"""


def _seen(project, feature):
    project.write("conftest.py", RECORDING)
    project.write("features/f.feature", feature)
    result = project.run("features/f.feature", "-s")
    return result, [line.partition("SEEN ")[2] for line in result.outlines if "SEEN " in line]


def test_a_feature_in_portuguese_runs_under_its_own_words(project):
    project.write(
        "features/pt.feature",
        """
        # language: pt
        Funcionalidade: Migração
          Contexto:
            Dado a world
          Cenário: A migração é revertida
            Quando it turns
            Então it is fine
          Esquema do Cenário: Várias
            Quando it turns
            E it turns
            Então it turned <vezes> times
            Exemplos:
              | vezes |
              | 2     |
              | 3     |
        """,
    )
    result = project.run("features/pt.feature", "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["features/pt.feature::test_a_migração_é_revertida PASSED*"])


def test_backgrounds_of_feature_and_rule_run_before_each_scenario(project):
    result, seen = _seen(
        project,
        """
        Feature: Backgrounds
          Background:
            Given 1 worlds
          Scenario: outside
            Then it was seen
          Rule: inside
            Background:
              Given 2 worlds
            Scenario: inside
              Given 3 worlds
              Then it was seen
        """,
    )
    result.assert_outcomes(passed=2)
    assert seen == ["[1]", "[1, 2, 3]"]


def test_data_tables_and_doc_strings_reach_their_steps(project):
    result, seen = _seen(
        project,
        '''
        Feature: Arguments
          Scenario Outline: both
            Given a table
              | name | size   |
              | a    | <size> |
            And a text
              """
              two lines
                of <size>
              """
            Then it was seen
            Examples:
              | size |
              | big  |
        ''',
    )
    result.assert_outcomes(passed=1)
    assert seen == ["[[['name', 'size'], ['a', 'big']], 'two lines\\n  of big']"]


def test_each_row_of_each_examples_table_runs_with_its_own_tags(project):
    result, seen = _seen(
        project,
        """
        Feature: Rows
          Scenario Outline: worlds
            Given <count> worlds
            Then it was seen
            @few
            Examples:
              | count |
              | 1     |
              | 2     |
            @many
            Examples: more
              | count |
              | 100   |
        """,
    )
    result.assert_outcomes(passed=3)
    assert seen == ["[1]", "[2]", "[100]"]
    project.run("features/f.feature", "-m", "many").assert_outcomes(passed=1, deselected=2)


def test_a_name_used_twice_in_one_file_runs_both(project):
    project.write(
        "features/f.feature",
        """
        Feature: Twice
          Scenario: It turns
            When it breaks
          Scenario: It turns
            When it turns
          Rule: again
            Scenario: It turns
              When it turns
          Scenario: It turns (2)
            When it turns
        """,
    )
    result = project.run("features/f.feature", "-v")
    result.assert_outcomes(passed=3, failed=1)
    names = [
        line.split()[0].partition("::")[2] for line in result.outlines if "::test_" in line and "%" in line
    ]
    assert names == ["test_it_turns", "test_it_turns_2", "test_it_turns_3", "test_it_turns_2_2"]


def test_the_same_scenario_name_in_two_files_runs_both(project):
    project.write("features/other.feature", (project.root / "features/world.feature").read_text())
    project.write("more/world.feature", (project.root / "features/world.feature").read_text())
    files = ("features/world.feature", "features/other.feature", "more/world.feature")
    project.run(*files).assert_outcomes(passed=3)


def test_a_name_without_letters_runs(project):
    project.write(
        "features/f.feature", "Feature: f\n  Scenario: →\n    When it turns\n  Scenario:\n    When it turns\n"
    )
    project.run("features/f.feature").assert_outcomes(passed=2)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(project):
    text = "\ufeffFeature: f\r\n  Scenario: s\r\n    When it turns\r\n"
    project.write("features/f.feature", text.encode())
    project.run("features/f.feature").assert_outcomes(passed=1)


def test_comments_stars_and_but_are_steps_like_others(project):
    project.write(
        "features/f.feature",
        "Feature: f\n  # why\n  Scenario: s\n    Given a world\n    * a world\n    But a world\n",
    )
    project.run("features/f.feature").assert_outcomes(passed=1)


BROKEN = {
    "a misspelt keyword": (
        b"Feature: f\n  Scenario: s\n    Given a world\n    Wehn it turns\n",
        "features/f.feature:4: not valid Gherkin: 'Wehn it turns' is not expected here; expected *a step*",
    ),
    "no feature line": (
        b"Scenario: s\n  Given a world\n",
        "features/f.feature:1: not valid Gherkin: 'Scenario: s' is not expected here; expected *a Feature*",
    ),
    "an unknown language": (
        b"# language: xx\nFeature: f\n",
        "features/f.feature:1: not valid Gherkin: Language not supported: xx",
    ),
    "rows of unequal length": (
        b"Feature: f\n  Scenario Outline: s\n    Given <a>\n    Examples:\n      | a | b |\n      | 1 |\n",
        "features/f.feature:6: not valid Gherkin: inconsistent cell count within the table",
    ),
    "an open doc string": (
        b'Feature: f\n  Scenario: s\n    Given a world\n      """\n      x\n',
        "features/f.feature:6: not valid Gherkin: unexpected end of file*",
    ),
    "a first step that continues nothing": (
        b"Feature: f\n  Scenario: s\n    And a world\n",
        "features/f.feature:3: not valid Gherkin: First step in a scenario*And*",
    ),
    "another encoding": (
        "Feature: f\n  Scenario: migração\n".encode("latin-1"),
        "features/f.feature:2: byte 0xe7 is not UTF-8",
    ),
    "an empty file": (b"", "features/f.feature:1: holds no Feature"),
    "nothing but comments": (b"# Feature: f\n", "features/f.feature:1: holds no Feature"),
    "a feature without scenarios": (b"\n\nFeature: f\n", "features/f.feature:3: holds no Scenario"),
    "an outline without rows": (
        b"Feature: f\n  Scenario Outline: s\n    Given <a>\n    Examples:\n      | a |\n",
        "features/f.feature:2: the outline 's' has no rows of Examples",
    ),
    "an outline without examples": (
        b"# language: pt\nFuncionalidade: f\n  Esquema do Cen\xc3\xa1rio: s\n    Dado <a>\n",
        "features/f.feature:3: the outline 's' has no rows of Examples",
    ),
    "a tag that cannot be a marker": (
        b"@_wip\nFeature: f\n  Scenario: s\n    Given a world\n",
        "features/f.feature: the tag @_wip begins with an underscore*",
    ),
}


@pytest.mark.parametrize(("body", "message"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_run_is_one_error_with_its_line(project, body, message):
    project.write("features/f.feature", body)
    result = project.run("features/f.feature", "features/world.feature")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting features/f.feature*", message])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*rollproof/plugin*")
    result.stdout.no_fnmatch_line("*pytest_bdd/*")


def test_a_file_that_cannot_run_is_one_error_under_xdist_too(project):
    body, message = BROKEN["a misspelt keyword"]
    project.write("features/f.feature", body)
    result = project.run_apart("-n", "2", "features/f.feature")
    assert result.ret != pytest.ExitCode.OK
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_a_file_that_may_not_be_read_is_an_error(project):
    (project.root / "features/f.feature").symlink_to("f.feature")
    result = project.run("features/f.feature")
    assert result.ret != pytest.ExitCode.OK


@pytest.mark.parametrize("lines", ["", "    Givven a world\n"], ids=["nothing", "a description"])
def test_a_scenario_without_steps_fails(project, lines):
    project.write(
        "features/f.feature", f"Feature: f\n  Background:\n    Given a world\n  Scenario: s\n{lines}"
    )
    result = project.run("features/f.feature")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["features/f.feature:4: the scenario 's' has no steps"])
    result.stdout.no_fnmatch_line("*rollproof/plugin*")
