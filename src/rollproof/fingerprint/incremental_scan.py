"""What changed in the catalogs since the last look: new rows by their xmin, lost ones by counting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Cursor

from rollproof.fingerprint.incremental_statements import scan_text
from rollproof.fingerprint.queries import query

FIRST_USER_OID = 16384
"""FirstNormalObjectId of src/include/access/transam.h: what is below is the server's own."""

KEYED = (
    "pg_class",
    "pg_attrdef",
    "pg_constraint",
    "pg_trigger",
    "pg_policy",
    "pg_rewrite",
    "pg_statistic_ext",
    "pg_type",
    "pg_enum",
    "pg_proc",
    "pg_inherits",
    "pg_namespace",
    "pg_description",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
)
"""Catalogs of which a row may go away while what it belongs to stays: their keys are kept."""
PARTS = (
    "pg_attribute",
    "pg_index",
    "pg_sequence",
    "pg_partitioned_table",
    "pg_foreign_table",
    "pg_range",
    "pg_aggregate",
)
"""Catalogs whose rows come and go with their relation, type or function; a dropped column's row stays."""
_WITH_ROWS_OF_THE_SERVER = frozenset(KEYED + PARTS) - {"pg_inherits", "pg_namespace", "pg_description"}
"""Keyed by oids, so that rows of users and of the server itself can be told apart."""

_READ_BY_ALL = ("pg_opclass", "pg_collation")
"""A new default operator class changes how definitions of indexes are written that do not depend on it."""


class Row(NamedTuple):
    """A catalog row: its key, and the oid of the object that it is part of."""

    key: int
    owner: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One result of watch_scan.sql.

    Attributes:
        marker: the oldest transaction that may still write: what the next scan starts at.
        names: roles and tablespaces.
        compared: the result of each statement that is compared at every look.
    """

    marker: str
    names: str
    counts: Mapping[str, int]
    rows: Mapping[str, list[Row]]
    compared: Mapping[str, str]


@dataclass(slots=True)
class Changes:
    """What a scan found to be other than what is kept.

    Attributes:
        fresh, gone: new or changed rows, and lost ones, by catalog. A fresh row may be the same as before.
        unclear: why only a full fingerprint will do; empty when the changes are all known.
    """

    fresh: dict[str, list[Row]] = field(default_factory=dict)
    gone: dict[str, list[Row]] = field(default_factory=dict)
    unclear: str = ""
    rare: bool = False
    compared: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.fresh or self.gone or self.unclear or self.rare or self.compared)


def read_scan(cursor: Cursor[Any], *, major: int, marker: str) -> Scan:
    """Runs the scan from `marker` on, inside a snapshot."""
    cursor.execute(scan_text(major), (marker,), prepare=True)
    counts: dict[str, int] = {}
    rows: dict[str, list[Row]] = {}
    texts: dict[str, str] = {}
    for catalog, count, keys, text in cursor.fetchall():
        if catalog.startswith("pg_"):
            counts[catalog] = count
            if keys:
                rows[catalog] = [Row(*pair) for pair in keys]
        else:
            texts[catalog] = text or ""
    return Scan(texts.pop("marker"), texts.pop("names"), counts, rows, texts)


class Kept:
    """What is known of the catalogs' rows since the last scan."""

    def __init__(self, cursor: Cursor[Any], scan: Scan, *, major: int) -> None:
        self._major = major
        self._keys = self._read(cursor, KEYED)
        self._take(scan)
        self._server = {catalog: scan.counts[catalog] - len(self._keys[catalog]) for catalog in KEYED}

    def advance(self, cursor: Cursor[Any], scan: Scan) -> Changes:
        """What `scan` found; afterwards it is what is kept."""
        changes = Changes(fresh=dict(scan.rows))
        changes.unclear = self._why_unclear(scan)
        changes.rare = self._other(scan)
        changes.compared = {name for name, text in scan.compared.items() if text != self._compared[name]}
        self._take(scan)
        if lost := [catalog for catalog in KEYED if self._misses(catalog, scan)]:
            self._look_for(lost, cursor, scan, changes)
        return changes

    @property
    def size(self) -> int:
        """How many objects there are."""
        return sum(map(len, self._keys.values()))

    def living(self, catalog: str, oids: Iterable[int]) -> set[int]:
        """Those of these objects that are there, as far as their catalog's keys are oids."""
        return self._keys[catalog].keys() & oids

    def commented(self, oids: Iterable[int]) -> set[int]:
        """Those of these objects that somebody wrote a comment on."""
        return set(self._keys["pg_description"].values()).intersection(oids)

    def _take(self, scan: Scan) -> None:
        self.marker = scan.marker
        self._names, self._counts, self._compared = scan.names, scan.counts, scan.compared

    def _why_unclear(self, scan: Scan) -> str:
        if not set(self._names.splitlines()) <= set(scan.names.splitlines()):
            return "a role or tablespace was renamed or dropped"
        members = len(scan.rows.get("pg_depend", ()))
        if scan.counts["pg_depend"] != self._counts["pg_depend"] + members:
            return "an extension lost a member"
        for catalog in _READ_BY_ALL:
            if catalog in scan.rows or scan.counts[catalog] != self._counts[catalog]:
                return f"{catalog} was changed"
        if any(
            name.startswith("replication") and text != self._compared[name]
            for name, text in scan.compared.items()
        ):
            return "a subscription was changed"
        for catalog in _WITH_ROWS_OF_THE_SERVER:
            if any(row.key < FIRST_USER_OID for row in scan.rows.get(catalog, ())):
                return f"an object of the server itself was changed ({catalog})"
        return ""

    def _other(self, scan: Scan) -> bool:
        """Did anything change in catalogs that are read as a whole?"""
        known = (*KEYED, *PARTS)
        return any(
            catalog in scan.rows or count != self._counts[catalog]
            for catalog, count in scan.counts.items()
            if catalog not in known
        )

    def _misses(self, catalog: str, scan: Scan) -> bool:
        kept = self._keys[catalog]
        kept.update(scan.rows.get(catalog, ()))
        return len(kept) + self._server[catalog] != scan.counts[catalog]

    def _look_for(self, catalogs: list[str], cursor: Cursor[Any], scan: Scan, changes: Changes) -> None:
        current = self._read(cursor, catalogs)
        for catalog in catalogs:
            kept, self._keys[catalog] = self._keys[catalog], current[catalog]
            changes.gone[catalog] = [Row(key, kept[key]) for key in kept.keys() - current[catalog].keys()]
            server = scan.counts[catalog] - len(current[catalog])
            if server != self._server[catalog]:
                self._server[catalog] = server
                changes.unclear = f"an object of the server itself came or went ({catalog})"

    def _read(self, cursor: Cursor[Any], catalogs: Iterable[str]) -> dict[str, dict[int, int]]:
        wanted = list(catalogs)
        cursor.execute(query("watch_keys", major=self._major), (wanted,), prepare=True)
        return {catalog: dict(keys or ()) for catalog, keys in cursor.fetchall() if catalog in wanted}
