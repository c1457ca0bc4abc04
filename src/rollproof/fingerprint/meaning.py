"""Do two texts of the catalogs mean the same? PostgreSQL writes some expressions otherwise after a restore.

`status IN ('a', 'b')` on a varchar column is kept as `ANY ((ARRAY['a', 'b'])::text[])`; dumped and
restored it is `ANY (ARRAY['a'::text, 'b'::text])`, and nested ANDs get other parentheses. Both texts
are parsed by PostgreSQL's own grammar (pglast) and the trees compared. A text that it cannot parse
means only itself: in doubt there is a difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pglast import parser

_EXPRESSION = "SELECT {}"
_STATEMENT = "{}"
_FRAMES = {
    ("constraint", "definition"): "ALTER TABLE x ADD {}",
    ("index", "definition"): "CREATE INDEX ON x {}",
    ("view", "definition"): _STATEMENT,
    ("materialized view", "definition"): _STATEMENT,
    ("rule", "definition"): _STATEMENT,
    ("trigger", "definition"): _STATEMENT,
    ("statistics", "definition"): _STATEMENT,
    ("function", "body"): "CREATE FUNCTION x() LANGUAGE sql {}",
    ("procedure", "body"): "CREATE PROCEDURE x() LANGUAGE sql {}",
    ("column", "default"): _EXPRESSION,
    ("column", "generated as"): _EXPRESSION,
    ("domain", "default"): _EXPRESSION,
    ("policy", "using"): _EXPRESSION,
    ("policy", "with check"): _EXPRESSION,
    ("publication table", "row filter"): _EXPRESSION,
}
"""What makes each text a whole statement that can be parsed."""
_STANDARD_BODY = ("RETURN ", "BEGIN ATOMIC")
"""How a body written in standard SQL begins; any other body is a text, which PostgreSQL never rewrites."""
_SCANNED = frozenset({"sql", "plpgsql"})
"""Languages of which PostgreSQL's scanner knows the words, so that white space can be told from text."""


def same_meaning(kind: str, attribute: str, before: str, after: str) -> bool:
    """True when both texts are the same expression or statement, written otherwise."""
    frame = _FRAMES.get((kind, attribute))
    if frame is None or (attribute == "body" and not before.startswith(_STANDARD_BODY)):
        return False
    try:
        trees = [_canonical(tree(frame.format(text))) for text in (before, after)]
    except (parser.ParseError, RecursionError):
        return False
    return bool(trees[0] == trees[1])


def same_words(language: object, before: str, after: str) -> bool:
    """True when two function bodies differ only in the white space between their words."""
    if language not in _SCANNED:
        return False
    try:
        return _words(before) == _words(after)
    except parser.ParseError:
        return False


def _words(body: str) -> list[str]:
    return [body[token.start : token.end + 1] for token in parser.scan(body)]


@lru_cache(maxsize=1024)
def tree(statement: str) -> Any:
    """The parse tree of one statement as JSON. Raises pglast's ParseError."""
    return json.loads(parser.parse_sql_json(statement))["stmts"]


def nodes(branch: Any, name: str) -> Iterator[Any]:
    """All nodes of a kind in a parse tree, outermost first."""
    if isinstance(branch, dict):
        if name in branch:
            yield branch[name]
        for value in branch.values():
            yield from nodes(value, name)
    elif isinstance(branch, list):
        for value in branch:
            yield from nodes(value, name)


def _canonical(branch: Any) -> Any:
    """The tree without positions, nested ANDs and ORs as one, casts of arrays as casts of their elements."""
    if isinstance(branch, list):
        return [_canonical(item) for item in branch]
    if not isinstance(branch, dict):
        return branch
    kept = {name: _canonical(value) for name, value in branch.items() if not _is_position(name)}
    return _cast_elements(_flat(kept))


def _is_position(name: str) -> bool:
    return name.endswith(("location", "list_start", "list_end", "stmt_len"))


def _flat(branch: dict[str, Any]) -> dict[str, Any]:
    node = branch.get("BoolExpr")
    if not node or node["boolop"] == "NOT_EXPR":
        return branch
    arguments: list[Any] = []
    for argument in node["args"]:
        inner = argument.get("BoolExpr", {})
        arguments += inner["args"] if inner.get("boolop") == node["boolop"] else [argument]
    return {"BoolExpr": {**node, "args": arguments}}


def _cast_elements(branch: dict[str, Any]) -> dict[str, Any]:
    node = branch.get("TypeCast")
    if not node or "A_ArrayExpr" not in node["arg"] or len(node["typeName"].get("arrayBounds", [])) != 1:
        return branch
    elements = node["arg"]["A_ArrayExpr"].get("elements", [])
    if not elements or any("A_ArrayExpr" in element for element in elements):
        return branch
    of_element = {name: value for name, value in node["typeName"].items() if name != "arrayBounds"}
    cast = [{"TypeCast": {"arg": element, "typeName": of_element}} for element in elements]
    return {"A_ArrayExpr": {**node["arg"]["A_ArrayExpr"], "elements": cast}}
