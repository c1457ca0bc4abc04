"""Which schemas a migration's script names, read from its SQL.

What a `DO` block or a function's body would do is not read: those are texts until they run.
"""

# ruff: noqa: N802  pglast's visitor finds methods by the names of nodes

from __future__ import annotations

from typing import Any

from pglast import ast
from pglast.visitors import Visitor

from rollproof.migrations.script import Script
from rollproof.migrations.validation import parse

DEFAULT = "public"
"""Where a name without a schema leads, unless the script or the role says otherwise."""
_SYSTEM = frozenset(["pg_catalog", "information_schema"])
_OF_TABLES = ("OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY")
"""Things whose names follow that of their table."""
_NAMES = ("funcname", "typeName", "domainName", "collname", "statsname", "defnames")
"""Where statements have the name of what they define, as a list: its schema, then itself."""


def schemas_touched(script: Script) -> frozenset[str]:
    """Schemas that a script makes, drops, or names something in; the system's own are left out.

    Raises MigrationError for a script that cannot be parsed.
    """
    _, statements = parse(script)
    seen = _Seen()
    for statement in statements:
        seen(statement)
    return frozenset(seen.schemas - _SYSTEM)


class _Seen(Visitor):
    def __init__(self) -> None:
        self.schemas: set[str] = set()

    def visit_RangeVar(self, _: Any, node: Any) -> None:
        self.schemas.add(node.schemaname or DEFAULT)

    def visit_CreateSchemaStmt(self, _: Any, node: Any) -> None:
        self.schemas |= {node.schemaname} - {None}

    def visit_VariableSetStmt(self, _: Any, node: Any) -> None:
        if node.name == "search_path":
            values = [argument.val for argument in node.args or ()]
            self.schemas |= {str(value.sval) for value in values if isinstance(value, ast.String)}

    def visit_AlterObjectSchemaStmt(self, _: Any, node: Any) -> None:
        self.schemas.add(node.newschema)

    def visit_DropStmt(self, _: Any, node: Any) -> None:
        kind = node.removeType.name
        for item in node.objects:
            whose = item[:-1] if kind in _OF_TABLES else item
            self._named(whose, schema=kind == "OBJECT_SCHEMA")

    def visit_RenameStmt(self, _: Any, node: Any) -> None:
        if node.renameType.name == "OBJECT_SCHEMA":
            self.schemas |= {node.subname, node.newname}

    def visit_GrantStmt(self, _: Any, node: Any) -> None:
        if node.objtype.name == "OBJECT_SCHEMA" or node.targtype.name == "ACL_TARGET_ALL_IN_SCHEMA":
            self.schemas |= {item.sval for item in node.objects}

    def visit(self, _: Any, node: Any) -> None:
        for name in _NAMES:
            value = getattr(node, name, None)
            if isinstance(value, tuple) and type(node).__name__.endswith("Stmt"):
                self._named(value, schema=False)

    def _named(self, item: Any, *, schema: bool) -> None:
        """A name by its parts, of which all but the last two name a database."""
        if isinstance(item, ast.String):
            if schema:
                self.schemas.add(str(item.sval))
            return
        parts = item.objname if isinstance(item, ast.ObjectWithArgs) else item
        parts = parts.names if isinstance(parts, ast.TypeName) else parts
        if isinstance(parts, tuple) and all(isinstance(part, ast.String) for part in parts):
            self.schemas.add(str(parts[-2].sval) if len(parts) > 1 else DEFAULT)
