"""Checks: pure functions from recorded history to a verdict, each known by its id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollproof.errors import RollproofError
from rollproof.journal.reader import History
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome, Verdict, unknown

UNSEEN = "unseen"
"""`status` of a recorded verdict that is unknown because an observation failed"""


@dataclass(frozen=True, slots=True)
class Check:
    """One claim and how it is judged.

    Attributes:
        id: stable name in journals, saboteurs and reports: `schema-restored`.
        title: the claim in words.
        function: `(history, **params) -> Verdict`, pure.
        sees: observations that must be in the history, made on demand; see `drill.observer`.
        answers: acts whose failure it judges; of any other, a scenario that proves all the rest is unknown.
    """

    id: str
    title: str
    function: Callable[..., Verdict]
    sees: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    def judge(self, history: History, params: Mapping[str, Json]) -> Verdict:
        """The verdict; a check that crashes has none to give, so it says unknown."""
        try:
            verdict: object = self.function(history, **params)
        except RollproofError as error:
            return unknown(f"the check could not be made: {error.found}")
        except Exception as error:  # noqa: BLE001  a crash must become unknown, whatever it is
            return unknown(f"the check crashed: {type(error).__name__}")
        if not isinstance(verdict, Verdict):
            return unknown(f"the check answered with a {type(verdict).__name__}, which is no verdict")
        if verdict.outcome not in (Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN):
            return unknown(f"the check answered {str(verdict.outcome)!r}, which is no verdict")
        return verdict


_CHECKS: dict[str, Check] = {}


def check(
    check_id: str, title: str, *, sees: tuple[str, ...] = (), answers: tuple[str, ...] = ()
) -> Callable[[Callable[..., Verdict]], Check]:
    """Makes a function a check and registers it. Raises ValueError when the id is taken."""

    def register(function: Callable[..., Verdict]) -> Check:
        if check_id in _CHECKS:
            raise ValueError(f"two checks are called {check_id}")
        _CHECKS[check_id] = Check(check_id, title, function, sees, answers)
        return _CHECKS[check_id]

    return register


def all_checks() -> Mapping[str, Check]:
    """Every registered check by id."""
    return dict(_CHECKS)
