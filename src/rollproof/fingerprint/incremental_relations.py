"""The relations of the last look: which of them changed since, and which were written anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollproof.fingerprint.pipeline import Pipeline
from rollproof.fingerprint.queries import query

if TYPE_CHECKING:
    from rollproof.fingerprint.incremental_scan import Changes, Scan

_TELLING = (
    "pg_class",
    "pg_attribute",
    "pg_attrdef",
    "pg_constraint",
    "pg_index",
    "pg_trigger",
    "pg_policy",
    "pg_rewrite",
    "pg_inherits",
    "pg_statistic_ext",
    "pg_sequence",
    "pg_partitioned_table",
    "pg_foreign_table",
)
"""Catalogs whose rows belong to a relation, which a scan names as their owner."""
_WITH_ROWS = frozenset("rpfvm")
"""What can be selected from: tables, partitioned and foreign ones, views and materialized views."""
_WITH_STORAGE = frozenset("rmi")
_TOAST = "pg_toast."
"""The schema of toast tables and their indexes, which go with the table that they belong to."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One row of watch_relations.sql. `storage` is the relfilenode, 0 without one; `kind` is the relkind."""

    name: str
    namespace: int
    kind: str
    persistence: str
    storage: int

    @property
    def listed(self) -> bool:
        return self.kind in _WITH_ROWS and self.persistence != "t"

    @property
    def stored(self) -> bool:
        return self.kind in _WITH_STORAGE and self.persistence != "t" and not self.name.startswith(_TOAST)


class Relations:
    """All relations, kept up to date by what a scan found."""

    def __init__(self, pipeline: Pipeline, *, major: int) -> None:
        self._major = major
        self._known = self._read(pipeline)
        self._schemas = self._read_schemas(pipeline)
        self.changed = frozenset(relation.name for relation in self._known.values() if relation.listed)
        self.rewritten: tuple[str, ...] = ()
        self.sequences_changed = True

    def rest(self) -> None:
        """Nothing has changed."""
        self.changed, self.rewritten = frozenset(), ()

    def advance(self, pipeline: Pipeline, scan: Scan, changes: Changes) -> str:
        """Follows the changes; says why only a full fingerprint will do, or nothing."""
        before = self._known
        self._known = dict(before)
        renamed = self._rename_schemas(pipeline, changes)
        for row in changes.gone.get("pg_class", ()):
            self._known.pop(row.key, None)
        self._known |= self._read(pipeline) if renamed else scan.relations
        self._tell(before, changes)
        return "a schema was renamed" if renamed else ""

    def of_kinds(self, kinds: str, oids: Iterable[int]) -> set[int]:
        """Those of these relations that are there and of one of these kinds (relkind)."""
        return {oid for oid in oids if oid in self._known and self._known[oid].kind in kinds}

    def _tell(self, before: dict[int, Relation], changes: Changes) -> None:
        found = (changes.fresh, changes.gone)
        owners = {row.owner for rows in found for catalog in _TELLING for row in rows.get(catalog, ())}
        owners |= {
            oid
            for oid, relation in before.items()
            if (now := self._known.get(oid)) is not relation and now != relation
        }
        both = [known[oid] for known in (before, self._known) for oid in owners if oid in known]
        self.changed = frozenset(relation.name for relation in both if relation.listed)
        self.sequences_changed = any(relation.kind == "S" for relation in both)
        again = (self._known[oid] for oid in owners if self._rewritten(before.get(oid), self._known.get(oid)))
        self.rewritten = tuple(sorted(relation.name for relation in again))

    @staticmethod
    def _rewritten(before: Relation | None, after: Relation | None) -> bool:
        if before is None or after is None or not after.stored:
            return False
        return 0 not in (before.storage, after.storage) and before.storage != after.storage

    def _rename_schemas(self, pipeline: Pipeline, changes: Changes) -> bool:
        if "pg_namespace" not in changes.fresh and "pg_namespace" not in changes.gone:
            return False
        before, self._schemas = self._schemas, self._read_schemas(pipeline)
        return any(self._schemas.get(oid, name) != name for oid, name in before.items())

    def _read(self, pipeline: Pipeline) -> dict[int, Relation]:
        rows = pipeline.one(query("watch_relations", major=self._major))
        return {oid: Relation(*row) for oid, *row in rows}

    def _read_schemas(self, pipeline: Pipeline) -> dict[int, str]:
        return dict(pipeline.one(query("watch_schemas", major=self._major)))
