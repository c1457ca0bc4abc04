"""The command line and [tool.rollproof]."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SHOW = """
from rollproof.plugin.options import settings

def test_show(request):
    found = settings(request.config)
    root = str(found.root)
    print()
    for name in ("in_use", "systems", "features", "environment", "strict", "reports"):
        value = getattr(found, name)
        value = " ".join(map(str, value)) if isinstance(value, tuple) else value
        print(f"{name}={str(value).replace(root, 'ROOT')}")
"""


def _shown(project, *args):
    project.write("tests/test_show.py", SHOW)
    result = project.run("-s", *args, "tests/test_show.py")
    result.assert_outcomes(passed=1)
    return dict(line.split("=", 1) for line in result.outlines if "=" in line and line[0].islower())


def test_without_anything_the_defaults_hold(project):
    assert _shown(project) == {
        "in_use": "False",
        "systems": "",
        "features": "",
        "environment": "embedded",
        "strict": "False",
        "reports": "ROOT/reports",
    }


def test_the_table_in_pyproject_is_read_relative_to_the_rootdir(project):
    project.system("one")
    project.write("bdd/.keep", "")
    project.write(
        "pyproject.toml",
        """
        [tool.rollproof]
        systems = ["systems/one/system.toml"]
        features = ["bdd"]
        environment = "containers"
        strict = true
        reports = "out/reports"
        """,
    )
    assert _shown(project, "--rootdir", str(project.root)) == {
        "in_use": "True",
        "systems": "ROOT/systems/one/system.toml",
        "features": "ROOT/bdd",
        "environment": "containers",
        "strict": "True",
        "reports": "ROOT/out/reports",
    }


def test_the_command_line_goes_before_the_table(project):
    one, two = project.system("one"), project.system("two")
    project.write("pyproject.toml", f'[tool.rollproof]\nsystems = ["{one}"]\nreports = "table"\n')
    shown = _shown(
        project, "--system", two, "--environment", "staging", "--reports", "line", "--rollproof-strict"
    )
    assert shown["systems"] == f"ROOT/{two}"
    assert (shown["environment"], shown["strict"], shown["reports"]) == ("staging", "True", "ROOT/line")


def test_system_may_be_repeated(project):
    one, two = project.system("one"), project.system("two")
    shown = _shown(project, f"--system={two}", "--system", one, "--rollproof-system", two)
    assert shown["systems"] == f"ROOT/{two} ROOT/{one}"


@pytest.mark.parametrize("ini", ["[pytest]\ntestpaths = tests\n"])
def test_a_value_given_apart_from_its_option_hides_no_conftest(project, ini):
    project.write("pytest.ini", ini)
    project.write("tests/conftest.py", "def pytest_addoption(parser): parser.addoption('--own')\n")
    project.write("tests/test_x.py", "def test_x(): pass\n")
    result = project.run("--system", project.system("one"), "--own", "x")
    result.assert_outcomes(passed=1)


def test_a_project_keeps_its_own_options_of_the_same_names(project):
    project.write(
        "conftest.py",
        """
        def pytest_addoption(parser):
            for name in ("--environment", "--system", "--reports"):
                parser.addoption(name, default="theirs")
        """,
    )
    project.write(
        "test_x.py",
        """
        def test_x(pytestconfig):
            assert pytestconfig.getoption("--environment") == "live"
            assert pytestconfig.getoption("--reports") == "theirs"
            assert pytestconfig.option.rollproof_environment == "staging"
        """,
    )
    result = project.run("--environment", "live", "--rollproof-environment", "staging", "test_x.py")
    result.assert_outcomes(passed=1)


def test_options_are_listed_in_the_help_once_each(project):
    listing = project.run("--help").stdout.str()
    for name in ("--system", "--environment", "--reports", "--rollproof-strict", "--rollproof-steps"):
        assert sum(line.strip().startswith((f"{name} ", f"{name}=")) for line in listing.splitlines()) == 1
    assert listing.count("--rollproof-system") == 1


WRONG = {
    "an unknown key": ('sytems = ["a"]', "*pyproject.toml:4: *sytems: unknown key; did you mean 'systems'?*"),
    "a text for a list": ('systems = "a"', "*pyproject.toml:4: *systems: found 'a', expected *"),
    "an unknown environment": (
        'environment = "moon"',
        "*pyproject.toml:4: *environment: found 'moon', expected *'embedded'*",
    ),
    "a word for a switch": ('strict = "yes"', "*pyproject.toml:4: *strict: found 'yes', expected *"),
    "a folder that is not there": ('features = ["nowhere"]', "*pyproject.toml:4: *features[[]0]*'nowhere'*"),
    "a system file that is not there": (
        'systems = ["nowhere"]',
        "*pyproject.toml:4: *systems[[]0]*'nowhere'*",
    ),
    "no TOML": ("strict = yes", "*pyproject.toml*line 4*"),
}


@pytest.mark.parametrize(("line", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_table_is_one_usage_error(project, line, message):
    project.write("pyproject.toml", f"[project]\nname = 'x'\n[tool.rollproof]\n{line}\n")
    result = project.run("features")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert "Traceback" not in result.stderr.str()


def test_a_broken_table_is_told_even_where_pytest_reads_another_file(project):
    project.write("pyproject.toml", "[tool.rollproof]\nstrict = yes\n")
    result = project.run("-c", "pytest.ini", "features")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *pyproject.toml:2:*not valid TOML*"])


def test_a_broken_pyproject_without_our_table_is_none_of_our_business(project):
    project.write("pyproject.toml", "[project\nname = 'rollproof-user'\n")
    project.run("-c", "pytest.ini", "features/world.feature").assert_outcomes(passed=1)


@pytest.mark.parametrize("args", [("--system", "nowhere.toml"), ("--environment", "moon")])
def test_a_wrong_option_is_a_usage_error(project, args):
    result = project.run("features/world.feature", *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stderr.str()
    assert args[1] in result.stderr.str()
