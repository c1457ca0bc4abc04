"""SQL that makes one table's rows: what it writes is chosen by the server itself, out of candidates.

Columns that no condition joins get their plain values. Columns that a CHECK, the bound of a partition
or a foreign key joins form a group: the group's candidates are crossed in a subquery, the conditions
are its WHERE, and the first row that passes is taken. So it is always the server that says what a
condition accepts, and one statement makes all rows of a table.
"""

# ruff: noqa: S608  names and values go through name() and quoted(), which quote them; composing is too slow here
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pglast import parser

from rollproof.fingerprint.meaning import nodes, tree
from rollproof.rowgen.candidates import Wanted, candidates
from rollproof.rowgen.shapes import Check, Column, ForeignKey, Leaf, Shape
from rollproof.rowgen.values import Values, quoted

COMBINATIONS = 20_000
"""Candidates of one group that are tried at most."""
PARENTS = 16
"""Rows of a table that another's rows are made to refer to, at most."""
TARGET = "rollproof_target"
_ROOM = 3


class CannotMake(Exception):
    """Why no row can be made, in a few words."""


def name(*parts: str) -> str:
    """An SQL name, quoted."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


@dataclass
class _Group:
    """Columns that conditions join."""

    columns: set[str]
    checks: list[str] = field(default_factory=list)
    keys: list[ForeignKey] = field(default_factory=list)


class RowSource:
    """Makes rows of one table.

    Args:
        predicted: oid of a table -> what makes its rows; for keys that must be set and refer to a row
            that is made in the same statement.
        choice: take this combination of a group's candidates, without asking what its conditions say
            of it; for conditions that end in an error for some values.
    """

    def __init__(
        self,
        shape: Shape,
        values: Values,
        *,
        predicted: Mapping[int, RowSource] | None = None,
        choice: int | None = None,
    ) -> None:
        self.shape, self.values, self.predicted, self.choice = shape, values, predicted or {}, choice

    def insert(self, numbers: Iterable[int], leaves: Sequence[Leaf] = ()) -> str:
        """One INSERT of a row for each number, into each of the leaves by turns; it returns `returning`.

        Raises CannotMake when a column that must be set is of a type that nothing is known of.
        """
        rows = [self.row(n, leaves[at % len(leaves)] if leaves else None) for at, n in enumerate(numbers)]
        columns = [column.name for column in self.shape.written if column.name in rows[0][0]]
        parts = [f"SELECT {', '.join(row[column] for column in columns)} {source}" for row, source in rows]
        target = name(self.shape.schema, self.shape.name) + (
            f" ({', '.join(map(name, columns))})" if columns else ""
        )
        body = " UNION ALL ".join(parts) if columns else f"SELECT FROM generate_series(1, {len(rows)})"
        conflict = "" if self.shape.plain_only else " ON CONFLICT DO NOTHING"
        return f"INSERT INTO {target} {body}{conflict} RETURNING {self.returning()}"

    def returning(self) -> str:
        """What tells a row again, its key's texts; and, for each foreign key, whether it is null."""
        key = ", ".join(f"{name(column)}::text" for column in self.shape.primary_key)
        nulls = ", ".join(self._is_null(reference) for reference in self.shape.keys)
        leaf = "tableoid::bigint AS rollproof_leaf"
        return f"ARRAY[{key}]::text[] AS rollproof_key, ARRAY[{nulls}]::boolean[] AS rollproof_null, {leaf}"

    def _is_null(self, key: ForeignKey) -> str:
        return "(" + " OR ".join(f"{name(column)} IS NULL" for column in key.columns) + ")"

    def update(self, columns: Iterable[str], n: int, row: Mapping[str, str]) -> str:
        """One UPDATE of these columns, of the row that `row` tells by its key."""
        wanted = {column for column in columns if self.shape.by_name[column].written}
        exprs, source = self._columns(wanted, n, None, fresh=False)
        names = [column for column in sorted(wanted) if column in exprs]
        if not names:
            raise CannotMake("nothing is known of the types of " + ", ".join(sorted(wanted)))
        where = " AND ".join(f"{name(column)} = {quoted(text)}" for column, text in row.items())
        sets = f"({', '.join(map(name, names))}) = (SELECT {', '.join(exprs[c] for c in names)} {source})"
        only = "" if self.shape.kind == "p" else "ONLY "
        target = f"{only}{name(self.shape.schema, self.shape.name)} AS {TARGET}"
        if len(names) == 1:
            sets = f"{name(names[0])} = (SELECT {exprs[names[0]]} {source})"
        return f"UPDATE {target} SET {sets} WHERE {where} RETURNING {self.returning()}"

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns that stay null, or as their default says: nothing is known of their types."""
        return tuple(
            column.name
            for column in self.shape.written
            if self.values.is_unknown(column.type, column.modifier)
        )

    def row(self, n: int, leaf: Leaf | None) -> tuple[dict[str, str], str]:
        """Each column's SQL, and the FROM clause that it needs."""
        return self._columns({column.name for column in self.shape.written}, n, leaf, fresh=True)

    def plain(self, column: Column, n: int) -> str | None:
        """The plain value of a column that no condition holds for."""
        return self.values.value(column.type, column.modifier, n, f"{self.shape.qualified} {column.name}")

    def _columns(
        self, wanted: set[str], n: int, leaf: Leaf | None, *, fresh: bool
    ) -> tuple[dict[str, str], str]:
        exprs: dict[str, str] = {}
        if fresh:
            exprs.update(self._own_references(n))
        grouped = self._groups(wanted - exprs.keys(), n, leaf, fresh=fresh)
        inside = {column for group in grouped for column in group.columns}
        for column in sorted(wanted - exprs.keys() - inside):
            if (value := self._known(self.shape.by_name[column], n)) is not None:
                exprs[column] = value
        source = []
        for at, group in enumerate(grouped):
            alias = f"rollproof_{at}"
            exprs.update({column: f"{alias}.{name(column)}" for column in group.columns})
            source.append(f"CROSS JOIN LATERAL ({self._group(group, n, fresh=fresh)}) AS {alias}")
        return exprs, f"FROM (SELECT) AS rollproof_one {' '.join(source)}" if source else ""

    def _known(self, column: Column, n: int) -> str | None:
        value = self.plain(column, n)
        if value is None and column.required and column.default is None:
            kind = self.values.types[column.type].name
            raise CannotMake(f"column {column.name} must be set, and no value of type {kind} is known")
        return value

    def _own_references(self, n: int) -> dict[str, str]:
        """Columns that refer to rows of the table itself: null at first, or to the very row."""
        found: dict[str, str] = {}
        for key in self.shape.keys:
            if not self._is_own(key):
                continue
            for column in self.optional(key):
                found[column] = f"CAST(NULL AS {self.values.types[self.shape.by_name[column].type].name})"
            if self.optional(key):
                continue
            for column, target in zip(key.columns, key.refers, strict=True):
                if column != target and self.shape.by_name[column].written:
                    value = self.plain(self.shape.by_name[target], n)
                    if value is None or not self.shape.by_name[target].written:
                        raise CannotMake(
                            f"key {key.name} refers to {target} of the same row, which the server makes"
                        )
                    found[column] = value
                    found[target] = value
        return found

    def _is_own(self, key: ForeignKey) -> bool:
        return key.table == self.shape.oid

    def optional(self, key: ForeignKey) -> list[str]:
        """The columns to be written of a key that may be null, without those of another key."""
        others = {c for other in self.shape.keys if other is not key for c in other.columns}
        columns = [self.shape.by_name[column] for column in key.columns]
        return [c.name for c in columns if c.written and not self._required(c) and c.name not in others]

    def _required(self, column: Column) -> bool:
        kind = self.values.types[column.type]
        while kind.kind == "d":
            if kind.required:
                return True
            kind = self.values.types[kind.of]
        return column.required

    def _groups(self, wanted: set[str], n: int, leaf: Leaf | None, *, fresh: bool) -> list[_Group]:
        groups: list[_Group] = []
        for key in self.shape.keys:
            joined = wanted & set(key.columns)
            if joined and not (fresh and self._is_own(key)):
                groups.append(_Group(joined, keys=[key]))
        for check in self._checks(leaf):
            joined = wanted & set(check.columns)
            reachable = joined == set(check.columns) if fresh else bool(joined)
            if joined and reachable:
                groups.append(_Group(joined, checks=[check.expression]))
        return _together(groups)

    def _checks(self, leaf: Leaf | None) -> list[Check]:
        bound = [Check("", _columns_in(leaf.bound), leaf.bound)] if leaf and leaf.bound else []
        return [*self.shape.checks, *bound]

    def _group(self, group: _Group, n: int, *, fresh: bool) -> str:
        """The first combination of the group's candidates that passes its conditions."""
        sources: list[str] = []
        shown: dict[str, str] = {}
        in_keys: set[str] = set()
        conditions = [f"({check}) IS NOT FALSE" for check in group.checks]
        equal = []
        for at, key in enumerate(group.keys):
            alias = f"f{at}"
            columns = [column for column in key.columns if column in group.columns]
            sources.append(f"({self._parents(key, columns, n, fresh=fresh)}) AS {alias}")
            for column in columns:
                if column in shown:
                    equal.append(f"{shown[column]} IS NOT DISTINCT FROM {alias}.{name(column)}")
                else:
                    shown[column] = f"{alias}.{name(column)}"
            in_keys |= set(columns)
        lists = self._lists(sorted(group.columns - in_keys), n, group.checks)
        for at, (column, found) in enumerate(lists.items()):
            sources.append(f"({found}) AS k{at}")
            shown[column] = f"k{at}.v"
        columns = sorted(group.columns)
        inner = ", ".join(f"{shown[column]} AS {name(column)}" for column in columns)
        joined = " CROSS JOIN ".join(sources) + (f" WHERE {' AND '.join(equal)}" if equal else "")
        checked = conditions and self.choice is None
        where = f" WHERE {' AND '.join(conditions)}" if checked else ""
        table = f"(SELECT {inner} FROM {joined}) AS {name(self.shape.name)}"
        return f"SELECT {', '.join(map(name, columns))} FROM {table}{where} LIMIT 1"

    def _lists(self, columns: Sequence[str], n: int, checks: Sequence[str]) -> dict[str, str]:
        found = {column: self._candidates(self.shape.by_name[column], n, checks) for column in columns}
        if self.choice is not None:
            return {column: self._list(column, texts) for column, texts in self._chosen(found).items()}
        most = int(COMBINATIONS ** (1 / max(len(columns), 1)))
        return {column: self._list(column, texts[: max(most, _ROOM)]) for column, texts in found.items()}

    def _chosen(self, found: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """One candidate of each column; `choice` counts through all combinations."""
        chosen, left = {}, self.choice or 0
        for column, texts in found.items():
            left, at = divmod(left, max(len(texts), 1))
            chosen[column] = list(texts[at : at + 1])
        return chosen

    def _candidates(self, column: Column, n: int, checks: Sequence[str]) -> list[str]:
        conditions = [*checks, *self.values.conditions(column.type)]
        salt = f"{self.shape.qualified} {column.name}"
        found = candidates(self.values, Wanted(column.type, column.modifier, n, salt), conditions)
        if not found and self._required(column):
            raise CannotMake(f"column {column.name} must be set, and no value of its type is known")
        return found

    def _list(self, column: str, texts: Sequence[str]) -> str:
        """A list of candidates, null last, without those that a domain would refuse."""
        about = self.shape.by_name[column]
        kind, base = self.values.types[about.type], self.values.base(about.type, about.modifier)[0]
        rows = [*texts, *([] if self._required(about) else [f"CAST(NULL AS {base.name})"])]
        listed = f"(VALUES {', '.join(f'({text})' for text in rows)}) AS d (value)"
        conditions = " AND ".join(f"({check}) IS NOT FALSE" for check in self.values.conditions(kind.oid))
        # A condition sees char(n) with its blanks.
        padded = base.bare == "bpchar"
        value = "value" if kind is base and not padded else f"CAST(value AS {about.declared})"
        return f"SELECT {value} AS v FROM {listed}" + (f" WHERE {conditions}" if conditions else "")

    def _parents(self, key: ForeignKey, columns: Sequence[str], n: int, *, fresh: bool) -> str:
        """Rows that a key may refer to, another one first for another row; then null, where it may be."""
        if key.table in self.predicted and fresh:
            parent = self.predicted[key.table]
            pairs = zip(key.columns, key.refers, strict=True)
            values = {column: parent.plain(parent.shape.by_name[target], n) for column, target in pairs}
            return "SELECT " + ", ".join(f"{value or 'NULL'} AS {name(c)}" for c, value in values.items())
        pairs_of = dict(zip(key.columns, key.refers, strict=True))
        only = "" if key.partitioned else "ONLY "
        fixed = [f"p.{name(pairs_of[c])} = {TARGET}.{name(c)}" for c in key.columns if c not in columns]
        if self._is_own(key):
            # Earlier rows only, so that nothing that follows the key upwards goes in circles.
            fixed += [
                f"p.{name(pairs_of[c])} < {TARGET}.{name(pairs_of[c])}" for c in columns if pairs_of[c] != c
            ][:1]
        where = " AND ".join([*(f"p.{name(target)} IS NOT NULL" for target in key.refers), *fixed])
        listed = ", ".join(f"p.{name(pairs_of[column])} AS {name(column)}" for column in columns)
        order = ", ".join(f"p.{name(pairs_of[column])} DESC" for column in columns)
        source = f"{only}{name(key.schema, key.target)} AS p"
        first = f"SELECT {listed} FROM {source} WHERE {where} ORDER BY {order} LIMIT {PARENTS}"
        shown = ", ".join(f"r.{name(column)}" for column in columns)
        counted = "row_number() OVER () AS rollproof_at, count(*) OVER () AS rollproof_n"
        order = f"(rollproof_at + rollproof_n - 1 - {n} % rollproof_n) % rollproof_n"
        turned = f"SELECT {shown} FROM (SELECT q.*, {counted} FROM ({first}) AS q) AS r ORDER BY {order}"
        if any(self._required(self.shape.by_name[column]) for column in columns):
            return turned
        nulls = ", ".join(
            f"CAST(NULL AS {self.values.types[self.shape.by_name[c].type].name})" for c in columns
        )
        return f"({turned}) UNION ALL SELECT {nulls}"


def _together(groups: list[_Group]) -> list[_Group]:
    """Groups that share a column become one."""
    done: list[_Group] = []
    for group in groups:
        sharing = [other for other in done if other.columns & group.columns]
        for other in sharing:
            done.remove(other)
        merged = _Group(set(group.columns), list(group.checks), list(group.keys))
        for other in sharing:
            merged.columns |= other.columns
            merged.checks = [*other.checks, *merged.checks]
            merged.keys = [*other.keys, *merged.keys]
        done.append(merged)
    return done


def _columns_in(expression: str) -> tuple[str, ...]:
    """The columns that an expression names; none when it cannot be parsed."""
    try:
        found: Iterator[str] = (
            reference["fields"][-1]["String"]["sval"]
            for reference in nodes(tree(f"SELECT {expression}"), "ColumnRef")
            if "String" in reference["fields"][-1]
        )
        return tuple(dict.fromkeys(found))
    except (parser.ParseError, RecursionError, KeyError):
        return ()
