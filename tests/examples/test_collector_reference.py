"""docs/reference/pytest.md says what is so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from rollproof.model.systemfile import Settings
from rollproof.plugin.options import COMPONENTS

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs/reference/pytest.md").read_text(encoding="utf-8")


def test_every_option_is_described_and_every_described_option_exists(project):
    listing = project.run("--help").stdout.str()
    group = listing.partition("rehearsing rollbacks")[2].partition("\n\n")[0]
    ours = set(re.findall(r"--[a-z-]+", group))
    described = set(re.findall(r"--(?:rollproof-[a-z]+(?:-[a-z]+)*|system|environment|reports)", PAGE))
    assert {"--system", "--rollproof-strict"} <= ours
    assert ours == described


def test_every_key_of_the_table_is_described_and_the_example_is_sound():
    example = tomllib.loads(PAGE.partition("```toml\n")[2].partition("```")[0])["tool"]["rollproof"]
    assert set(example) == set(Settings.model_fields) - {"source"}
    Settings.model_validate_json(json.dumps(example))


def test_the_tags_that_name_components_are_the_ones_listed():
    listed = PAGE.partition("These tags name a component of a system:")[2].partition("\n\n")[0]
    assert set(re.findall(r"@([a-z]+)", listed)) == COMPONENTS


def test_the_undefined_step_shown_is_what_is_said(project):
    shown = PAGE.partition("```text\n")[2].partition("```")[0]
    line, step = re.search(r":(\d+): undefined step: (.*)", shown).groups()
    body = ["Feature: f", "  Scenario: s", *["    # the steps before"] * (int(line) - 3), f"    {step}"]
    project.write("features/migration.feature", "\n".join(body) + "\n")
    near = re.search("did you mean: (.*)", shown)[1]
    project.write("conftest.py", f"from pytest_bdd import when\n@when({near!r})\ndef _(): pass\n")
    said = project.run("features/migration.feature").stdout.str()
    assert shown.splitlines()[0] in said
    assert shown.splitlines()[-1] in said


@pytest.mark.parametrize(
    "args",
    [
        ("features/world.feature", "-k", "turns"),
        ("features/world.feature::test_it_turns",),
        ("features/world.feature", "-m", "not stack"),
    ],
)
def test_a_features_folder_that_is_a_package_works_too(project, args):
    project.write("features/__init__.py", "")
    project.run(*args).assert_outcomes(passed=1)
