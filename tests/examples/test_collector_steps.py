"""Where step definitions come from, which one wins, and what is said of a step without any."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys

import pytest

pytest_plugins = ["pytester"]

USES = """
Feature: Steps
  Scenario: One
    Given a phrase of the project
    When a thing is used
"""
MODULE = """
from pytest_bdd import given, parsers, when

@given("a phrase of the project")
def _(): print("FROM the steps folder")

@when(parsers.parse("a {{what}} is used"))
def _(what): print("{label}", what)
"""


@pytest.fixture
def own_phrases():
    """Phrases that the wheel ships, of every module in rollproof.steps."""
    package = importlib.import_module("rollproof.steps")
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(package.__path__, "rollproof.steps.")
    ]
    names = [name for module in modules for name in vars(module) if name.startswith("pytestbdd_stepdef_")]
    phrases = [name.split("_", 3)[2:] for name in names]
    plain = [(kind, text) for kind, text in phrases if kind == "given" and re.fullmatch(r"[\w ,-]+", text)]
    assert plain, "rollproof.steps ships no phrase without arguments"
    return plain


def test_phrases_that_rollproof_ships_are_known_everywhere(project, own_phrases):
    listing = project.run("features/world.feature", "--rollproof-steps").stdout.str()
    for _kind, text in own_phrases:
        assert f"  {text}  (" in listing


def test_the_projects_own_step_overrides_a_shipped_one(project, own_phrases):
    _kind, phrase = own_phrases[0]
    project.write(
        "conftest.py", f"from pytest_bdd import given\n@given({phrase!r})\ndef _(): print('MINE')\n"
    )
    project.write("features/f.feature", f"Feature: f\n  Scenario: s\n    Given {phrase}\n")
    result = project.run("features/f.feature", "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*MINE*"])


def test_an_overlapping_pattern_in_the_conftest_goes_before_a_shipped_phrase(project, own_phrases):
    _kind, phrase = own_phrases[0]
    project.write(
        "conftest.py",
        "from pytest_bdd import given, parsers\n"
        "@given(parsers.parse('{anything}'))\ndef _(anything): print('MINE', anything)\n",
    )
    project.write("features/f.feature", f"Feature: f\n  Scenario: s\n    Given {phrase}\n")
    result = project.run("features/f.feature", "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*MINE {phrase}*"])


def test_a_conftest_beside_the_features_goes_before_the_one_above(project):
    project.write(
        "features/conftest.py", "from pytest_bdd import when\n@when('it turns')\ndef _(): print('NEAR')\n"
    )
    result = project.run("features/world.feature", "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*NEAR*"])


@pytest.mark.parametrize("place", ["steps", "features/steps", "steps/deep/er"])
def test_a_steps_folder_beside_the_features_is_found(project, place):
    project.write(f"{place}/things.py", MODULE.format(label="FOUND"))
    project.write("features/f.feature", USES)
    result = project.run("features/f.feature", "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*FOUND thing*"])


def test_modules_of_a_steps_folder_import_each_other(project):
    project.write("steps/__init__.py", "")
    project.write("steps/words.py", "LABEL = 'SHARED'\n")
    body = MODULE.format(label="x").replace('"x"', "LABEL")
    project.write("steps/things.py", f"from .words import LABEL\n{body}")
    project.write("features/f.feature", USES)
    project.run("features/f.feature", "-s").stdout.fnmatch_lines(["*SHARED thing*"])


def test_a_steps_folder_may_import_the_project_itself(project):
    project.write("myapp.py", "LABEL = 'APP'\n")
    body = MODULE.format(label="x").replace('"x"', "LABEL")
    project.write("steps/things.py", f"from myapp import LABEL\nfrom steps import things as itself\n{body}")
    project.write("features/f.feature", USES)
    project.run_apart("features/f.feature", "-s").stdout.fnmatch_lines(["*APP thing*"])


def test_asserts_in_a_steps_folder_are_explained(project):
    project.write(
        "steps/things.py",
        "from pytest_bdd import given\n@given('x')\ndef _():\n    a = 1\n    assert a == 2\n",
    )
    project.write("features/f.feature", "Feature: f\n  Scenario: s\n    Given x\n")
    project.run("features/f.feature").stdout.fnmatch_lines(["*assert 1 == 2*"])


def test_the_conftest_goes_before_the_steps_folder(project):
    project.write("steps/things.py", MODULE.format(label="FOLDER"))
    project.write("conftest.py", MODULE.format(label="CONFTEST"))
    project.write("features/f.feature", USES)
    result = project.run("features/f.feature", "-s")
    result.stdout.fnmatch_lines(["*CONFTEST thing*"])
    result.stdout.no_fnmatch_line("*FOLDER thing*")


def test_a_steps_folder_that_the_conftest_loads_itself_is_not_loaded_again(project):
    project.write("steps/__init__.py", "")
    project.write("steps/things.py", "print('LOADED')\n" + MODULE.format(label="ONCE"))
    project.write("conftest.py", "pytest_plugins = ['steps.things']\n")
    project.write("features/f.feature", USES)
    result = project.pytester.run(sys.executable, "-m", "pytest", "-s", "features/f.feature")
    result.assert_outcomes(passed=1)
    assert result.stdout.str().count("LOADED") == 1


def test_a_folder_of_scripts_called_steps_is_not_run(project):
    project.write("steps/01_load.py", "raise SystemExit('a script was run')\n")
    project.write(
        "steps/02_pytest_bdd_is_only_named.py", "# pytest_bdd\nraise SystemExit('a script was run')\n"
    )
    project.run("features/world.feature").assert_outcomes(passed=1)


@pytest.mark.parametrize("entry", ["phrases", "phrases/things.py", "pack", "pack.phrases"])
def test_configured_modules_files_and_folders_are_found(project, entry):
    project.write("phrases/things.py", MODULE.format(label="NAMED"))
    project.write("pack/__init__.py", "")
    project.write("pack/phrases.py", MODULE.format(label="NAMED"))
    project.write("pyproject.toml", f'[tool.rollproof]\nsteps = ["{entry}"]\n')
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("features/f.feature", USES)
    project.run("features/f.feature", "-s").stdout.fnmatch_lines(["*NAMED thing*"])


def test_a_configured_module_that_is_not_there_is_a_usage_error(project):
    project.write("pyproject.toml", '[tool.rollproof]\nsteps = ["nowhere"]\n')
    result = project.run("features/world.feature")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: *pyproject.toml: *steps names 'nowhere', which is no folder, no file*"]
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "import pytest_bdd\nimport nowhere\n",
            "*things.py cannot be imported: ModuleNotFoundError: *nowhere*",
        ),
        (
            "import pytest_bdd\n\n1 / 0\n",
            "*things.py cannot be imported: ZeroDivisionError: division by zero",
        ),
        ("import pytest_bdd\ndef (:\n", "*things.py cannot be imported: SyntaxError: *things.py:2)"),
    ],
)
def test_a_broken_module_of_steps_is_one_error_where_scenarios_are_and_nowhere_else(project, body, message):
    project.write("pyproject.toml", "[tool.rollproof]\n")
    project.write("steps/things.py", body)
    project.write("tests/test_x.py", "def test_x(): pass\n")
    result = project.run("features")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*rollproof/plugin*")
    project.run("tests").assert_outcomes(passed=1)


def test_an_undefined_step_fails_with_its_line_a_suggestion_and_a_way_on(project):
    project.write(
        "features/f.feature",
        """
        Feature: f
          Scenario: s
            Given a world
            When it truns
            Then it is fine
        """,
    )
    result = project.run("features/f.feature")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "features/f.feature:4: undefined step: When it truns",
            "  did you mean: it turns",
            "  what to do: use a phrase that `pytest features/f.feature --rollproof-steps` lists,",
        ]
    )
    for noise in ("*Traceback*", "*StepDefinitionNotFoundError*", "*pytest_bdd/*", "*rollproof/plugin*"):
        result.stdout.no_fnmatch_line(noise)


def test_a_step_defined_for_another_keyword_is_undefined(project):
    project.write("features/f.feature", "Feature: f\n  Scenario: s\n    Given it turns\n")
    result = project.run("features/f.feature")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["features/f.feature:3: undefined step: Given it turns"])


def test_the_list_of_phrases_names_where_each_is_defined(project):
    result = project.run("features/world.feature", "--rollproof-steps")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["Given", "  a world  (conftest.py:3)", "When", "  it turns  (conftest.py:6)"]
    )
    assert "passed" not in result.stdout.str()


def test_nothing_of_rollproofs_is_loaded_where_nothing_asks_for_it(project):
    project.write(
        "test_plain.py",
        """
        import sys

        def test_nothing_heavy_was_imported():
            heavy = "rollproof.model rollproof.steps rollproof.drill pydantic psycopg pglast boto3".split()
            assert [name for name in heavy if name in sys.modules] == []
        """,
    )
    project.run_apart("test_plain.py").assert_outcomes(passed=1)
