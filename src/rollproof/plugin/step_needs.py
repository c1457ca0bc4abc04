"""Which fixtures the steps of a scenario will ask for, known before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_bdd.parser import ScenarioTemplate, Step

_Key = tuple[pytest.Collector | None, str, str]
_KNOWN = pytest.StashKey[dict[_Key, frozenset[str]]]()


def fixtures_of_steps(node: pytest.Item, template: ScenarioTemplate) -> frozenset[str]:
    """Names of all fixtures that the steps name as arguments, and the fixtures that those need.

    What a step asks for through `request` alone cannot be seen.
    """
    known = node.session.stash.setdefault(_KNOWN, {})
    needed = set[str]()
    for step in _steps(template):
        key = (node.parent, step.type, step.name)
        if key not in known:
            known[key] = _fixtures_of(node, step)
        needed |= known[key]
    return frozenset(needed)


def _steps(template: ScenarioTemplate) -> Iterator[Step]:
    """The steps as they will be looked up: for each row of Examples, its own."""
    contexts = [row for table in template.examples for row in table.as_contexts()] or [{}]
    for context in contexts:
        yield from template.render(context).steps


def _fixtures_of(node: pytest.Item, step: Step) -> frozenset[str]:
    from pytest_bdd.scenario import find_fixturedefs_for_step, iterparentnodeids
    from pytest_bdd.steps import step_function_context_registry
    from pytest_bdd.utils import get_required_args

    manager = node.session._fixturemanager
    found = sorted(
        find_fixturedefs_for_step(step, manager, node),
        key=lambda definition: list(iterparentnodeids(definition.baseid)),
    )
    if not found:
        return frozenset()
    context = step_function_context_registry[found[-1].func]
    names = tuple(get_required_args(context.step_func))
    closure, _ = manager.getfixtureclosure(parentnode=node, initialnames=names, ignore_args=frozenset())
    return frozenset(closure)
