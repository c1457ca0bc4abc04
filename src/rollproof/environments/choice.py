"""An environment by its name."""

from __future__ import annotations

import re

from rollproof.environments.base import Environment
from rollproof.errors import EnvironmentUnavailable

PRIVATE = ("embedded", "containers")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def environment_named(name: str) -> Environment:
    """One that exists for the run alone, or a named one, which each system file declares for itself.

    Raises EnvironmentUnavailable for what is no name.
    """
    if name == "embedded":
        from rollproof.environments.embedded import EmbeddedEnvironment

        return EmbeddedEnvironment()
    if name == "containers":
        from rollproof.environments.containers import ContainersEnvironment

        return ContainersEnvironment()
    if not _NAME.fullmatch(name):
        raise EnvironmentUnavailable(
            f"{name!r} is no name of an environment",
            remedy="use embedded, containers, or a name that the system file declares as [environments.NAME]",
        )
    from rollproof.environments.staging import StagingEnvironment

    return StagingEnvironment(name)


def is_private(name: str) -> bool:
    """Whether an environment exists for the run alone, so that nobody has to be asked first."""
    return name in PRIVATE
