"""An environment that only a person touches: the guide's. Nothing is ever opened in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rollproof.environments.base import Obstacle, OpenEnvironment
from rollproof.errors import EnvironmentUnavailable
from rollproof.journal import Recorder
from rollproof.model.system import System


class ByHand:
    """Named like the place that the operator works in."""

    def __init__(self, name: str) -> None:
        self.name = name

    def preflight(self, system: System) -> list[Obstacle]:
        return []

    @contextmanager
    def open(self, system: System, recorder: Recorder) -> Iterator[OpenEnvironment]:
        raise EnvironmentUnavailable(
            "here only a person acts: nothing can be opened",
            doing="looking at a system that is rolled back by hand",
            remedy="use a drill for what is to be compared",
        )
        yield  # type: ignore[unreachable]  # makes it a generator
