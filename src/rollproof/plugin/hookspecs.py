"""Hooks that other pytest plugins and conftests may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rollproof.drill.drill import Drill, Intervention
    from rollproof.model.verdict import Outcome


def pytest_rollproof_interventions(item: pytest.Item) -> Sequence[Intervention]:  # type: ignore[empty-body]
    """Interventions around the acts of a scenario: how saboteurs get in."""


@pytest.hookspec(firstresult=True)
def pytest_rollproof_concluded(item: pytest.Item, drill: Drill, outcome: Outcome, reason: str) -> bool | None:
    """Called when a scenario has been concluded.

    Return True to say that this hook has dealt with the outcome: it then neither fails nor passes by
    the usual rule. None leaves it to the rule.
    """
