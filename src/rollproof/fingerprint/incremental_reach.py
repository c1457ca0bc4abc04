"""From changed catalog rows to all objects whose facts may now be other than they were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rollproof.fingerprint.incremental_scan import Changes, Row
from rollproof.fingerprint.incremental_statements import ANY, GRANTED
from rollproof.fingerprint.pipeline import Pipeline
from rollproof.fingerprint.queries import query

_PART_OF = {
    "pg_attribute": "pg_class",
    "pg_attrdef": "pg_class",
    "pg_inherits": "pg_class",
    "pg_sequence": "pg_class",
    "pg_partitioned_table": "pg_class",
    "pg_foreign_table": "pg_class",
    "pg_enum": "pg_type",
    "pg_range": "pg_type",
    "pg_aggregate": "pg_proc",
}
"""Catalogs whose rows are told with their owner, which is of this catalog."""
_NO_OBJECTS = frozenset(
    {"pg_description", "pg_namespace", "pg_ts_config_map", "pg_init_privs", "pg_seclabel"}
)
"""Rows that nothing depends on; a schema's new name, which much does, asks for a full fingerprint anyway."""
_RESTRICTED = frozenset(
    {
        "pg_class",
        "pg_attrdef",
        "pg_constraint",
        "pg_trigger",
        "pg_policy",
        "pg_rewrite",
        "pg_statistic_ext",
        "pg_type",
        "pg_proc",
        "pg_namespace",
        "untold",
    }
)
"""Catalogs of whose objects the facts can be read one by one; "untold" is what has no facts."""
_GRANTED = ("pg_proc", "pg_type", "pg_namespace", "pg_foreign_data_wrapper", "pg_foreign_server")


@dataclass(frozen=True, slots=True)
class Reached:
    """What to read anew.

    Attributes:
        oids: the objects, by catalog; under `ANY` those of all catalogs.
        rare: what is read as a whole has to be.
    """

    oids: dict[str, frozenset[int]]
    rare: bool

    def __len__(self) -> int:
        return len(self.oids[ANY])

    def also(self, catalog: str, oids: Iterable[int]) -> Reached:
        """With these objects."""
        more = {name: self.oids.get(name, frozenset()).union(oids) for name in (catalog, ANY)}
        return Reached({**self.oids, **more}, self.rare)


def reach(pipeline: Pipeline, changes: Changes, *, major: int) -> Reached:
    """All objects whose facts may print something of what changed (watch_reach.sql), and these themselves."""
    found = _dependents(pipeline, _seeds(changes), major)
    alone = {row.owner for row in _rows(changes, "pg_description")}
    schemas = {row.key for row in _rows(changes, "pg_namespace")}
    found["pg_namespace"] = found.get("pg_namespace", frozenset()) | schemas
    rare = changes.rare or not found.keys() <= _RESTRICTED
    found[GRANTED] = frozenset().union(*(found.get(catalog, ()) for catalog in _GRANTED))
    found[ANY] = frozenset(alone.union(*found.values()))
    return Reached(found, rare)


def _seeds(changes: Changes) -> set[tuple[str, int]]:
    """Catalog (by name or oid) and oid of each object that was itself changed, or is gone."""
    seeds: set[tuple[str, int]] = set()
    for catalog in {*changes.fresh, *changes.gone} - _NO_OBJECTS:
        for row in _rows(changes, catalog):
            if catalog == "pg_depend":  # its key is the catalog of the object that joined an extension
                seeds.add((str(row.key), row.owner))
            elif catalog == "pg_index":
                seeds.add(("pg_class", row.key))
            else:
                of = _PART_OF.get(catalog)
                seeds.add((of, row.owner) if of else (catalog, row.key))
    return seeds


def _rows(changes: Changes, catalog: str) -> Iterable[Row]:
    return [*changes.fresh.get(catalog, ()), *changes.gone.get(catalog, ())]


def _dependents(pipeline: Pipeline, seeds: set[tuple[str, int]], major: int) -> dict[str, frozenset[int]]:
    if not seeds:
        return {}
    catalogs, oids = zip(*seeds, strict=True)
    rows = pipeline.one(query("watch_reach", major=major), _array(catalogs), _array(oids))
    return {catalog: frozenset(found) for catalog, found in rows}


def _array(values: Iterable[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
