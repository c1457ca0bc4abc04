"""Which statement a difference comes from, where that can be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rollproof.migrations.model import Migration
from rollproof.model.fingerprint import Difference
from rollproof.walk.model import Finding


@dataclass(frozen=True)
class Attribution:
    """The statements of one migration."""

    migration: Migration

    def of_rollback(self, differences: Iterable[Difference]) -> tuple[Finding, ...]:
        """Each difference with its cause, or without one."""
        return tuple(map(Finding, differences))
