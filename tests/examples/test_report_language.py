"""Where the language of a run's reports is chosen."""

from __future__ import annotations

from typing import get_args

import pytest

from rollproof.model.language import Language
from rollproof.plugin.plans import LANGUAGES, about_reports

pytest_plugins = ["pytester"]
PLAN = """
[plan]
name = "small"
systems = ["system.toml"]
features = ["migration"]
[report]
language = "{}"
"""


def test_the_option_counts_before_the_plan_and_that_before_pyproject(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeini("[pytest]")
    pytester.makefile(".toml", small=PLAN.format("pt"))
    pytester.makefile(".toml", system='[system]\nname = "mini"\n')
    assert about_reports(pytester.parseconfig()) == {}
    pytester.makepyprojecttoml('[tool.rollproof]\nlanguage = "en"\n')
    assert about_reports(pytester.parseconfig()) == {"language": "en"}
    planned = "--rollproof-plan=small.toml"
    assert about_reports(pytester.parseconfig(planned)) == {"language": "pt-BR"}
    assert about_reports(pytester.parseconfig(planned, "--rollproof-language=en")) == {"language": "en"}


def test_the_option_knows_every_language() -> None:
    assert get_args(Language) == LANGUAGES
