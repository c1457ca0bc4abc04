"""Merging two listings of one table, line by line: what is lost, changed and added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rollproof.fingerprint.listing import NULL, Layout, Line
from rollproof.fingerprint.tables import KeyKind
from rollproof.model.rows import KEYS_LISTED, RowChanges
from rollproof.privacy.keys import may_show

Digester = Callable[[str], str]
"""What to show for a key that may be personal data, given a digest of it."""


@dataclass
class Tally:
    """What was found so far."""

    table: str
    digester: Digester
    counts: Counter[str] = field(default_factory=Counter)
    keys: dict[str, list[str]] = field(default_factory=dict)
    columns: Counter[str] = field(default_factory=Counter)
    incomplete: str = ""

    def note(self, what: str, line: Line, layout: Layout) -> None:
        """One row that is lost, changed or added."""
        self.counts[what] += 1
        keys = self.keys.setdefault(what, [])
        if layout.key and len(keys) < KEYS_LISTED:
            keys.append(shown_key(line, layout, self.digester))

    def changes(self, *, missing_table: bool = False) -> RowChanges:
        return RowChanges(
            self.table,
            self.counts["lost"],
            self.counts["changed"],
            self.counts["added"],
            tuple(self.keys.get("lost", ())),
            tuple(self.keys.get("changed", ())),
            tuple(self.keys.get("added", ())),
            lost_columns=dict(sorted(self.columns.items())),
            missing_table=missing_table,
            incomplete=self.incomplete,
        )


def shown_key(line: Line, layout: Layout, digester: Digester) -> str:
    """`tenant_id=3, id=42`, or with a digest for what may be personal data."""
    parts = [
        f"{column}={shown_value(column, kind, value.decode(), digester)}"
        for column, kind, value in zip(layout.key, layout.kinds, line, strict=False)
    ]
    return ", ".join(parts)


def shown_value(column: str, kind: KeyKind, value: str, digester: Digester) -> str:
    """A key's value, or its digest when it may be a person's: an integer may be a CPF number."""
    hidden = kind is KeyKind.HIDDEN or (kind is KeyKind.INTEGER and not may_show(column, value))
    return digester(value) if hidden else value


def merge_by_key(
    kept: Iterable[bytes], now: Iterable[bytes], layouts: tuple[Layout, Layout], tally: Tally
) -> None:
    """Both sorted by key, each key once. Rows are compared by `_compare` where a key is in both."""
    old_layout, new_layout = layouts
    same_layout = old_layout == new_layout
    old_lines, new_lines = iter(kept), iter(now)
    old, new = next(old_lines, None), next(new_lines, None)
    while old is not None or new is not None:
        if same_layout and old == new:
            old, new = next(old_lines, None), next(new_lines, None)
            continue
        old_fields, new_fields = (line.split(b"\t") if line is not None else None for line in (old, new))
        order = _order(old_fields, new_fields, layouts)
        if order == 0 and old_fields is not None and new_fields is not None:
            _compare(old_fields, new_fields, layouts, tally)
        elif order < 0 and old_fields is not None:
            tally.note("lost", old_fields, old_layout)
        elif new_fields is not None:
            tally.note("added", new_fields, new_layout)
        old = next(old_lines, None) if order <= 0 else old
        new = next(new_lines, None) if order >= 0 else new


def _order(old: Line | None, new: Line | None, layouts: tuple[Layout, Layout]) -> int:
    """Negative when the old line comes first, positive when the new one does, 0 for the same key."""
    if old is None or new is None:
        return 1 if old is None else -1
    before, after = layouts[0].sort_key(old), layouts[1].sort_key(new)
    return (before > after) - (before < after)


def _compare(old: Line, new: Line, layouts: tuple[Layout, Layout], tally: Tally) -> None:
    old_layout, new_layout = layouts
    whole = old_layout.hashed == new_layout.hashed
    if whole and old_layout.row(old) == new_layout.row(new):
        return
    before, after = old_layout.column_hashes(old), new_layout.column_hashes(new)
    other = [column for column, value in before.items() if after.get(column, NULL) != value]
    tally.columns.update(column for column in other if before[column] != NULL)
    if whole or any(column in after for column in other):
        tally.note("changed", new, new_layout)


def merge_as_multisets(kept: Iterable[bytes], now: Iterable[bytes], tally: Tally) -> None:
    """Both sorted by their bytes; a row that came twice and comes once is lost once."""
    old_lines, new_lines = iter(kept), iter(now)
    old, new = next(old_lines, None), next(new_lines, None)
    while old is not None or new is not None:
        lost = new is None or (old is not None and old < new)
        added = old is None or (new is not None and new < old)
        if lost or added:
            tally.counts["lost" if lost else "added"] += 1
        old = old if added else next(old_lines, None)
        new = new if lost else next(new_lines, None)
