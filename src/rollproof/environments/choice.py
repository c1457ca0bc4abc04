"""An environment by its name."""

from __future__ import annotations

from rollproof.environments.base import Environment
from rollproof.errors import EnvironmentUnavailable


def environment_named(name: str) -> Environment:
    """Raises EnvironmentUnavailable for one that this version does not have."""
    if name == "embedded":
        from rollproof.environments.embedded import EmbeddedEnvironment

        return EmbeddedEnvironment()
    if name == "containers":
        from rollproof.environments.containers import ContainersEnvironment

        return ContainersEnvironment()
    raise EnvironmentUnavailable(
        f"this version of Rollproof has no environment {name!r}",
        remedy="use --environment embedded, which needs neither Docker nor an account",
    )
