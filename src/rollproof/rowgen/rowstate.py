"""What the rows of all tables are at one moment, and how two moments differ; pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rollproof.fingerprint.tables import KeyKind, UserTable
from rollproof.model.rows import KEYS_LISTED, RowChanges
from rollproof.privacy.keys import may_show

Row = tuple[str | None, ...]
_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,]*)(?:,|$)')
_SECRET = secrets.token_bytes(32)


def keyed_digest(text: str) -> str:
    """What is shown for a key that may be personal data: nobody can guess from it whose row it is.

    The key of the HMAC is this process's own, and never leaves it.
    """
    return "#" + hmac.new(_SECRET, text.encode(), hashlib.sha256).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Summary:
    """A table that is too large to be held row by row.

    Attributes:
        digest: of all rows. values: column -> number of values that are not null.
        columns: column -> digest of its values with their rows' keys.
    """

    digest: str
    values: Mapping[str, int]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class TableState:
    """One table at one moment.

    Attributes:
        table: its columns and its key. quoted: column -> its name as SQL needs it.
        rows: how many. lines: each row as the server writes it, in the order of reading; empty when
            there is a summary instead.
    """

    table: UserTable
    quoted: Mapping[str, str]
    rows: int
    lines: tuple[str, ...] = ()
    summary: Summary | None = None

    @cached_property
    def fields(self) -> tuple[Row, ...]:
        """Each row's values as the server writes them inside a row, None for null."""
        return tuple(split_row(line) for line in self.lines)

    def values_in(self, column: str) -> int:
        """How many values of `column` are not null."""
        if self.summary is not None:
            return self.summary.values[column]
        at = self.table.columns.index(column)
        return sum(row[at] is not None for row in self.fields)

    def by(self, columns: Sequence[str]) -> list[Row]:
        """The rows cut to these columns, in this order."""
        places = [self.table.columns.index(column) for column in columns]
        return [tuple(row[place] for place in places) for row in self.fields]


@dataclass(frozen=True)
class RowState:
    """All tables at one moment; equal tables are shared between states, so that keeping some is cheap.

    Values are held in memory for as long as the state is, and written nowhere.
    """

    states: Mapping[str, TableState] = field(default_factory=dict, repr=False)

    @property
    def tables(self) -> Mapping[str, int]:
        """Qualified name -> number of rows."""
        return {name: state.rows for name, state in self.states.items()}


def split_row(line: str) -> Row:
    """The values of a row's text, quoted where the server quotes them; None for null (`record_out`)."""
    inside, fields, position = line[1:-1], [], 0
    while True:
        match = _FIELD.match(inside, position)
        assert match is not None
        fields.append(match[1] or None)
        position = match.end()
        if match.end() == match.end(1):
            return tuple(fields)


def compare_states(
    before: RowState, after: RowState, *, digester: Callable[[str], str] = keyed_digest
) -> tuple[RowChanges, ...]:
    """How the rows differ: one entry for each table whose rows of `before` are not all there as they were.

    The rules are those of `fingerprint.compare_rows`: values are compared by their text, column by
    column and by the columns' names; a column or a table that came since does not count, nor does
    an empty table that is gone. A renamed column is one that is gone. A table of which only digests
    are held is compared by them, and `incomplete` says so.

    Args:
        digester: what to show for a key that is no integer and no uuid.
    """
    found = (
        _compare(state, after.states.get(name), digester)
        for name, state in sorted(before.states.items())
        if after.states.get(name) is not state
    )
    return tuple(changes for changes in found if changes != RowChanges(changes.table))


def discards(before: RowState, after: RowState) -> tuple[str, ...]:
    """Tables with rows, and columns with values, that are in `after` and were not in `before`.

    A migration made them: they go with its rollback, as they must. Names are qualified, as in SQL.
    """
    return tuple(
        name
        for table, state in sorted(after.states.items())
        if state.rows and before.states.get(table) is not state
        for name in _discarded(before.states.get(table), state)
    )


def _discarded(before: TableState | None, after: TableState) -> Iterator[str]:
    if before is None:
        yield after.table.qualified
        return
    for column in after.table.columns:
        if column not in before.table.columns and after.values_in(column):
            yield f"{after.table.qualified}.{after.quoted[column]}"


def _compare(before: TableState, after: TableState | None, digester: Callable[[str], str]) -> RowChanges:
    name = before.table.qualified
    if after is None:
        keys = _Keys(before, digester)
        lost = keys.shown(keys.rows()) if before.rows and keys.columns else ()
        return RowChanges(name, lost=before.rows, lost_keys=lost, missing_table=bool(before.rows))
    if before.summary is not None or after.summary is not None:
        return _by_summaries(before, after)
    if before.lines == after.lines and before.table.columns == after.table.columns:
        return RowChanges(name)
    return _by_key(before, after, digester) if _key_holds(before, after) else _without_key(before, after)


class _Keys:
    """A table's rows by the key of `before`."""

    def __init__(self, before: TableState, digester: Callable[[str], str]) -> None:
        self.state, self.digester = before, digester
        self.columns = before.table.key
        self.kinds = before.table.kinds_of(self.columns)

    def rows(self) -> list[Row]:
        return self.state.by(self.columns)

    def shown(self, keys: Sequence[Row]) -> tuple[str, ...]:
        """`tenant_id=3, id=42`, or with a digest for what may be personal data; numbers in their order."""
        in_order = sorted(keys, key=self._order)[:KEYS_LISTED]
        return tuple(", ".join(self._parts(key)) for key in in_order)

    def _order(self, key: Row) -> tuple[tuple[int, str], ...]:
        return tuple(
            (int(value or 0), "") if kind is KeyKind.INTEGER else (0, value or "")
            for value, kind in zip(key, self.kinds, strict=True)
        )

    def _parts(self, key: Row) -> Iterator[str]:
        for column, value, kind in zip(self.columns, key, self.kinds, strict=True):
            text = value or ""
            hidden = kind is KeyKind.HIDDEN or (kind is KeyKind.INTEGER and not may_show(column, text))
            yield f"{column}={self.digester(text) if hidden else text}"


def _key_holds(before: TableState, after: TableState) -> bool:
    """True when the key of `before` tells the rows of `after` apart, by values of the same kind."""
    key = before.table.key
    if not key or not set(key) <= set(after.table.columns):
        return False
    if before.table.kinds_of(key) != after.table.kinds_of(key):
        return False
    keys = after.by(key)
    return len(set(keys)) == len(keys) and not any(None in row for row in keys)


def _by_key(before: TableState, after: TableState, digester: Callable[[str], str]) -> RowChanges:
    keys = _Keys(before, digester)
    common = [column for column in before.table.columns if column in after.table.columns]
    gone = [column for column in before.table.columns if column not in after.table.columns]
    old = dict(zip(keys.rows(), zip(before.by(common), before.by(gone), strict=True), strict=True))
    new = dict(zip(after.by(keys.columns), after.by(common), strict=True))
    lost_columns: Counter[str] = Counter()
    changed = []
    for key in old.keys() & new.keys():
        (was, went), now = old[key], new[key]
        lost_columns.update(c for c, a, b in zip(common, was, now, strict=True) if a != b and a is not None)
        lost_columns.update(c for c, a in zip(gone, went, strict=True) if a is not None)
        if was != now:
            changed.append(key)
    lost, added = [key for key in old if key not in new], [key for key in new if key not in old]
    return RowChanges(
        before.table.qualified,
        len(lost),
        len(changed),
        len(added),
        keys.shown(lost),
        keys.shown(changed),
        keys.shown(added),
        lost_columns=dict(sorted(lost_columns.items())),
    )


def _without_key(before: TableState, after: TableState) -> RowChanges:
    common = [column for column in before.table.columns if column in after.table.columns]
    gone = [column for column in before.table.columns if column not in after.table.columns]
    old, new = Counter(before.by(common)), Counter(after.by(common))
    values = {column: before.values_in(column) for column in gone}
    return RowChanges(
        before.table.qualified,
        lost=(old - new).total(),
        added=(new - old).total(),
        lost_columns={column: count for column, count in values.items() if count},
    )


def _by_summaries(before: TableState, after: TableState) -> RowChanges:
    """What can be said of a table that is not held row by row on one side at least."""
    name = before.table.qualified
    gone = [column for column in before.table.columns if column not in after.table.columns]
    values = {column: before.values_in(column) for column in gone}
    lost_columns = {column: count for column, count in values.items() if count}
    other = _other_columns(before, after)
    if other == []:
        return RowChanges(name, lost_columns=lost_columns)
    lost, added = max(before.rows - after.rows, 0), max(after.rows - before.rows, 0)
    same_count = not lost and not added
    certain = same_count and before.table.columns == after.table.columns and before.summary and after.summary
    without_key = int(bool(certain and not other))
    return RowChanges(
        name,
        lost=lost or without_key,
        changed=int(bool(other) and same_count),
        added=added or without_key,
        lost_columns=lost_columns,
        incomplete="the table is too large to be held row by row; columns with other values: "
        + (", ".join(other or ()) or "not known"),
    )


def _other_columns(before: TableState, after: TableState) -> list[str] | None:
    """Columns with other values; empty when all that is left is as it was, None when it cannot be told.

    With a key, a column's digest is over its values beside their keys; without one, values that
    changed places would not show in it.
    """
    old, new = before.summary, after.summary
    if old is None or new is None:
        return None
    if before.table.columns == after.table.columns and (old.digest, before.rows) == (new.digest, after.rows):
        return []
    if before.table.key != after.table.key or not before.table.key:
        return None
    common = [column for column in before.table.columns if column in new.columns]
    other = [column for column in common if old.columns[column] != new.columns[column]]
    return other or (None if before.rows != after.rows else [])
