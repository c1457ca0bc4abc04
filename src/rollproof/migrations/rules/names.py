"""Names out of a syntax tree, written the way a DBA would: `nigredo_leads.leads`, `public."Order"`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pglast import ast
from pglast.keywords import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_KEYWORDS = RESERVED_KEYWORDS | COL_NAME_KEYWORDS | TYPE_FUNC_NAME_KEYWORDS

_NAMED_BY: dict[type, str] = {ast.String: "sval", ast.TypeName: "names", ast.ObjectWithArgs: "objname"}

Node = Any
"""pglast ships no types; a syntax tree's node, None, or a tuple of nodes"""


def quote(name: str) -> str:
    """As quote_ident() does: quoted only where PostgreSQL would otherwise read it differently."""
    if _PLAIN.fullmatch(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def dotted(parts: Iterable[str | None]) -> str:
    """Parts that are there, quoted, joined by dots."""
    return ".".join(quote(part) for part in parts if part)


def parts(node: Node) -> tuple[str, ...]:
    """The unquoted parts of any object name in a syntax tree; () for what has none."""
    if isinstance(node, str):
        return (node,)
    if isinstance(node, tuple | list):
        return tuple(part for item in node for part in parts(item))
    if isinstance(node, ast.RangeVar):
        return tuple(part for part in (node.schemaname, node.relname) if part)
    attribute = _NAMED_BY.get(type(node))
    return parts(getattr(node, attribute)) if attribute else ()


def walk(node: Node, *, skip: tuple[type, ...] = ()) -> Iterator[Node]:
    """Every node of a tree, outermost first; not into nodes of the types in `skip`."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, ast.Node):
            if isinstance(current, skip):
                continue
            yield current
            stack.extend(getattr(current, name) for name in reversed(list(current)))
        elif isinstance(current, (tuple, list)):
            stack.extend(reversed(current))


def option(node: Node, name: str) -> Node:
    """The argument of a WITH-style option; True for one without argument, None when it is not there."""
    for item in node or ():
        if isinstance(item, ast.DefElem) and item.defname == name:
            return True if item.arg is None else item.arg
    return None


def switched_on(value: Node) -> bool:
    """Whether an option's value means yes."""
    if value is None or value is True:
        return bool(value)
    text = getattr(value, "sval", getattr(value, "ival", getattr(value, "boolval", True)))
    return str(text).lower() not in ("off", "false", "0", "no")
