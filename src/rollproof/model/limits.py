"""How much of a place a drill may touch, when it must stop, and who else may be at it meanwhile."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from rollproof.model.spec import Seconds, Spec

SHORTEST = 30
"""seconds that a lock holds at least"""


class Limits(Spec):
    """What a drill may touch, and for how long. What is left out is not limited; an empty list allows none.

    Patterns are those of a shell (`shop-*`); `{env}`, `{account}` and `{region}` are filled in.
    """

    schemas: tuple[str, ...] | None = None
    """schemas that migrations may touch"""
    stacks: tuple[str, ...] | None = None
    """CloudFormation stacks that may be changed; what a stack holds counts with the stack"""
    functions: tuple[str, ...] | None = None
    """Lambda functions that may be changed or called"""
    tables: tuple[str, ...] | None = None
    """DynamoDB tables that may be written to"""
    buckets: tuple[str, ...] | None = None
    """S3 buckets that may be written to; those that drills make for themselves always may"""
    tenants: Annotated[int, Field(ge=1)] | None = None
    """systems that one run may drill; each tenant counts as one"""
    time: Seconds | None = None
    """from the first thing that is touched to the end; then the run is aborted and everything put back"""


class Abort(Spec):
    """What ends a drill at once: everything is put back, and its verdict is unknown."""

    alarms: tuple[str, ...] = ()
    """CloudWatch alarms; one of them in ALARM is enough. `{env}`, `{account}` and `{region}` are filled in"""
    file: str = ""
    """a file that, once it is there, ends the drill; relative to the folder that the drill is run from"""
    every: Seconds = 5.0
    """how often alarms are looked at"""


class Lock(Spec):
    """How two drills of one system are kept from running at the same time."""

    table: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")] = "rollproof-locks"
    """DynamoDB table of the locks in the environment's account; made when it is not there"""
    expires: Seconds = 120.0
    """how long after its holder's last sign of life a lock in that table holds"""

    @field_validator("expires")
    @classmethod
    def _long_enough(cls, seconds: float) -> float:
        if seconds < SHORTEST:
            raise ValueError(f"at least {SHORTEST}s, or a slow network would lose it")
        return seconds
