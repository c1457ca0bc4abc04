"""JUnit XML: a test case a migration. Sound passes, unsound fails, what could not be tried is an error."""

# junitparser annotates only part of what it offers.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import io

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from rollproof.evidence.wording import printable, shorten
from rollproof.walk.model import Outcome, RevisionResult, WalkResult
from rollproof.walk.reports.plain import details
from rollproof.walk.wording import headline

_LONGEST = 20_000
"""Characters of one text; CI servers choke on more."""
_UNTRIED = (Outcome.ENVIRONMENT, Outcome.UP_FAILED)


def render_junit(result: WalkResult) -> bytes:
    """The walk as JUnit XML, UTF-8. What a baseline accepts is skipped, with its reason."""
    suite = TestSuite(f"migrations ({result.tool})")
    suite.add_property("where", printable(result.where))
    for name, value in result.facts.items():
        suite.add_property(name, printable(value))
    for one in result.migrations:
        suite.append(_case(one))
    if result.interrupted:
        case = TestCase("the whole history", classname="migrations")
        case.result = [Error("the walk was interrupted: what is missing here was not tried", "interrupted")]
        suite.append(case)
    suite.update_statistics()
    report = JUnitXml("rollproof migrations")
    report.add_testsuite(suite)
    report.update_statistics()
    body = io.BytesIO()
    report.write(body)
    return body.getvalue() + b"\n"


def _case(result: RevisionResult) -> TestCase:
    case = TestCase(printable(result.id), classname="migrations", time=sum(result.seconds.values()))
    if result.accepted:
        case.result = [Skipped(printable(f"{headline(result)}; accepted: {result.accepted}"))]
    elif not result.passes:
        fault = (Error if result.outcome in _UNTRIED else Failure)(headline(result), result.outcome.value)
        fault.text = shorten("\n".join(details(result)), _LONGEST)
        case.result = [fault]
    return case
