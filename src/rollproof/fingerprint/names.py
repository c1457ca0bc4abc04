"""Names that the server makes up, told by the very rule that it makes them by.

Source: makeObjectName and ChooseRelationName (src/backend/commands/indexcmds.c), ChooseConstraintName
(src/backend/catalog/pg_constraint.c): `{table}_{columns}_{label}{number}`, of 63 bytes at most.
"""

from __future__ import annotations

import re
from typing import Any

from pglast import parser

from rollproof.fingerprint.meaning import nodes, tree
from rollproof.model.fingerprint import Fact

_LONGEST = 63
_LABELS = {
    "check": "check",
    "foreign key": "fkey",
    "primary key": "pkey",
    "unique": "key",
    "exclusion": "excl",
    "not null": "not_null",
}
_QUOTED = re.compile(r'"(?:[^"]|"")*"|[^."]+')


def split_name(name: str) -> list[str]:
    """The bare parts of a qualified name: `public."a.b".c` is public, a.b and c."""
    return [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in _QUOTED.findall(name)]


def made_by_server(fact: Fact) -> bool:
    """True when the server would give an object of this table and these columns this very name."""
    rule = _rule(fact)
    if rule is None:
        return False
    name, table, columns, label = rule
    number = _number(name)
    return any(name == _object_name(table, columns, label + end) for end in {"", number})


def shaped_by_server(fact: Fact) -> bool:
    """True when the name is such a one but for the table's: the table may have been renamed since."""
    rule = _rule(fact)
    if rule is None:
        return False
    name, _, columns, label = rule
    ending = "".join(f"_{part}" for part in (columns, label) if part)
    return re.fullmatch(rf".+{re.escape(ending)}\d*", name) is not None


def _number(name: str) -> str:
    return name[len(name.rstrip("0123456789")) :]


def _rule(fact: Fact) -> tuple[str, str, str, str] | None:
    """Name, table, columns and label as the server's rule has them; None when it has none for the fact."""
    try:
        match fact.kind:
            case "sequence":
                return _sequence_rule(fact)
            case "index":
                return _index_rule(fact)
            case "constraint":
                return _constraint_rule(fact)
    except (parser.ParseError, RecursionError, KeyError, IndexError):
        return None
    return None


def _sequence_rule(fact: Fact) -> tuple[str, str, str, str] | None:
    owner = fact.attributes.get("owned by")
    if not isinstance(owner, str):
        return None
    _, table, column = split_name(owner)
    return split_name(fact.name)[-1], table, column, "seq"


def _index_rule(fact: Fact) -> tuple[str, str, str, str]:
    statement = tree(f"CREATE INDEX ON x {fact.attributes['definition']}")[0]["stmt"]["IndexStmt"]
    elements = [*statement["indexParams"], *statement.get("indexIncludingParams", [])]
    columns = _together([_element_name(element["IndexElem"]) for element in elements])
    return split_name(fact.name)[-1], split_name(str(fact.attributes["table"]))[-1], columns, "idx"


def _constraint_rule(fact: Fact) -> tuple[str, str, str, str] | None:
    name, _, owner = fact.name.rpartition(" on ")
    kind = str(fact.attributes["type"])
    statement = f"ALTER TABLE x ADD {fact.attributes['definition']}"
    constraint = next(nodes(tree(statement), "Constraint"))
    columns = "" if kind == "primary key" else _constraint_columns(kind, constraint)
    return split_name(name)[0], split_name(owner.removeprefix("domain "))[-1], columns, _LABELS[kind]


def _constraint_columns(kind: str, constraint: Any) -> str:
    match kind:
        case "check":
            found = {_column(reference) for reference in nodes(constraint["raw_expr"], "ColumnRef")}
            return found.pop() if len(found) == 1 else ""
        case "exclusion":
            elements = [item["List"]["items"][0]["IndexElem"] for item in constraint["exclusions"]]
            return _together([_element_name(element) for element in elements])
        case "foreign key":
            return _together([item["String"]["sval"] for item in constraint["fk_attrs"]])
        case _:
            included = [item["String"]["sval"] for item in constraint.get("including", [])]
            return _together([item["String"]["sval"] for item in constraint["keys"]] + included)


def _column(reference: Any) -> str:
    return str(reference["fields"][-1]["String"]["sval"])


def _element_name(element: Any) -> str:
    """The name that the server gives an index column: FigureIndexColname in parse_target.c."""
    if "name" in element:
        return str(element["name"])
    expression = element["expr"]
    while "TypeCast" in expression or "CollateClause" in expression:
        expression = (expression.get("TypeCast") or expression["CollateClause"])["arg"]
    if "ColumnRef" in expression:
        return _column(expression["ColumnRef"])
    if "FuncCall" in expression:
        return str(expression["FuncCall"]["funcname"][-1]["String"]["sval"])
    return "coalesce" if "CoalesceExpr" in expression else "expr"


def _together(columns: list[str]) -> str:
    """Column names as one; a name that comes twice is numbered, as ChooseIndexColumnNames does."""
    taken: list[str] = []
    for column in columns:
        candidates = [column, *(f"{column}{number}" for number in range(1, len(columns)))]
        taken.append(next(candidate for candidate in candidates if candidate not in taken))
    return "_".join(taken)


def _object_name(table: str, columns: str, label: str) -> str:
    """makeObjectName: the longer of table and columns is cut until all fits into 63 bytes."""
    parts = [table.encode(), columns.encode()]
    room = _LONGEST - len(label) - 1 - (1 if columns else 0)
    while len(parts[0]) + len(parts[1]) > room:
        longer = 0 if len(parts[0]) > len(parts[1]) else 1
        parts[longer] = parts[longer][:-1]
    names = [part.decode(errors="ignore") for part in parts if part]
    return "_".join([*names, label])
