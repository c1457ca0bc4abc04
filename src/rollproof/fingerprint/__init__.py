"""What a database is: its catalogs as named facts, its rows as digests, and how two of them differ."""

from rollproof.fingerprint.catalog import take_fingerprint
from rollproof.fingerprint.compare import compare
from rollproof.fingerprint.snapshot import snapshot
from rollproof.fingerprint.summary import Summary, summarise

__all__ = ["Summary", "compare", "snapshot", "summarise", "take_fingerprint"]
