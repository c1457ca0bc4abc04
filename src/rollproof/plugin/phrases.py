"""The phrases that a session knows: to list them, and to suggest one for a step that nothing defines."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rollproof.plugin.collector import FeatureFile, shown_path

if TYPE_CHECKING:
    from pytest_bdd.parser import Step

_KINDS = {"given": "Given", "when": "When", "then": "Then", "": "Given, When or Then"}


@dataclass(frozen=True, slots=True, order=True)
class Phrase:
    """A step definition. `kind` is `given`, `when` or `then`; an empty one fits all three."""

    kind: str
    text: str
    path: str
    line: int


def phrases(node: pytest.Item | pytest.Collector) -> Iterator[Phrase]:
    """The step definitions that scenarios under `node` can use, but for pytest-bdd's own `trace`."""
    import pytest_bdd
    from pytest_bdd.compat import get_fixture_names, getfixturedefs
    from pytest_bdd.steps import step_function_context_registry as known

    manager = node.session._fixturemanager
    for name in get_fixture_names(manager):
        for definition in getfixturedefs(manager, name, node) or ():
            context = known.get(definition.func)
            if context is not None and not context.step_func.__module__.startswith(pytest_bdd.__name__):
                code = inspect.unwrap(context.step_func).__code__
                yield Phrase(context.type or "", context.parser.name, code.co_filename, code.co_firstlineno)


def explain(item: pytest.Item, step: Step) -> str:
    """What to say of a step that nothing defines."""
    assert isinstance(item.parent, FeatureFile)
    lines = [
        f"{item.parent.shown}:{step.line_number}: undefined step: {step.keyword} {step.name}",
        *(f"  did you mean: {near}" for near in _near(item, step)),
        f"  what to do: use a phrase that {_list_command(item)} lists,",
        "  or define this one in a conftest.py or in a steps folder next to the features"
        " (a test module's own steps are seen by that module alone)",
    ]
    return "\n".join(lines)


def _near(item: pytest.Item, step: Step) -> list[str]:
    import difflib

    fitting = {phrase.text for phrase in phrases(item) if phrase.kind in ("", step.type)}
    return difflib.get_close_matches(step.name, sorted(fitting), n=3)


def _list_command(item: pytest.Item) -> str:
    assert isinstance(item.parent, FeatureFile)
    return f"`pytest {item.parent.shown} --rollproof-steps`"


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With --rollproof-steps, lists the phrases instead of running anything."""
    if not session.config.option.rollproof_steps:
        return None
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for line in _listing(session):
        if reporter is not None:
            reporter.write_line(line)
    return True


def _listing(session: pytest.Session) -> Iterator[str]:
    nodes = {item.parent or session for item in session.items} or {session}
    found = {phrase for node in nodes for phrase in phrases(node)}
    for kind, title in _KINDS.items():
        own = sorted(phrase for phrase in found if phrase.kind == kind)
        if own:
            yield f"\n{title}"
        for phrase in own:
            yield f"  {phrase.text}  ({shown_path(session.config, Path(phrase.path))}:{phrase.line})"
