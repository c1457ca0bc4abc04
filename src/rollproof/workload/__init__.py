"""Clients that read and write while a drill goes on. They record, they never judge."""

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
