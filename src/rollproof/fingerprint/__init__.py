"""What a database is: its catalogs as named facts, its rows as digests, and how two of them differ."""

from rollproof.fingerprint.catalog import take_fingerprint
from rollproof.fingerprint.changes import compare_rows
from rollproof.fingerprint.compare import compare
from rollproof.fingerprint.kept import KeptRows, keep_rows
from rollproof.fingerprint.rows import digest_rows
from rollproof.fingerprint.sequences import SequenceBehind, sequences_behind
from rollproof.fingerprint.snapshot import snapshot
from rollproof.fingerprint.summary import Summary, summarise
from rollproof.fingerprint.tables import UserTable, user_tables

__all__ = [
    "KeptRows",
    "SequenceBehind",
    "Summary",
    "UserTable",
    "compare",
    "compare_rows",
    "digest_rows",
    "keep_rows",
    "sequences_behind",
    "snapshot",
    "summarise",
    "take_fingerprint",
    "user_tables",
]
