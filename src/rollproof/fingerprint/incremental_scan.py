"""What changed in the catalogs since the last look: new rows by their xmin, lost ones by counting."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from rollproof.fingerprint.incremental_relations import Relation
from rollproof.fingerprint.pipeline import Answer, Ask, Pipeline
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

_CATALOG = re.compile(r"SELECT '(\w+)'")
_KEY = re.compile(r"array_agg\(ARRAY\[(.+?), \w+::bigint\]\)")
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
        relations: what is kept of those with a row in pg_class that is new or changed.
    """

    marker: str
    names: str
    counts: Mapping[str, int]
    rows: Mapping[str, list[Row]]
    compared: Mapping[str, str]
    relations: Mapping[int, Relation]


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


def scan_of(answer: Answer) -> Scan:
    """What the scan's statement has answered."""
    counts: dict[str, int] = {}
    rows: dict[str, list[Row]] = {}
    texts: dict[str, str] = {}
    for catalog, count, keys, text in answer.rows:
        if catalog.startswith("pg_"):
            counts[catalog] = count
            if keys:
                rows[catalog] = [Row(*pair) for pair in keys]
        else:
            texts[catalog] = text or ""
    relations = {oid: Relation(*rest) for oid, *rest in json.loads(texts.pop("relations") or "[]")}
    return Scan(texts.pop("marker"), texts.pop("names"), counts, rows, texts, relations)


class Kept:
    """What is known of the catalogs' rows since the last scan."""

    def __init__(self, pipeline: Pipeline, scan: Scan, *, major: int) -> None:
        self._major = major
        self._keys = self._read(pipeline)
        self._take(scan)
        self._server = {catalog: scan.counts[catalog] - len(self._keys[catalog]) for catalog in KEYED}

    def advance(self, pipeline: Pipeline, scan: Scan) -> Changes:
        """What `scan` found; afterwards it is what is kept."""
        changes = Changes(fresh=dict(scan.rows))
        changes.unclear = self._why_unclear(scan)
        changes.rare = self._other(scan)
        changes.compared = {name for name, text in scan.compared.items() if text != self._compared[name]}
        self._take(scan)
        if lost := [catalog for catalog in KEYED if self._misses(catalog, scan)]:
            self._look_for(lost, pipeline, scan, changes)
        return changes

    def copy(self) -> Kept:
        """The same again, which goes its own way from now on."""
        found = copy(self)
        found._keys = {catalog: dict(keys) for catalog, keys in self._keys.items()}
        found._server = dict(self._server)
        return found

    @property
    def size(self) -> int:
        """How many objects there are."""
        return sum(map(len, self._keys.values()))

    def living(self, catalog: str, oids: Iterable[int]) -> set[int]:
        """Those of these objects that are there, as far as their catalog's keys are oids."""
        return self._keys[catalog].keys() & oids

    def constraints(self, oids: Iterable[int], *, owned: bool) -> set[int]:
        """Those of these constraints that are there, and belong to a relation or, not `owned`, to a type."""
        owners = self._keys["pg_constraint"]
        return {oid for oid in oids if oid in owners and bool(owners[oid]) == owned}

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

    def _look_for(self, catalogs: list[str], pipeline: Pipeline, scan: Scan, changes: Changes) -> None:
        for catalog, current in self._living(pipeline, catalogs).items():
            kept = self._keys[catalog]
            changes.gone[catalog] = [Row(key, kept.pop(key)) for key in kept.keys() - current]
            server = scan.counts[catalog] - len(current)
            if server != self._server[catalog] or len(kept) != len(current):
                self._server[catalog] = server
                changes.unclear = f"an object of the server itself came or went ({catalog})"

    def _living(self, pipeline: Pipeline, catalogs: Sequence[str]) -> dict[str, set[int]]:
        texts = key_texts(self._major)
        answers = pipeline.send([Ask(texts[catalog]) for catalog in catalogs])
        found = zip(catalogs, answers, strict=True)
        return {catalog: set(answer.rows[0][1] or ()) for catalog, answer in found}

    def _read(self, pipeline: Pipeline) -> dict[str, dict[int, int]]:
        answer = pipeline.send([Ask(query("watch_keys", major=self._major))])[0]
        return {catalog: dict(keys or ()) for catalog, keys in answer.rows}


@cache
def key_texts(major: int) -> dict[str, str]:
    """For each of `KEYED`: the statement of sql/watch_keys.sql that reads its keys, without their owners."""
    parts = query("watch_keys", major=major).split("UNION ALL -- next\n")
    found = {_CATALOG.search(part)[1]: _KEY.sub(r"array_agg(\1)", part) for part in parts}  # type: ignore[index]
    assert found.keys() == set(KEYED)
    return found
