"""The words of the house as plain, frozen data: no I/O, no pytest, no psycopg."""

from rollproof.model.fingerprint import Difference, DifferenceClass, Fact, Fingerprint
from rollproof.model.json import Json, JsonObject
from rollproof.model.rows import RowChanges, RowDigest, TableRows
from rollproof.model.verdict import Outcome, Verdict, worst

__all__ = [
    "Difference",
    "DifferenceClass",
    "Fact",
    "Fingerprint",
    "Json",
    "JsonObject",
    "Outcome",
    "RowChanges",
    "RowDigest",
    "TableRows",
    "Verdict",
    "worst",
]
