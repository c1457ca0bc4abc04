"""Rows made up to fill a schema, so that a rollback has something to lose; and what becomes of rows."""

from rollproof.rowgen.filler import Filler
from rollproof.rowgen.report import FillReport
from rollproof.rowgen.rowstate import RowState, compare_states, discards
from rollproof.rowgen.rowwatch import RowWatch

__all__ = ["FillReport", "Filler", "RowState", "RowWatch", "compare_states", "discards"]
