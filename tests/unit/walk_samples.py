"""A walk's result with one migration of every sort, for the tests of what is made of it."""

from __future__ import annotations

from dataclasses import replace

from rollproof.migrations.locks.model import Blocked, HeldLock, LockReport
from rollproof.model.fingerprint import Difference
from rollproof.model.rows import RowChanges
from rollproof.walk.model import Again, Cause, Failure, Finding, NoRows, Outcome, RevisionResult, WalkResult

INDEX = Difference("index", "shop.orders_at", None, {"unique": "no"}, None)
CAUSE = Cause(
    "migrations/003.down.sql", 2, "DROP INDEX …", "the rollback drops it, the migration did not make it"
)
DOWN = LockReport(
    held=(HeldLock("shop.orders", "AccessExclusiveLock", 0.012, 2), HeldLock("shop.x", "RowExclusiveLock")),
    blocked=(Blocked("shop.orders", 0.011, 0.012),),
    rewritten=("shop.orders",),
    measured=True,
)
SECONDS = {"up": 0.01, "down": 0.02, "again": 0.01}


def sound(number: int, **changes: object) -> RevisionResult:
    result = RevisionResult(
        f"{number:04}_step",
        number,
        Outcome.RESTORED,
        kind="additive",
        path=f"migrations/{number:03}.up.sql",
        again=Again.SAME,
        locks={"up": LockReport(), "down": DOWN},
        seconds=SECONDS,
    )
    return replace(result, **changes)  # type: ignore[arg-type]


def sample() -> WalkResult:
    """Nine migrations, one an outcome, in the order of `Outcome`."""
    failed = Failure("down", 'relation "x" does not exist', "42P01", "migrations/004.down.sql", 7, 3)
    lost = RowChanges("shop.orders", lost=2, lost_columns={"note": 3})
    migrations = (
        sound(
            1, outcome=Outcome.ENVIRONMENT, notes=("install the extension postgis",), again=Again.NOT_TRIED
        ),
        sound(2, outcome=Outcome.UP_FAILED, failures=(replace(failed, phase="up"),), again=Again.NOT_TRIED),
        sound(3, outcome=Outcome.NO_DOWN, again=Again.NOT_TRIED, locks={}),
        sound(4, outcome=Outcome.CANNOT_RUN, failures=(failed,), again=Again.NOT_TRIED),
        sound(5, outcome=Outcome.DID_NOTHING, again=Again.FAILED),
        sound(6, outcome=Outcome.LOSES_DATA, rows=(lost,), no_rows=(NoRows("shop.odd", "no value fits"),)),
        sound(7, outcome=Outcome.NOT_RESTORED, differences=(Finding(INDEX, CAUSE),), again=Again.DIFFERS),
        sound(8, outcome=Outcome.ORDER_ONLY),
        sound(9),
    )
    return WalkResult("golang-migrate", "migrations", migrations, 1.5, {"up": 0.1}, {"postgres": "17.10"})
