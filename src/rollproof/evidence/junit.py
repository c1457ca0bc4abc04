"""junit.xml for CI servers: proven passes, refuted fails, unknown is an error, the rest is skipped."""

# junitparser annotates only part of what it offers.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from rollproof.evidence.facts import CheckResult, RunSummary, ScenarioSummary
from rollproof.evidence.wording import one_line, printable, shorten
from rollproof.model.json import Json, canonical
from rollproof.model.verdict import Outcome

_LONGEST = 20_000
"""Characters of one text; CI servers choke on more."""


def render_junit(summary: RunSummary) -> bytes:
    """The run as JUnit XML, UTF-8. One test suite a feature, one test case a scenario and system.

    A run that did not finish, or whose evidence is damaged, gets a case of its own that is an
    error: a CI server must not show green what nobody can trust.
    """
    report = JUnitXml("rollproof")
    for feature in dict.fromkeys(one.feature for one in summary.scenarios):
        report.add_testsuite(_suite(summary, feature))
    if summary.problems:
        report.add_testsuite(_damage(summary))
    report.update_statistics()
    body = io.BytesIO()
    report.write(body)
    return body.getvalue() + b"\n"


def _suite(summary: RunSummary, feature: str) -> TestSuite:
    suite = TestSuite(_plain(feature) or "scenarios")
    mine = [one for one in summary.scenarios if one.feature == feature]
    suite.timestamp = min(one.started_at for one in mine).partition(".")[0]
    for name, value in _about(summary):
        suite.add_property(name, value)
    for scenario in mine:
        suite.append(_case(scenario))
    suite.update_statistics()
    return suite


def _about(summary: RunSummary) -> Iterator[tuple[str, str]]:
    yield "run", _plain(summary.facts.run)
    yield "environment", _plain(summary.facts.environment)
    yield "git", _plain(summary.facts.git)
    yield "outcome", summary.outcome.value
    for head in summary.heads:
        yield f"journal head {head.part}".strip(), _plain(head.hash)


def _case(scenario: ScenarioSummary) -> TestCase:
    system = f" [{scenario.system}]" if scenario.system else ""
    again = f" (attempt {scenario.attempt})" if scenario.attempt > 1 else ""
    case = TestCase(_plain(f"{scenario.name}{system}{again}"), _plain(scenario.file or scenario.feature))
    case.time = round(scenario.seconds, 3)
    case.append(_properties(scenario))
    if result := _result(scenario):
        case.result = [result]
    if out := "\n".join(_lines(scenario)):
        case.system_out = _plain(out)
    return case


def _properties(scenario: ScenarioSummary) -> Properties:
    found: dict[str, str] = {"outcome": scenario.outcome.value}
    if scenario.rto_seconds is not None:
        found["rto_seconds"] = f"{scenario.rto_seconds:.6f}"
    if scenario.rpo_seconds is not None:
        found["rpo_seconds"] = f"{scenario.rpo_seconds:.6f}"
    for check in scenario.checks:
        found |= {f"{check.check}.{name}": _say(value) for name, value in check.verdict.numbers.items()}
    properties = Properties()
    for name, text in found.items():
        properties.add_property(Property(_plain(name), _plain(text)))
    return properties


def _say(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _result(scenario: ScenarioSummary) -> FinalResult | None:
    kinds = {
        Outcome.REFUTED: Failure,
        Outcome.UNKNOWN: Error,
        Outcome.NOT_PROVEN_HERE: Skipped,
        Outcome.NOT_APPLICABLE: Skipped,
    }
    if scenario.outcome not in kinds:
        return None
    reason = f"{scenario.outcome.value}: {scenario.reason}" if scenario.reason else scenario.outcome.value
    result = kinds[scenario.outcome](_plain(one_line(reason, 500)), scenario.outcome.value)
    if against := _against(scenario.checks):
        result.text = _plain("\n".join(against))
    return result


def _against(checks: Sequence[CheckResult]) -> list[str]:
    """What speaks against the claims. Findings come from checks, which never put row values there."""
    told = [check for check in checks if not check.verdict.outcome.passes]
    return [line for check in told for line in (_heading(check), *_indented(check))]


def _lines(scenario: ScenarioSummary) -> Iterator[str]:
    for check in scenario.checks:
        yield _heading(check)
        yield from _indented(check)


def _heading(check: CheckResult) -> str:
    return f"{check.verdict.outcome.value}: {check.title}: {check.verdict.reason}"


def _indented(check: CheckResult) -> list[str]:
    return [f"  {line}" for line in check.verdict.findings]


def _damage(summary: RunSummary) -> TestSuite:
    case = TestCase("the run finished and its evidence is whole", "rollproof")
    result = Error(_plain(one_line(summary.problems[0], 500)), Outcome.UNKNOWN.value)
    result.text = _plain("\n".join(summary.problems))
    case.result = [result]
    suite = TestSuite("run")
    suite.append(case)
    suite.update_statistics()
    return suite


def _plain(text: str) -> str:
    """XML refuses most control characters in any form, so they are shown as escapes."""
    return shorten(printable(text), _LONGEST)
