"""Results for Allure: a scenario with its Gherkin steps, what was done in each, and its evidence attached.

allure-pytest shows no step of a feature file. Here is what a journal knows of them, as the classes of
allure-python-commons; the plugin puts it into what allure-pytest writes, `rollproof report` into files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import md5
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from rollproof.evidence.facts import ActResult, CheckResult, ScenarioSummary
from rollproof.evidence.standing.claims import is_critical
from rollproof.evidence.summary import attempts_of, summarise
from rollproof.evidence.verdicts import comparison_json
from rollproof.evidence.wording import one_line, printable, say_act, say_details
from rollproof.journal import History
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome

if TYPE_CHECKING:
    from allure_commons.model2 import Attachment, Label, TestResult, TestStepResult

FOLDER = "allure-results"
STATUS = {
    Outcome.PROVEN: "passed",
    Outcome.REFUTED: "failed",
    Outcome.UNKNOWN: "broken",
    Outcome.NOT_PROVEN_HERE: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}
"""Allure's words. Unknown is broken: Allure's own `unknown` is easily taken for harmless."""
_ENDED = {"ok": "passed", "fail": "failed"}
_MOST_EVENTS = 2_000
_LONGEST = 1_000
Attach = Callable[[str, bytes, str, str], "Attachment"]
"""Keeps a body: its name, the bytes, the file's ending and its media type."""


def render_allure(history: History) -> Iterator[tuple[str, bytes]]:
    """Files of a results folder, one result a scenario and attempt. The same journal gives the same bytes."""
    from allure_commons.model2 import TestResult
    from attr import asdict

    for part, one in zip(attempts_of(history), summarise(history).scenarios, strict=True):
        name = f"{part.events[0].run}\n{one.id}\n{one.attempt}"
        prefix = str(uuid5(NAMESPACE_URL, name.encode("utf-8", "backslashreplace").decode()))
        kept = _Kept(prefix)
        result = TestResult(uuid=prefix, fullName=_plain(one.id), testCaseId=_digest(one.id))
        result.historyId = result.testCaseId
        fill(result, one, part, kept)
        data = asdict(result, filter=lambda _, value: bool(value) or value is False)
        yield f"{FOLDER}/{prefix}-result.json", json.dumps(data, ensure_ascii=False).encode("utf-8")
        yield from kept.files


class _Kept:
    """Attachments as files beside the results."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.files: list[tuple[str, bytes]] = []

    def __call__(self, name: str, body: bytes, ending: str, kind: str) -> Attachment:
        from allure_commons.model2 import Attachment

        source = f"{self.prefix}-{len(self.files) + 1}-attachment.{ending}"
        self.files.append((f"{FOLDER}/{source}", body))
        return Attachment(name=name, source=source, type=kind)


def fill(result: TestResult, one: ScenarioSummary, history: History, attach: Attach) -> None:
    """Puts everything that is known of a scenario into a result; what others put there before stays."""
    from allure_commons.model2 import StatusDetails

    began = _milliseconds(one.started_at)
    result.name = _plain(f"{one.name} [{one.system}]" if one.system else one.name)
    result.status = STATUS[one.outcome]
    result.statusDetails = StatusDetails(message=_plain(f"{one.outcome.value}: {one.reason}", _LONGEST))
    result.start, result.stop = began, began + round(one.seconds * 1000)
    result.steps = [*_steps(one.steps, began), *_checks(one, began), *result.steps]
    result.attachments = [*result.attachments, *_attachments(one, history, attach)]
    suites = {label.name for label in result.labels} & {"suite", "parentSuite"}
    known = {(label.name, label.value) for label in result.labels}
    result.labels += [
        label for label in _labels(one) if (label.name, label.value) not in known and label.name not in suites
    ]


def _steps(acts: Sequence[ActResult], began: int) -> list[TestStepResult]:
    """Steps with the acts inside them."""
    from allure_commons.model2 import StatusDetails, TestStepResult

    steps = []
    for act in acts:
        start = began + round(act.started * 1000)
        step = TestStepResult(
            name=_plain(_name(act)),
            status=_status(act),
            start=start,
            stop=start + round((act.seconds or 0) * 1000),
            steps=_steps(act.acts, began),
        )
        if act.status != "ok":
            step.statusDetails = StatusDetails(
                message=_plain(str(act.data.get("found") or act.status), _LONGEST)
            )
        steps.append(step)
    return steps


def _name(act: ActResult) -> str:
    if act.act == "step":
        return str(act.data.get("name") or "step")
    return ", ".join([say_act(act.act, act.status), *say_details(act.data, act.status)])


def _status(act: ActResult) -> str:
    """What a step asked for counts, then how it ended; one that nobody saw the end of is broken."""
    ended = _ENDED.get(act.status, "broken")
    if act.verdict is None:
        return ended
    return STATUS[act.verdict] if ended == "passed" or act.verdict is not Outcome.PROVEN else ended


def _checks(one: ScenarioSummary, began: int) -> Iterator[TestStepResult]:
    """Each verdict as a step of its own, after the steps that asked for it."""
    from allure_commons.model2 import TestStepResult

    end = began + round(one.seconds * 1000)
    if one.checks:
        inside = [_check(check, end) for check in one.checks]
        worst = next(
            (name for name in ("failed", "broken") if any(s.status == name for s in inside)), "passed"
        )
        yield TestStepResult(name="Verdicts of the checks", status=worst, start=end, stop=end, steps=inside)


def _check(check: CheckResult, at: int) -> TestStepResult:
    from allure_commons.model2 import Parameter, StatusDetails, TestStepResult

    verdict = check.verdict
    lines = [verdict.reason, *verdict.findings[:50]]
    return TestStepResult(
        name=_plain(f"{verdict.outcome.value}: {check.title}"),
        status=STATUS[verdict.outcome],
        statusDetails=StatusDetails(message=_plain("\n".join(lines), 10 * _LONGEST)),
        start=at,
        stop=at,
        parameters=[Parameter(name="found", value=_plain(verdict.reason, _LONGEST))],
    )


def _attachments(one: ScenarioSummary, history: History, attach: Attach) -> Iterator[Attachment]:
    events = history.events[:_MOST_EVENTS]
    excerpt = b"".join(event.line() + b"\n" for event in events)
    yield attach("the journal of this scenario", excerpt, "ndjson", "application/x-ndjson")
    if one.comparisons:
        told: list[Json] = [dict(comparison_json(compared)) for compared in one.comparisons]
        body = json.dumps(told, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
        yield attach("what differs", body, "json", "application/json")


def _labels(one: ScenarioSummary) -> Iterator[Label]:
    from allure_commons.model2 import Label

    yield Label(name="outcome", value=one.outcome.value)
    yield Label(name="tag", value=one.outcome.value)
    yield Label(name="feature", value=_plain(one.feature or one.file))
    yield Label(name="suite", value=_plain(one.feature or one.file))
    if one.system:
        yield Label(name="parentSuite", value=_plain(one.system))
    critical = is_critical(one.tags, one.objectives.critical)
    yield Label(name="severity", value="critical" if critical else "normal")
    for tag in one.tags:
        yield Label(name="tag", value=_plain(tag))


def _milliseconds(stamp: str) -> int:
    try:
        return round(datetime.fromisoformat(stamp).timestamp() * 1000)
    except ValueError:
        return 0


def _plain(text: str, limit: int = 300) -> str:
    said = printable(text).encode("utf-8", "backslashreplace").decode()
    return one_line(said, limit) if limit <= 300 else said[:limit]


def _digest(text: str) -> str:
    return md5(text.encode("utf-8", "backslashreplace"), usedforsecurity=False).hexdigest()
