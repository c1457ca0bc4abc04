"""Undoing: whatever a begin announced is undone in reverse order, by the same code live and after kill -9."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rollproof.drill.aborting import healing
from rollproof.errors import RollproofError
from rollproof.journal import Event, Kind, Recorder, kind_of
from rollproof.model.json import JsonObject

Healer = Callable[[JsonObject], str]
"""Undoes one announced act from its `undo` data alone, in any state that a kill left it in.
Idempotent. Returns what it found and did, one phrase. Raises RollproofError when it could not."""

_HEALERS: dict[str, Healer] = {}

HEAL = "heal"


def healer(kind: str) -> Callable[[Healer], Healer]:
    """Registers the healer of a kind of undo data."""

    def register(function: Healer) -> Healer:
        if kind in _HEALERS and _HEALERS[kind] is not function:
            raise ValueError(f"two healers for {kind}")
        _HEALERS[kind] = function
        return function

    return register


@dataclass(frozen=True, slots=True)
class Outstanding:
    """An announced act that nobody has undone yet."""

    event: Event
    undo: JsonObject


def outstanding(events: Sequence[Event]) -> list[Outstanding]:
    """What has to be undone, newest first."""
    healed = {event.data.get("healed") for event in events if event.act == HEAL and event.kind is Kind.OK}
    announced = [
        Outstanding(event, event.data["undo"])  # type: ignore[arg-type]  # written by begin, an object
        for event in events
        if event.kind is Kind.BEGIN and event.data.get("undo") and event.seq not in healed
    ]
    return announced[::-1]


def heal(pending: Sequence[Outstanding], recorder: Recorder) -> list[str]:
    """Undoes all of `pending`, in the order given, and goes on after a failure.

    Returns what could not be undone, one line each; empty when all is well.
    """
    with healing():
        return _heal_all(pending, recorder)


def _heal_all(pending: Sequence[Outstanding], recorder: Recorder) -> list[str]:
    failures = []
    for item in pending:
        kind = str(item.undo.get("kind"))
        begun = recorder.begin(HEAL, {"healed": item.event.seq, "kind": kind, "name": item.event.act})
        try:
            found = _healer_of(kind)(item.undo)
        except Exception as error:  # noqa: BLE001  whatever a healer raises, the others get their turn
            found = str(error) if isinstance(error, RollproofError) else type(error).__name__
            recorder.close(begun, kind_of(error), {"found": found})
            failures.append(f"{item.event.act} (event {item.event.seq}): {found}")
        else:
            recorder.close(begun, Kind.OK, {"healed": item.event.seq, "found": found})
    return failures


def _healer_of(kind: str) -> Healer:
    try:
        return _HEALERS[kind]
    except KeyError:
        raise RollproofError(
            f"nobody here knows how to undo {kind!r}",
            remedy="run `rollproof heal` with the version of Rollproof that made this journal",
        ) from None
