"""The parts that a walk is made of, taken from their rooms in one place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from rollproof.fingerprint.watch import CatalogWatch
from rollproof.migrations.direct import DirectRunner
from rollproof.model.fingerprint import Fingerprint
from rollproof.rowgen.rowstate import RowState, compare_states, discards
from rollproof.rowgen.rowwatch import RowWatch
from rollproof.walk.model import NoRows

__all__ = [
    "CatalogWatch",
    "DirectRunner",
    "FillReport",
    "Filler",
    "RowState",
    "RowWatch",
    "compare_states",
    "discards",
]


@dataclass(frozen=True)
class FillReport:
    made: Mapping[str, int] = field(default_factory=dict)
    not_made: tuple[NoRows, ...] = ()


class Filler:
    """Stand-in: makes nothing."""

    def __init__(
        self, conn: Connection[Any], *, ignore: Collection[str] = (), rows: int = 3, seed: int = 0
    ) -> None:
        pass

    def top_up(self, facts: Fingerprint | None = None) -> FillReport:
        return FillReport()
