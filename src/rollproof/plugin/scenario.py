"""A scenario as a drill: the fixture `drill`, the steps on record, the end that heals and judges."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from rollproof.errors import NotProvenHere, RollproofError, ScenarioSkipped
from rollproof.plugin.collector import shown_path, template_of
from rollproof.plugin.options import settings
from rollproof.plugin.session import drill_session
from rollproof.plugin.systems import FIXTURE

if TYPE_CHECKING:
    from pytest_bdd.parser import Feature, Scenario, Step

    from rollproof.drill.drill import Drill
    from rollproof.journal import Event
    from rollproof.model.json import Json
    from rollproof.model.system import System
    from rollproof.model.verdict import Outcome

_DRILL = pytest.StashKey["Drill"]()
_STEP: pytest.StashKey[Event] = pytest.StashKey()
_OUTCOMES = pytest.StashKey["list[Outcome]"]()
_NOT_APPLICABLE = "not applicable: "


@pytest.fixture
def drill(request: pytest.FixtureRequest, rollproof_system: System) -> Drill:
    """The drill of this scenario on this system; healed and concluded when the test ends."""
    return _drill_of(request.node, rollproof_system)


def _drill_of(item: pytest.Item, system: System) -> Drill:
    if _DRILL not in item.stash:
        hooked = item.ihook.pytest_rollproof_interventions(item=item)
        interventions = [intervention for some in hooked for intervention in some]
        session = drill_session(item.config)
        item.stash[_DRILL] = session.drill(
            item.nodeid, system, about=_about(item), interventions=interventions
        )
    return item.stash[_DRILL]


def drill_of(item: pytest.Item) -> Drill | None:
    """The drill of a test, once it has begun; None before, and for a test that is none."""
    return item.stash.get(_DRILL, None)


def _about(item: pytest.Item) -> dict[str, Json]:
    template = template_of(getattr(item, "function", None))
    if template is None:
        return {
            "feature": "",
            "name": item.name,
            "tags": [],
            "file": item.nodeid.partition("::")[0],
            "line": 0,
        }
    return {
        "feature": template.feature.name,
        "name": _title(item, template.name),
        "tags": sorted(template.tags | template.feature.tags),
        "file": shown_path(item.config, Path(template.feature.filename)),
        "line": template.line_number,
    }


def _title(item: pytest.Item, name: str) -> str:
    """The scenario's title, with the values of its row of Examples filled in."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    example = params.get("_pytest_bdd_example")
    for placeholder, value in example.items() if isinstance(example, dict) else ():
        name = name.replace(f"<{placeholder}>", str(value))
    return name


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_before_scenario(request: pytest.FixtureRequest, feature: Feature, scenario: Scenario) -> None:
    """Begin the drill before the first step, so that every step is on record."""
    if FIXTURE in request.fixturenames:
        request.getfixturevalue("drill")


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    drill = request.node.stash.get(_DRILL, None)
    if drill is not None:
        said = {"name": f"{step.keyword} {step.name}", "kind": step.type, "line": step.line_number}
        request.node.stash[_STEP] = drill.recorder.begin("step", said)


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_after_step(request: pytest.FixtureRequest, step: Step) -> None:
    _close_step(request.node, None)


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_step_error(request: pytest.FixtureRequest, step: Step, exception: Exception) -> None:
    _close_step(request.node, exception)


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, step: Step) -> None:
    drill = request.node.stash.get(_DRILL, None)
    if drill is not None:
        drill.recorder.note(
            "step.undefined", {"name": f"{step.keyword} {step.name}", "line": step.line_number}
        )


def _close_step(item: pytest.Item, error: BaseException | None) -> None:
    from rollproof.journal import Kind

    begun = item.stash.get(_STEP, None)
    if begun is None:
        return
    del item.stash[_STEP]
    if error is None:
        item.stash[_DRILL].recorder.close(begun, Kind.OK, {})
    else:
        found = error.found if isinstance(error, RollproofError) else type(error).__name__
        item.stash[_DRILL].recorder.close(begun, Kind.FAIL, {"found": found})


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Conclude the drill whatever happened, and turn its outcome into pytest's words."""
    try:
        result = yield
    except BaseException as error:
        if _DRILL not in pyfuncitem.stash:
            if isinstance(error, RollproofError) and not isinstance(error, ScenarioSkipped):
                raise _failure(pyfuncitem, str(error), error) from None
            raise
        _conclude_after(pyfuncitem, error)
        raise
    if _DRILL in pyfuncitem.stash:
        _end(pyfuncitem, *_concluded(pyfuncitem))
    return result


def _concluded(
    item: pytest.Function, skipped: Outcome | None = None, reason: str = ""
) -> tuple[Outcome, str]:
    from rollproof.model.verdict import Outcome

    try:
        outcome, why = item.stash[_DRILL].conclude(skipped=skipped, reason=reason)
    except RollproofError as error:  # its journal takes no more
        outcome, why = Outcome.UNKNOWN, f"the scenario could not be concluded: {error}"
    item.config.stash.setdefault(_OUTCOMES, []).append(outcome)
    return outcome, why


def _conclude_after(item: pytest.Function, error: BaseException) -> None:
    """The scenario ended early. Raises what pytest shall see, or returns to let `error` go on."""
    from rollproof.model.verdict import Outcome

    drill = item.stash[_DRILL]
    if isinstance(error, ScenarioSkipped):
        wanted = Outcome.NOT_PROVEN_HERE if isinstance(error, NotProvenHere) else Outcome.NOT_APPLICABLE
        outcome, why = _concluded(item, wanted, error.found)
        if not outcome.skipped:
            _end(item, outcome, why)
        return
    drill.failure = error.found if isinstance(error, RollproofError) else _say(error)
    outcome, why = _concluded(item)
    if isinstance(error, RollproofError):
        nothing_new = outcome.value in why or why == drill.failure or error.found in why
        message = str(error) if nothing_new else f"{error}\n  {outcome}: {why}"
        raise _failure(item, message, error) from None


def _say(error: BaseException) -> str:
    from rollproof.drill.aborting import Aborted

    if isinstance(error, Aborted):
        return error.found
    return f"the scenario was ended by {type(error).__name__}"


def _end(item: pytest.Function, outcome: Outcome, why: str) -> None:
    drill = item.stash[_DRILL]
    if item.ihook.pytest_rollproof_concluded(item=item, drill=drill, outcome=outcome, reason=why):
        return
    if not outcome.passes:
        raise pytest.fail.Exception(_explain(drill, outcome, why), pytrace=False)


def _explain(drill: Drill, outcome: Outcome, why: str) -> str:
    lines = [f"{outcome.value}: {why}"]
    for act, error in drill.failed.items():
        lines.append(f"  failed   {act}: {indent(str(error), ' ' * 11).lstrip()}")
    for check, verdict in drill.verdicts:
        if not verdict.outcome.passes:
            lines.append(f"  {verdict.outcome.value:8} {check.title}: {verdict.reason}")
            lines += [f"           - {finding}" for finding in verdict.findings[:10]]
    return "\n".join(lines)


def _failure(item: pytest.Item, message: str, error: BaseException) -> BaseException:
    return error if item.config.option.tbstyle == "long" else pytest.fail.Exception(message, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A scenario that is skipped before it begins is on record as well: it was chosen."""
    report = yield
    if call.when == "setup" and report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        known = reason.startswith(_NOT_APPLICABLE)
        if hasattr(item, "callspec") and (known or FIXTURE in getattr(item, "fixturenames", ())):
            said = reason.removeprefix(_NOT_APPLICABLE) if known else f"skipped by the project: {reason}"
            _record_not_applicable(item, said)
    return report


def _record_not_applicable(item: pytest.Item, reason: str) -> None:
    from rollproof.model.verdict import Outcome

    system = item.callspec.params.get(FIXTURE)  # type: ignore[attr-defined]  # looked at by the caller
    if system is None or not settings(item.config).in_use:
        return
    drill = _drill_of(item, system)
    drill.conclude(skipped=Outcome.NOT_APPLICABLE, reason=reason)
    item.config.stash.setdefault(_OUTCOMES, []).append(Outcome.NOT_APPLICABLE)


def run_outcome(config: pytest.Config) -> str:
    """The run's outcome in one word: the worst of its scenarios that claimed something."""
    from rollproof.model.verdict import worst

    return worst(outcome for outcome in config.stash.get(_OUTCOMES, []) if not outcome.skipped).value
