"""What a scenario's special endings become in pytest's words.

`NotApplicable` and `NotProvenHere`, raised in a step or a fixture, become skips that say why;
under strict settings "not proven here" fails. A step that nothing defines fails with its line and a
way on, and so does a scenario without steps: pytest-bdd would pass it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from rollproof.errors import NotProvenHere, ScenarioSkipped
from rollproof.plugin.collector import FeatureFile, template_of
from rollproof.plugin.options import settings
from rollproof.plugin.phrases import explain

if TYPE_CHECKING:
    from pytest_bdd.parser import Step

_FAILED_STEP = pytest.StashKey["Step"]()
_UNDEFINED_STEP = pytest.StashKey["Step"]()


class Skipped(pytest.skip.Exception):  # type: ignore[misc,name-defined]  # a name that pytest sets
    """A skip that is reported at the scenario's own line."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    __tracebackhide__ = True
    try:
        return (yield)
    except ScenarioSkipped as reason:
        raise _skipped(item, reason) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    __tracebackhide__ = True
    _refuse_without_steps(item)
    try:
        return (yield)
    except ScenarioSkipped as reason:
        raise _skipped(item, reason) from None
    except Exception as error:
        if isinstance(item.parent, FeatureFile):
            _refuse_undefined(item, error)
            _begin_at_step(item, error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Skipped):
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, f"Skipped: {call.excinfo.value.msg}")
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_step_error(request: pytest.FixtureRequest, step: Step) -> None:
    request.node.stash[_FAILED_STEP] = step


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, step: Step) -> None:
    """pytest-bdd raises its own error after this; in a feature file of ours, it becomes a clear one."""
    if isinstance(request.node.parent, FeatureFile):
        request.node.stash[_UNDEFINED_STEP] = step


def _skipped(item: pytest.Item, reason: ScenarioSkipped) -> BaseException:
    not_proven = isinstance(reason, NotProvenHere)
    said = f"{'not proven here' if not_proven else 'not applicable'}: {reason.found}"
    step = item.stash.get(_FAILED_STEP, None)
    at = f" (step: {step.keyword} {step.name})" if step is not None else ""
    if not_proven and settings(item.config).strict:
        remedy = f"\n  what to do: {reason.remedy}" if reason.remedy else ""
        return pytest.fail.Exception(f"{said}{at}{remedy}", pytrace=False)
    return Skipped(f"{said}{at}")


def _refuse_undefined(item: pytest.Item, error: Exception) -> None:
    step = item.stash.get(_UNDEFINED_STEP, None)
    if step is not None and type(error).__name__ == "StepDefinitionNotFoundError":
        raise pytest.fail.Exception(explain(item, step), pytrace=False) from None


def _begin_at_step(item: pytest.Item, error: Exception) -> None:
    """Leaves out the frames that led to the step: they are the same for every step there is."""
    if item.config.option.fulltrace:
        return
    frames = error.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_name == "call_fixture_func" and frames.tb_next is not None:
            error.__traceback__ = frames.tb_next
            return
        frames = frames.tb_next


def _refuse_without_steps(item: pytest.Item) -> None:
    if not isinstance(item.parent, FeatureFile):
        return
    template = template_of(getattr(item, "function", None))
    if template is not None and len(template.steps) == len(template.all_background_steps):
        where = f"{item.parent.shown}:{template.line_number}"
        hint = "a line that begins with no step keyword is taken for a description"
        pytest.fail(f"{where}: the scenario {template.name!r} has no steps\n  {hint}", pytrace=False)
