"""Clients that read and write while a drill goes on. They record, they never judge.

What is named here is imported when it is first asked for: whoever only reads what was recorded, such as
`rollproof verify`, waits for no client of any database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.workload.limits import Limits
    from rollproof.workload.operations import Operation, operations_from_json, operations_to_json
    from rollproof.workload.survival import Survival, find_lost_writes, rpo_seconds
    from rollproof.workload.traffic import Traffic, TrafficHistory

__all__ = [
    "Limits",
    "Operation",
    "Survival",
    "Traffic",
    "TrafficHistory",
    "find_lost_writes",
    "operations_from_json",
    "operations_to_json",
    "rpo_seconds",
]

_ROOMS = {
    "Limits": "limits",
    "Operation": "operations",
    "Survival": "survival",
    "Traffic": "traffic",
    "TrafficHistory": "traffic",
    "find_lost_writes": "survival",
    "operations_from_json": "operations",
    "operations_to_json": "operations",
    "rpo_seconds": "survival",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
