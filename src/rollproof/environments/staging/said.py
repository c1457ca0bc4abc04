"""What a working copy is, in words for the journal: reports show them as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rollproof.model.durations import say_duration
from rollproof.model.workingcopy import WorkingCopy

MOST = 5
"""tables without rows that one sentence names"""
MADE = WorkingCopy(
    "a database that the migrations made from nothing, with the seed's rows",
    "it is no copy: what copies are made of is past the release that the scenario begins at",
)
"""What a scenario works on that begins at an older release than the one that was copied."""


def moment(at: datetime) -> str:
    """To the minute, UTC: several workers make their copies one after the other."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def age(seconds: float) -> str:
    """To the minute as well."""
    return say_duration(seconds // 60 * 60) if seconds >= 60 else "less than a minute"


def restored(name: str, *, form: str, size: int, digest: str, taken: datetime) -> str:
    """Which backup a copy was restored from."""
    known = ", ".join((form, f"{size:,} bytes", f"{digest[: len('sha256:') + 12]}…"))
    return f"a copy restored from backup {name} ({known}) of {moment(taken)}"


def rows_of(taken: datetime, seconds: float, rows: int, lacking: Sequence[str], *, marked: bool) -> str:
    """In what it may be otherwise than the database that it was taken of."""
    said = [f"the rows are those of {moment(taken)}, {age(seconds)} before: {rows:,} in all"]
    if lacking:
        named = ", ".join(lacking[:MOST]) + (", …" if len(lacking) > MOST else "")
        said.append(f"the backup was taken without the rows of {named} ({len(lacking)} in all)")
    if marked:
        said.append("it bears production's mark")
    return "; ".join(said)


def cloned(source: str, how: str, at: datetime, *, cluster: str = "") -> WorkingCopy:
    """A clone of the environment's own database, or of that in a copy of its cluster.

    Args:
        how: `template` or `dump`.
    """
    way = {"template": "file by file", "dump": "by pg_dump"}.get(how, how)
    where = f" in cluster {cluster}" if cluster else ""
    return WorkingCopy(f"a clone of database {source}{where}, made {way} at {moment(at)}")


def cluster(source: str, at: datetime) -> str:
    """A clone of a cluster."""
    return f"a clone of Aurora cluster {source}, made at {moment(at)}"


def from_snapshot(source: str, snapshot: str, taken: datetime) -> str:
    """A cluster that was restored."""
    return f"a copy of Aurora cluster {source}, restored from its snapshot {snapshot} of {moment(taken)}"
