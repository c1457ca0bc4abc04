"""Reading a feature file so that nothing in it goes missing and every mistake has its line."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gherkin.dialect import Dialect
from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.parser import Feature, FeatureParser, ScenarioTemplate

from rollproof.errors import BadInput

if TYPE_CHECKING:
    from pytest_bdd.parser import Rule

_EXPECTED = {
    "#FeatureLine": "a Feature",
    "#RuleLine": "a Rule",
    "#BackgroundLine": "a Background",
    "#ScenarioLine": "a Scenario",
    "#ExamplesLine": "Examples",
    "#StepLine": "a step",
    "#TableRow": "a table row",
    "#DocStringSeparator": "a doc string",
    "#TagLine": "a tag",
}
_PARSER_ERROR = re.compile(r"\(\d+:\d+\): (.*)")
_UNEXPECTED = re.compile(r"expected: (.*), got '(.*)'$", re.DOTALL)


class _Parser(FeatureParser):
    """Keeps scenarios that bear the same name; pytest-bdd's dictionary keeps only the last of them."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path.parent), path.name, "utf-8-sig")
        self.templates: list[ScenarioTemplate] = []

    def parse_scenario(
        self, scenario_data: Any, feature: Feature, rule: Rule | None = None
    ) -> ScenarioTemplate:
        template = super().parse_scenario(scenario_data, feature, rule)
        self.templates.append(template)
        return template


def read_feature(path: Path, *, shown: str) -> Feature:
    """The feature in a file, each scenario under a name of its own in `Feature.scenarios`.

    Args:
        shown: the path as messages show it.

    Raises:
        BadInput: unreadable, not UTF-8, not Gherkin, or without anything to run; with file and line.
    """
    parser = _Parser(path)
    feature = _parse(parser, path, shown)
    feature.scenarios = _each_under_its_own_name(parser.templates)
    _refuse_what_would_not_run(feature, shown)
    return feature


def tags_of(template: ScenarioTemplate) -> frozenset[str]:
    """Tags of a scenario, its rule and its feature; those of its Examples belong to single rows."""
    rule = template.rule.tags if template.rule else set()
    return frozenset(template.tags | template.feature.tags | rule)


def all_tags(feature: Feature) -> frozenset[str]:
    """Every tag in a feature file."""
    examples = (table.tags for template in feature.scenarios.values() for table in template.examples)
    return frozenset().union(*map(tags_of, feature.scenarios.values()), *examples)


def _parse(parser: _Parser, path: Path, shown: str) -> Feature:
    try:
        return parser.parse()
    except GherkinParseError as error:
        raise _syntax_error(error, shown) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        found = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise BadInput(found, where=f"{shown}:{line}", remedy="save the file as UTF-8") from None
    except OSError as error:
        raise BadInput(f"the file cannot be read: {error.strerror}", where=shown) from None
    except KeyError:
        raise _nothing("holds no Feature", f"{shown}:1") from None


def _syntax_error(error: GherkinParseError, shown: str) -> BadInput:
    cause = str(error.__cause__ or "")
    raw = _PARSER_ERROR.search(cause)
    found = _in_words(raw[1]) if raw else error.message
    return BadInput(f"not valid Gherkin: {found}", where=f"{shown}:{error.line}")


def _in_words(raw: str) -> str:
    unexpected = _UNEXPECTED.search(raw)
    if not unexpected:
        return raw
    expected = [_EXPECTED[token] for token in unexpected[1].split(", ") if token in _EXPECTED]
    return f"{unexpected[2]!r} is not expected here; expected {', '.join(expected) or 'the end of the file'}"


def _each_under_its_own_name(templates: Iterable[ScenarioTemplate]) -> OrderedDict[str, ScenarioTemplate]:
    kept, times = OrderedDict[str, ScenarioTemplate](), Counter[str]()
    for template in templates:
        name = template.name
        while name in kept:
            times[template.name] += 1
            name = f"{template.name} ({times[template.name] + 1})"
        kept[name] = template
    return kept


def _refuse_what_would_not_run(feature: Feature, shown: str) -> None:
    """What pytest-bdd would leave out, or run as if it were fine."""
    if not feature.scenarios:
        raise _nothing("holds no Scenario", f"{shown}:{feature.line_number}")
    dialect = Dialect.for_name(feature.language)
    outlines = dialect.scenario_outline_keywords if dialect else ()
    for template in feature.scenarios.values():
        where = f"{shown}:{template.line_number}"
        if template.keyword in outlines and not any(table.examples for table in template.examples):
            raise _nothing(f"the outline {template.name!r} has no rows of Examples", where)
    for tag in sorted(all_tags(feature)):
        if tag.startswith("_"):
            found = f"the tag @{tag} begins with an underscore, so it cannot be a pytest marker"
            raise BadInput(found, where=shown, remedy="rename the tag")


def _nothing(found: str, where: str) -> BadInput:
    return BadInput(found, where=where, remedy="write what it should rehearse, or delete it")
