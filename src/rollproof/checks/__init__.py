"""Judging: pure functions from recorded history to a verdict. No I/O, no clock."""

from rollproof.checks import (
    backup,
    checklist,
    database,
    decisions,
    diagnosis,
    kinds,
    notified,
    procedure,
    releasehistory,
    resources,
    rows,
    sequences,
    service,
    watching,
    writes,
)
from rollproof.checks.registry import Check, all_checks, check

__all__ = [
    "Check",
    "all_checks",
    "backup",
    "check",
    "checklist",
    "database",
    "decisions",
    "diagnosis",
    "kinds",
    "notified",
    "procedure",
    "releasehistory",
    "resources",
    "rows",
    "sequences",
    "service",
    "watching",
    "writes",
]
