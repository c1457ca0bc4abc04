"""What is in the tables, without keeping what is in the tables: digests, counts and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollproof.model.json import Json


@dataclass(frozen=True, slots=True)
class RowDigest:
    """A digest of all rows of a table that two orders of the same rows share.

    Attributes:
        rows: how many rows.
        value: the digest, a decimal string (a sum of 64-bit hashes does not fit JSON's integers).
    """

    rows: int
    value: str


@dataclass(frozen=True, slots=True)
class TableRows:
    """One table's rows at one moment.

    Attributes:
        table: qualified name.
        columns: columns that entered the digest, by name, sorted (generated columns included).
        key: primary key columns in key order; empty when the table has none.
        digest: over all those columns.
    """

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    digest: RowDigest

    def to_json(self) -> dict[str, Json]:
        return {
            "table": self.table,
            "columns": list(self.columns),
            "key": list(self.key),
            "rows": self.digest.rows,
            "digest": self.digest.value,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> TableRows:
        columns, key, rows = data["columns"], data["key"], data["rows"]
        assert isinstance(columns, list)
        assert isinstance(key, list)
        assert isinstance(rows, int)
        return cls(
            str(data["table"]),
            tuple(map(str, columns)),
            tuple(map(str, key)),
            RowDigest(rows, str(data["digest"])),
        )


@dataclass(frozen=True, slots=True)
class RowChanges:
    """How one table's rows differ between two moments.

    Keys are texts such as `id=42`: the values of integer and uuid keys, and a keyed digest
    (`#1f3a…`) for keys that may be personal data. At most `KEYS_LISTED` of each are kept here;
    the counts are complete unless `incomplete` says why not.

    Attributes:
        lost, changed, added: number of rows before but not after; in both but other; only after.
            A table without a key has no changed rows: one is lost and another added.
        lost_columns: column -> number of values that were not null and are not there any more,
            in rows that still are: the column is gone, or another value or null stands there.
        missing_table: True when the whole table is gone.
        incomplete: why the counts are lower bounds, or nothing could be compared; empty when they
            are exact. A claim about rows that rests on such changes is unknown, unless refuted.
    """

    table: str
    lost: int = 0
    changed: int = 0
    added: int = 0
    lost_keys: tuple[str, ...] = ()
    changed_keys: tuple[str, ...] = ()
    added_keys: tuple[str, ...] = ()
    lost_columns: Mapping[str, int] = field(default_factory=dict)
    missing_table: bool = False
    incomplete: str = ""

    @property
    def loses(self) -> bool:
        """True when something that was there is not there any more."""
        return bool(self.lost or self.changed or self.lost_columns or self.missing_table)

    def to_json(self) -> dict[str, Json]:
        return {
            "table": self.table,
            "lost": self.lost,
            "changed": self.changed,
            "added": self.added,
            "lost_keys": list(self.lost_keys),
            "changed_keys": list(self.changed_keys),
            "added_keys": list(self.added_keys),
            "lost_columns": dict(self.lost_columns),
            "missing_table": self.missing_table,
            "incomplete": self.incomplete,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> RowChanges:
        raw = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
        return cls(**raw)  # type: ignore[arg-type]  # the shape is to_json's own


KEYS_LISTED = 1000
