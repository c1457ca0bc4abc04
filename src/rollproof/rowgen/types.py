"""The types of columns, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Type:
    """One type.

    Attributes:
        name: as SQL needs it, wherever search_path points. bare: without schema and quotes.
        kind: `b` base, `e` enum, `d` domain, `c` composite, `r` range, `m` multirange, `a` array.
        of: what a domain, a range, a multirange or an array is made of; 0 for others.
        modifier: of a domain's base type; -1 for none. required: a domain that refuses null.
        checks: a domain's conditions on VALUE. labels: an enum's. attributes: type and modifier of
            each attribute of a composite.
    """

    oid: int
    name: str
    bare: str
    kind: str
    takes_modifier: bool = False
    of: int = 0
    modifier: int = -1
    required: bool = False
    checks: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    attributes: tuple[tuple[int, int], ...] = ()

    @property
    def built_in(self) -> bool:
        """True when no migration can change it."""
        return self.oid < 16384


def type_of(row: Mapping[str, Any]) -> Type:
    """A row of sql/types.sql."""
    attributes = tuple((oid, modifier) for oid, modifier in row["attributes"])
    lists = {"checks": tuple(row["checks"]), "labels": tuple(row["labels"]), "attributes": attributes}
    return Type(**{**row, **lists})
