"""Which acts take something back, and which change what runs: the one place that says so."""

from __future__ import annotations

TAKES_BACK = frozenset(
    {"migration.take_back", "site.restore_versions", "site.switch_origin", "stack.continue_rollback"}
)
"""Rollbacks whose names do not end as those of the others do."""
CHANGES_CODE = (
    "release.deploy",
    "release.roll_back",
    "function.roll_back",
    "checkout.roll_back",
    "hotfix.deploy",
    "commit.push",
    "commit.roll_back",
    "services.deploy",
    "services.roll_back",
    "service.deploy",
    "service.roll_back",
)
"""After them other code may serve."""


def is_rollback(act: str) -> bool:
    """Whether an act takes something back: `function.roll_back`, `backup.restore`, `site.switch_origin`…"""
    return act in TAKES_BACK or act.endswith((".roll_back", ".restore"))
