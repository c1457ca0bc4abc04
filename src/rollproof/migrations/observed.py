"""What kind a migration turned out to be: from what its forward run changed, not from its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rollproof.migrations.classification import Classification, Kind, decide
from rollproof.migrations.coltypes import ColumnType, Fit, fit
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.json import Json
from rollproof.model.names import same_name
from rollproof.model.rows import RowChanges

_HOLD_ROWS = frozenset({"table", "column", "sequence"})
"""kinds of fact whose loss takes data along; what else goes with a schema is named by itself"""
_NO_ROWS = ("view ", "materialized view ", "foreign table ")
"""parents whose columns hold no rows of their own"""
_ACCESS = frozenset({"grant", "default privilege", "policy", "role", "user mapping"})
_ACCESS_ATTRIBUTES = frozenset({"owner", "row security", "row security forced"})
_MOST = 3
"""how many pieces of evidence a sentence names"""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a forward run did.

    Attributes:
        kind: in one word; the most dangerous of its parts.
        kinds: of all parts.
        evidence: what was seen that makes it that kind, one piece each: "4,102 rows of a.b changed".
    """

    kind: Kind
    kinds: frozenset[Kind] = frozenset()
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.kind.value


def observed_kind(
    differences: Iterable[Difference],
    changes: Iterable[RowChanges],
    *,
    ledger: str = "public.migrations",
    renamed: Sequence[tuple[str, str]] = (),
) -> Observation:
    """The kind that a forward run showed; pure.

    Args:
        differences: of the catalogs, before to after.
        changes: of the rows of the tables that were there before.
        ledger: its rows do not count.
        renamed: (before, after) as `Classification.renamed` has them: a table that is there under
            another name has not been dropped. Facts cannot tell the two apart.
    """
    everything = list(differences)
    view = _View.of(everything, renamed)
    everything = [item for item in everything if not _of_ledger(item, ledger)]
    counting = [item for item in everything if not _counts_little(item) and not view.goes_along(item)]
    seen = [(view.kind_of(item), str(item)) for item in counting]
    for change in changes:
        if not same_name(change.table, ledger) and change.table not in view.added_tables:
            seen += _of_rows(change, view)
    seen = seen or [(Kind.DEFINITION, str(item)) for item in everything]
    kinds = frozenset(kind for kind, _ in seen)
    kind = decide(kinds)
    telling = [text for found, text in seen if found is kind] or [text for _, text in seen]
    return Observation(kind, kinds, tuple(telling))


@dataclass(frozen=True, slots=True)
class _View:
    """All differences together: what one of them means depends on the others."""

    renamed: Sequence[tuple[str, str]]
    added_tables: frozenset[str]
    whole: frozenset[str]
    """objects that came or went as a whole, with all that belongs to them"""
    repartitioned: frozenset[str]
    """partitions attached or detached, and their parents: rows show elsewhere, none is lost"""
    constrained: frozenset[str]
    """parents that got a constraint: a primary key makes its columns not null"""

    @classmethod
    def of(cls, differences: Sequence[Difference], renamed: Sequence[tuple[str, str]]) -> _View:
        added = [item for item in differences if item.attribute is None and item.before is None]
        return cls(
            renamed,
            frozenset(item.name for item in added if item.kind == "table"),
            frozenset(f"{item.kind} {item.name}" for item in differences if item.attribute is None),
            frozenset(
                str(table)
                for item in differences
                if item.attribute == "partition of"
                for table in (item.name, item.before, item.after)
            ),
            frozenset(item.parent for item in added if item.kind == "constraint"),
        )

    def only_renamed(self, name: str) -> bool:
        """True for a renamed object and what is in it, by its old name or its new one."""
        return any(name in pair or name.startswith((f"{pair[0]}.", f"{pair[1]}.")) for pair in self.renamed)

    def goes_along(self, item: Difference) -> bool:
        """True for what comes or goes with the object that it belongs to; a schema's tables count apart."""
        return item.parent in self.whole and not item.parent.startswith("schema ")

    def kind_of(self, item: Difference) -> Kind:
        """What one difference makes of the whole."""
        if item.kind == "index":
            rebuilt = item.attribute in (None, "valid", "ready")
            return Kind.INDEX if rebuilt else Kind.DEFINITION
        if self.only_renamed(item.name):
            return Kind.DEFINITION
        if item.kind in _ACCESS or item.attribute in _ACCESS_ATTRIBUTES:
            return Kind.PRIVILEGE
        return self._of_object(item) if item.attribute is None else self._of_attribute(item)

    def _of_object(self, item: Difference) -> Kind:
        if item.kind == "column" and item.parent.startswith(_NO_ROWS):
            return Kind.DEFINITION
        if item.before is None:
            return Kind.ADDITIVE
        holds = item.kind in _HOLD_ROWS
        return Kind.DROPPING if holds and not _owned_sequence(item) else Kind.DEFINITION

    def _of_attribute(self, item: Difference) -> Kind:
        if _only_grows(item.before, item.after):
            return Kind.ADDITIVE
        if item.kind == "column" and item.attribute == "type" and not item.parent.startswith(_NO_ROWS):
            return Kind.DROPPING if _narrows(item.before, item.after) else Kind.DEFINITION
        by_constraint = (
            item.attribute == "nullable" and item.after is False and item.parent in self.constrained
        )
        return Kind.ADDITIVE if by_constraint else Kind.DEFINITION


def _counts_little(item: Difference) -> bool:
    """Comments, white space and where sequences stand decide only what nothing else decides."""
    little = (DifferenceClass.SEQUENCE_STATE, DifferenceClass.WHITE_SPACE)
    return item.kind == "comment" or item.klass in little


def _of_ledger(item: Difference, ledger: str) -> bool:
    """Where the sequence of the ledger's own numbers stands: every migration moves it."""
    moved = item.klass is DifferenceClass.SEQUENCE_STATE
    return moved and item.name.startswith(f"{ledger.removesuffix(chr(34))}_")


def _owned_sequence(item: Difference) -> bool:
    """The sequence of a column: what it stood at can be told from the column's values."""
    return item.kind == "sequence" and isinstance(item.before, Mapping) and bool(item.before.get("owned by"))


def _only_grows(before: Json, after: Json) -> bool:
    """True for a list that has new items and all of its old ones, in their order, as an enum's labels."""
    if not isinstance(before, list | tuple) or not isinstance(after, list | tuple):
        return False
    rest = iter(after)
    return len(after) > len(before) and all(item in rest for item in before)


def _narrows(before: Json, after: Json) -> bool:
    return fit(ColumnType.parse(str(before)), ColumnType.parse(str(after))) is Fit.NARROWS


def _of_rows(change: RowChanges, view: _View) -> list[tuple[Kind, str]]:
    table = change.table
    if table in view.repartitioned and not (change.changed or change.lost_columns):
        return [(Kind.DEFINITION, f"{_rows(change.lost + change.added)} of {table} show elsewhere")]
    if change.missing_table:
        if view.only_renamed(table):
            return []
        return [(Kind.DROPPING, f"table {table} is gone with {_rows(change.lost)}")]
    seen = [
        (Kind.DROPPING, f"column {table}.{column} is gone with the values of {_rows(count)}")
        for column, count in change.lost_columns.items()
        if f"column {table}.{column}" in view.whole and not view.only_renamed(f"{table}.{column}")
    ]
    if change.lost:
        seen.append((Kind.DATA, f"{_rows(change.lost)} of {table} deleted"))
    if change.changed:
        seen.append((Kind.DATA, f"{_rows(change.changed)} of {table} changed"))
    if change.added:
        seen.append((Kind.ROWS, f"{_rows(change.added)} added to {table}"))
    return seen


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def disagreement(static: Classification, observed: Observation) -> str | None:
    """One sentence when text and run do not say the same; None when they do.

    A kind that is undecided from the text disagrees with nothing: there what happened is the answer.
    Among the kinds that touch no rows, parts of what the text names are no disagreement.
    """
    if static.kind is Kind.UNDECIDED or static.kind is observed.kind:
        return None
    both_structural = static.kind.structural and observed.kind.structural
    if both_structural and observed.kinds <= static.kinds:
        return None
    return f"the text says {static.kind}; what happened: {_say(observed)}"


def untried(static: Classification, observed: Observation) -> bool:
    """Whether the text is about rows, and none was there that it fits: what it does to any is not told."""
    about_rows = frozenset({Kind.DATA, Kind.ROWS})
    return static.kind in about_rows and not observed.kinds & about_rows and observed.kinds <= static.kinds


def _say(observed: Observation) -> str:
    if observed.kind is Kind.NOTHING:
        return "nothing changed that lasts"
    named = list(observed.evidence[:_MOST])
    rest = len(observed.evidence) - len(named)
    return "; ".join([*named, f"and {rest} more"] if rest else named)
