"""Experiments on an AWS endpoint: registered once, run once a session, and only when they are needed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollproof.components.aws.clients import Aws
from rollproof.errors import NotProvenHere, RollproofError
from rollproof.model.system import System

if TYPE_CHECKING:
    from rollproof.drill.drill import Drill
    from rollproof.drill.session import DrillSession


@dataclass(frozen=True, slots=True)
class Finding:
    """What an experiment found.

    Attributes:
        holds: the endpoint does what AWS does; None when the experiment itself could not be made.
        said: what was tried and what came of it, one sentence.
    """

    holds: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """One question to an endpoint.

    Attributes:
        id: `dynamodb-point-in-time`.
        claim: what AWS does, as a sentence: "a point-in-time restore brings back the items of that time".
        source: where AWS says so: the manual's page, by title.
        function: makes the experiment on resources of its own, named with the prefix it is given, and
            removes them. Any error of Rollproof's, botocore's or its own makes the finding unknown.
    """

    id: str
    claim: str
    source: str
    function: Callable[[Aws, str], Finding]

    def run(self, aws: Aws) -> Finding:
        """The finding; an experiment that fails has none to give, so it says so."""
        prefix = f"rollproof-{secrets.token_hex(4)}"
        try:
            return self.function(aws, prefix)
        except RollproofError as error:
            return Finding(None, f"the experiment could not be made: {error.found}")
        except Exception as error:  # noqa: BLE001  whatever goes wrong, nothing is known
            return Finding(None, f"the experiment failed: {type(error).__name__}: {str(error)[:300]}")


ITSELF = Finding(True, "this is AWS itself, and no experiment is made in somebody's account")
_EXPERIMENTS: dict[str, Experiment] = {}


def experiment(
    name: str, claim: str, *, source: str
) -> Callable[[Callable[[Aws, str], Finding]], Experiment]:
    """Makes a function an experiment and registers it. Raises ValueError when the id is taken."""

    def register(function: Callable[[Aws, str], Finding]) -> Experiment:
        if name in _EXPERIMENTS:
            raise ValueError(f"two experiments are called {name}")
        _EXPERIMENTS[name] = Experiment(name, claim, source, function)
        return _EXPERIMENTS[name]

    return register


def all_experiments() -> Mapping[str, Experiment]:
    """Every registered experiment by id."""
    return dict(_EXPERIMENTS)


class Fidelity:
    """A run's findings about one system's endpoint; each experiment is made once."""

    def __init__(self, session: DrillSession, system: System) -> None:
        self._session, self._system = session, system
        self._findings: dict[str, Finding] = {}

    def unsteady(self) -> list[str]:
        return []

    def finding(self, name: str) -> Finding:
        """Raises KeyError for an experiment that does not exist: a mistake in a step."""
        if name not in self._findings:
            asked = _EXPERIMENTS[name]
            endpoint = self._session.open(self._system).aws(account=_account())
            found = ITSELF if endpoint.url is None else asked.run(Aws(endpoint))
            self._findings[name] = found
            self._session.recorder.note(
                "fidelity.finding",
                {"name": name, "title": asked.claim, "found": found.said, "outcome": _WORDS[found.holds]},
            )
        return self._findings[name]


_WORDS = {True: "holds", False: "does not hold", None: "unknown"}


def _account() -> str:
    return str(secrets.randbelow(8 * 10**11) + 10**11)


def rely_on(drill: Drill, name: str) -> None:
    """For a Given whose scenario needs the endpoint to behave as AWS does.

    Raises NotProvenHere, with what the experiment found, when it does not or nobody can tell.
    """
    found = drill.session.use(Fidelity, drill.system).finding(name)
    drill.recorder.note(
        "fidelity.relied", {"name": name, "found": found.said, "outcome": _WORDS[found.holds]}
    )
    if not found.holds:
        raise NotProvenHere(found.said, doing=f"making sure that {_EXPERIMENTS[name].claim}")
