"""Taking the lock of a verified place, and giving it back: at the run's end, or when it is healed."""

from __future__ import annotations

from rollproof.drill.healing import healer
from rollproof.environments.base import PostgresServer
from rollproof.environments.staging.dynamo import RowLock
from rollproof.environments.staging.guard import Verified
from rollproof.environments.staging.lock import PATIENCE, SessionLock, SystemLock, goes_on, me
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.journal import Recorder
from rollproof.model.json import Json, JsonObject
from rollproof.model.system import System
from rollproof.waiting import eventually

TAKE = "lock.take"
_HELD: dict[tuple[str, str], list[SystemLock]] = {}
"""What this process holds, by run and system; more than one where it has opened the place more than once."""


def lock_of(system: System, verified: Verified, server: PostgresServer | None, *, run: str) -> SystemLock:
    """The locks of a system in a place; not taken yet."""
    row, allowed = None, verified.allowed
    if verified.endpoint is not None:
        from rollproof.components.aws.clients import Aws

        row = RowLock(
            Aws(verified.endpoint),
            allowed.lock.table,
            system.name,
            run=run,
            who=me(),
            seconds=allowed.lock.expires,
        )
    return SystemLock(SessionLock(server, run=run) if server is not None else None, row)


def undo_lock(system: System, verified: Verified, *, run: str) -> dict[str, Json]:
    """What a journal has to know to give the lock back."""
    aws = verified.facts.aws
    return {
        "kind": "lock",
        "run": run,
        "name": system.name,
        "account": aws.account if aws is not None else "",
        "table": verified.allowed.lock.table if aws is not None else "",
    }


def hold(system: System, verified: Verified, server: PostgresServer | None, recorder: Recorder) -> SystemLock:
    """Takes it, on record. Raises Locked with who holds it, EnvironmentUnavailable when nobody can say."""
    run = recorder.journal.run
    lock = lock_of(system, verified, server, run=run)
    said: dict[str, Json] = {"name": system.name, "undo": undo_lock(system, verified, run=run)}
    with recorder.acting(TAKE, said) as result:
        result.update(lock.take())
        _HELD.setdefault((run, system.name), []).append(lock)
    return lock


def hold_to_heal(system: System, verified: Verified, server: PostgresServer | None, *, run: str) -> None:
    """Takes it in the name of a run that was killed, so that nobody drills while that one is healed.

    Raises Locked when somebody drills there now.
    """
    if not _HELD.get((run, system.name)):
        lock = lock_of(system, verified, server, run=run)
        lock.take()
        lock.whole = True
        _HELD[run, system.name] = [lock]


def _expect_dead(lock: SystemLock, name: str) -> None:
    """Raises Locked while a copy of the journal is healed here and the run is at work elsewhere."""
    try:
        eventually(lambda: not lock.elsewhere(), within=PATIENCE, what="the run holds nothing", every=0.5)
    except AttemptFailed:
        if found := lock.elsewhere():
            raise goes_on(found, name) from None


@healer("lock")
def give_back(undo: JsonObject) -> str:
    """Nothing of another run is touched."""
    run, name = str(undo["run"]), str(undo["name"])
    if held := _HELD.get((run, name)):
        held.pop().release()
        return f"lock of {name} given back"
    if not undo.get("account"):
        return f"lock of {name}: gone with the run that held it"
    from rollproof.components.aws.clients import verified_aws

    aws = verified_aws(str(undo["account"]))
    if aws is None:
        raise RollproofError(
            f"nobody here has credentials for account {undo['account']}",
            doing="giving a lock back",
            remedy="run `rollproof heal` where the environment's variables are set",
        )
    mine = RowLock(aws, str(undo["table"]), name, run=run, who="", seconds=0).remove()
    return f"lock of {name} given back" if mine else f"lock of {name} was not held any more"
