"""Scenarios that nobody drills any more: a person says so, with a reason, and it stays to be seen.

What is retired is left out of the score's sums and listed beside it. A scenario that is drilled again is
not retired any more. What stands refuted is retired only in favour of another one that was proven since:
a scenario that was renamed would hold the score down for ever, and a gap must not be closed by a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollproof.errors import BadInput
from rollproof.evidence import reading
from rollproof.evidence.register import Entered, Entry
from rollproof.evidence.standing.claims import Place
from rollproof.evidence.standing.states import Standing
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Retired:
    """Who retired a scenario, when and why; `stood`: how it stood then; `instead`: what replaces it."""

    place: Place
    name: str
    by: str
    at: str
    reason: str
    stood: str
    instead: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "system": self.place.system,
            "environment": self.place.environment,
            "scenario": self.place.scenario,
            "name": self.name,
            "by": self.by,
            "at": self.at,
            "reason": self.reason,
            "stood": self.stood,
            "instead": self.instead,
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Retired:
        """Of `to_json`, or of an entry's data with its time; a field that is missing is empty."""
        place = Place(*(reading.text(data, name) for name in ("system", "environment", "scenario")))
        return cls(
            place, *(reading.text(data, name) for name in ("name", "by", "at", "reason", "stood", "instead"))
        )


def retired_of(entries: Iterable[Entry]) -> tuple[Retired, ...]:
    """As the index has it; the newest word on each scenario."""
    found: dict[Place, Retired] = {}
    for entry in entries:
        if entry.kind is Entered.RETIRED:
            one = Retired.from_json({**entry.data, "at": entry.at})
            found[one.place] = one
    return tuple(found.values())


def in_force(retired: Iterable[Retired], standings: Mapping[Place, Standing]) -> dict[Place, Retired]:
    """Those that were not drilled again since."""
    return {
        one.place: one for one in retired if one.place not in standings or standings[one.place].at <= one.at
    }


def named(
    standings: Mapping[Place, Standing], scenario: str, *, system: str = "", environment: str = ""
) -> Place:
    """The one place of a scenario. Raises BadInput for none, and for several."""
    wanted = {"system": system, "environment": environment}
    known = [
        place
        for place in standings
        if place.scenario == scenario
        and all(value in ("", getattr(place, name)) for name, value in wanted.items())
    ]
    if not known:
        raise BadInput(
            f"no run ever claimed anything of {scenario!r}", remedy="see `rollproof status --json`"
        )
    if len(known) > 1:
        places = ", ".join(f"{one.system} in {one.environment}" for one in known)
        raise BadInput(f"{scenario!r} is drilled on {places}", remedy="add --system, --environment or both")
    return known[0]


def retiring(
    standings: Mapping[Place, Standing], place: Place, *, by: str, reason: str, instead: str = ""
) -> dict[str, Json]:
    """What the index is to hold.

    Raises BadInput: nobody or no reason is named, or it stands refuted and no scenario that was proven since
    replaces it.
    """
    if not by.strip() or not reason.strip():
        raise BadInput("nothing is retired without a name and a reason", where="--by, --reason")
    one = standings[place]
    other = standings.get(Place(place.system, place.environment, instead)) if instead else None
    if instead and (other is None or place.scenario == instead):
        raise BadInput(f"there is no scenario {instead!r} to replace it", where="--instead")
    replaced = other is not None and other.outcome is Outcome.PROVEN and other.proven_at > one.at
    if one.outcome is Outcome.REFUTED and not replaced:
        raise BadInput(
            f"{one.name} stands refuted: a gap is not closed by retiring what shows it",
            remedy="prove it, or name with --instead the scenario that replaces it and was proven since",
        )
    said = Retired(place, one.name, by.strip(), "", reason.strip(), one.outcome.value, instead)
    return {name: value for name, value in said.to_json().items() if name != "at"}


def place_of(place: Place) -> tuple[str, str]:
    return place.system, place.environment
