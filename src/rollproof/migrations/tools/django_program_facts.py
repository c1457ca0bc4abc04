"""What the operations of Django migrations do to tables and columns, told without a database.

Part of django_program.py, which see. A fact is plain data: `what` (one of the words below), the tables and
columns concerned, and the line of the operation in its file. What kind of migration that makes is decided
by `rollproof.migrations.tools.django_kinds`.

    create, drop, rename, moved     tables (`to`: the new name)
    add, remove, alter, column      columns (`column` renames; alter has `before` and `after`, types)
    index, definition               indexes; comments, defaults, constraints that go
    constraint, both                constraints that come; some that come and some that go
    code, sql                       RunPython; RunSQL with its text
    extension                       CREATE EXTENSION and the like
    nothing                         no effect on a database: options, managers, proxies, unmanaged models
    unknown                         an operation that is not Django's own
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import models, router
from django.db.migrations import operations as ops

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NOT_IN_DATABASE = frozenset(
    "blank choices editable error_messages help_text limit_choices_to on_delete related_name "
    "related_query_name validators verbose_name".split()
)
"""arguments of fields that change nothing in a database, as BaseDatabaseSchemaEditor has them"""


class Reader:
    """Reads a history's operations in order, each before it changes `state`."""

    def __init__(self, state: Any, connection: Any) -> None:
        self.state = state
        self.connection = connection
        self.broken = ""
        """why states cannot be followed any further; names of tables are guessed from then on"""

    def read(self, migration: Any, lines: Sequence[int]) -> list[dict[str, Any]]:
        """The facts of one migration; `lines` are those of its operations in its file."""
        found = []
        for place, operation in enumerate(migration.operations):
            fact = self._fact(migration.app_label, operation)
            found.append({**fact, "line": lines[place] if place < len(lines) else None})
            self._forward(migration, operation)
        return found

    def _forward(self, migration: Any, operation: Any) -> None:
        if self.broken:
            return
        try:
            operation.state_forwards(migration.app_label, self.state)
        except Exception as error:  # noqa: BLE001  what is wrong shows when it is run
            self.broken = f"{migration}: {operation.describe()}: {type(error).__name__}: {error}"

    def _fact(self, label: str, operation: Any) -> dict[str, Any]:
        name, reader = _reader_of(operation)
        fact: dict[str, Any] = {
            "operation": type(operation).__name__,
            "text": say(operation),
            "reversible": bool(operation.reversible),
        }
        try:
            return {**fact, **reader(self, label, operation)}
        except Exception as error:  # noqa: BLE001  a router, or a field of the project's own, may raise anything
            return {**fact, "what": "unknown", "note": f"{name}: {type(error).__name__}"}

    # Names

    def model(self, label: str, name: str) -> Any:
        return self.state.models[label, name.lower()]

    def table(self, label: str, name: str) -> str:
        return str(self._option(label, name, "db_table") or f"{label}_{name.lower()}")

    def _option(self, label: str, name: str, option: str) -> Any:
        found = self.state.models.get((label, name.lower()))
        return found.options.get(option) if found else None

    def touches(self, label: str, name: str) -> bool:
        """True when the model is Django's to change in the database."""
        found = self.state.models.get((label, name.lower()))
        return _in_database(found.options if found else {}, self.connection.alias, label, name)


def _in_database(options: Any, alias: str, label: str, name: str) -> bool:
    if options.get("proxy") or not options.get("managed", True):
        return False
    if options.get("swappable") and _setting(options["swappable"]).lower() != f"{label}.{name}".lower():
        return False
    return bool(router.allow_migrate(alias, label, model_name=name.lower()))


def _setting(name: str) -> str:
    from django.conf import settings

    return str(getattr(settings, name, ""))


def column_of(name: str, field: Any) -> str:
    """The column of a field that is not bound to a model; "" for many-to-many, which has a table."""
    if isinstance(field, models.ManyToManyField):
        return ""
    if field.db_column:
        return str(field.db_column)
    return f"{name}_id" if isinstance(field, models.ForeignKey) else name


def say(operation: Any) -> str:
    """Django's own description of an operation, the same in every process."""
    return _ADDRESS.sub("", str(operation.describe()))


def _nothing(*_: Any) -> dict[str, Any]:
    return {"what": "nothing"}


def _create(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    if not _in_database(operation.options, reader.connection.alias, label, operation.name):
        return {"what": "nothing"}
    table = operation.options.get("db_table") or f"{label}_{operation.name.lower()}"
    return {"what": "create", "tables": [table]}


def _delete(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    if not reader.touches(label, operation.name):
        return {"what": "nothing"}
    return {"what": "drop", "tables": [reader.table(label, operation.name)]}


def _rename_model(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    before = reader.table(label, operation.old_name)
    fixed = reader._option(label, operation.old_name, "db_table")
    if fixed or not reader.touches(label, operation.old_name):
        return {"what": "nothing"}
    return {"what": "rename", "tables": [before], "to": f"{label}_{operation.new_name.lower()}"}


def _alter_table(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    before = reader.table(label, operation.name)
    after = operation.table or f"{label}_{operation.name.lower()}"
    if before == after or not reader.touches(label, operation.name):
        return {"what": "nothing"}
    return {"what": "rename", "tables": [before], "to": after}


def _field(what: str) -> Callable[[Reader, str, Any], dict[str, Any]]:
    def read(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
        if not reader.touches(label, operation.model_name):
            return {"what": "nothing"}
        field = operation.field or reader.model(label, operation.model_name).fields[operation.name]
        table = reader.table(label, operation.model_name)
        column = column_of(operation.name, field)
        if not column:
            return _many_to_many(what, table, operation.name, field)
        return {"what": what, "tables": [table], "column": column}

    return read


def _many_to_many(what: str, table: str, name: str, field: Any) -> dict[str, Any]:
    if field.remote_field.through:
        return {"what": "nothing"}
    return {
        "what": "create" if what == "add" else "drop",
        "tables": [field.db_table or f"{table}_{name.lower()}"],
    }


def _alter_field(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    if not reader.touches(label, operation.model_name):
        return {"what": "nothing"}
    old = reader.model(label, operation.model_name).fields[operation.name]
    table, column = reader.table(label, operation.model_name), column_of(operation.name, old)
    if _same_in_database(old, operation.field) or not column:
        return {"what": "nothing"}
    before, after = (_type(field, reader.connection) for field in (old, operation.field))
    fills = bool(old.null and not operation.field.null and operation.field.has_default())
    return {
        "what": "alter",
        "tables": [table],
        "column": column,
        "before": before,
        "after": after,
        "fills": fills,
    }


def _same_in_database(old: Any, new: Any) -> bool:
    return bool(_meaning(old) == _meaning(new))


def _meaning(field: Any) -> tuple[Any, ...]:
    _, path, args, kwargs = field.deconstruct()
    ignored = {*(getattr(field, "non_db_attrs", None) or _NOT_IN_DATABASE), "default"}
    return path, args, {key: value for key, value in kwargs.items() if key not in ignored}


def _type(field: Any, connection: Any) -> str:
    """The column's type as PostgreSQL has it; "" where that takes more than the field by itself."""
    if field.is_relation:
        return ""
    try:
        return str(field.clone().db_type(connection) or "")
    except Exception:  # noqa: BLE001  a custom field may want whatever it likes
        return ""


def _rename_field(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    if not reader.touches(label, operation.model_name):
        return {"what": "nothing"}
    field = reader.model(label, operation.model_name).fields[operation.old_name]
    before, after = (column_of(name, field) for name in (operation.old_name, operation.new_name))
    if before == after:
        return {"what": "nothing"}
    table = reader.table(label, operation.model_name)
    return {"what": "column", "tables": [table], "column": before, "to": after}


def _of_model(what: str) -> Callable[[Reader, str, Any], dict[str, Any]]:
    def read(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
        name = getattr(operation, "model_name", None) or operation.name
        if not reader.touches(label, name):
            return {"what": "nothing"}
        concurrent = "Concurrently" in type(operation).__name__
        return {"what": what, "tables": [reader.table(label, name)], "concurrent": concurrent}

    return read


def _add_constraint(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    """A unique constraint that PostgreSQL has no constraint for is made as an index."""
    constraint = operation.constraint
    finer = ("condition", "expressions", "include", "opclasses")
    unique = isinstance(constraint, models.UniqueConstraint)
    as_index = unique and any(getattr(constraint, name, None) for name in finer)
    return _of_model("index" if as_index else "constraint")(reader, label, operation)


def _unique_together(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    """Sets of fields that come, that go, or both."""
    before = {
        tuple(fields) for fields in reader.model(label, operation.name).options.get("unique_together", ())
    }
    after = {tuple(fields) for fields in operation.option_value or ()}
    if before == after:
        return {"what": "nothing"}
    what = "both" if before - after and after - before else "definition" if before - after else "constraint"
    return _of_model(what)(reader, label, operation)


def _order(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    what = "add" if operation.order_with_respect_to else "remove"
    return {**_of_model(what)(reader, label, operation), "column": "_order"}


def _python(_: Reader, __: str, operation: Any) -> dict[str, Any]:
    return {
        "what": "code",
        "noop": operation.reverse_code is ops.RunPython.noop,
        "elidable": operation.elidable,
    }


def _sql(_: Reader, __: str, operation: Any) -> dict[str, Any]:
    return {
        "what": "sql",
        "sql": list(_statements(operation.sql)),
        "noop": operation.reverse_sql is not None and not list(_statements(operation.reverse_sql)),
        "elidable": operation.elidable,
    }


def _statements(sql: Any) -> Iterator[str]:
    for piece in sql if isinstance(sql, (list, tuple)) else [sql]:
        text = piece[0] if isinstance(piece, (list, tuple)) else piece
        if text:
            yield str(text)


def _separate(reader: Reader, label: str, operation: Any) -> dict[str, Any]:
    """Only what it does to the database counts; names are those before all of it."""
    inner = [reader._fact(label, each) for each in operation.database_operations]
    return {"what": "several", "inner": inner} if inner else {"what": "nothing"}


_READERS: dict[str, Callable[[Reader, str, Any], dict[str, Any]]] = {
    "CreateModel": _create,
    "DeleteModel": _delete,
    "RenameModel": _rename_model,
    "AlterModelTable": _alter_table,
    "AddField": _field("add"),
    "RemoveField": _field("remove"),
    "AlterField": _alter_field,
    "RenameField": _rename_field,
    "AddIndex": _of_model("index"),
    "RemoveIndex": _of_model("index"),
    "RenameIndex": _of_model("index"),
    "AlterIndexTogether": _of_model("index"),
    "AlterUniqueTogether": _unique_together,
    "AddConstraint": _add_constraint,
    "RemoveConstraint": _of_model("definition"),
    "ValidateConstraint": _of_model("definition"),
    "AlterModelTableComment": _of_model("definition"),
    "AlterOrderWithRespectTo": _order,
    "AlterConstraint": _nothing,
    "AlterModelOptions": _nothing,
    "AlterModelManagers": _nothing,
    "CreateExtension": lambda *_: {"what": "extension"},
    "CreateCollation": lambda *_: {"what": "extension"},
    "RemoveCollation": lambda *_: {"what": "definition"},
    "RunPython": _python,
    "RunSQL": _sql,
    "SeparateDatabaseAndState": _separate,
}


def _unknown(_: Reader, __: str, operation: Any) -> dict[str, Any]:
    return {"what": "unknown", "note": f"{type(operation).__module__}.{type(operation).__name__}"}


def _reader_of(operation: Any) -> tuple[str, Callable[[Reader, str, Any], dict[str, Any]]]:
    """The reader for the nearest of Django's own operations that this one is derived from."""
    own = type(operation)
    for base in own.__mro__:
        if base.__module__.startswith("django.") and base.__name__ in _READERS:
            changed = "database_forwards" in vars(own) and not own.__module__.startswith("django.")
            return (base.__name__, _unknown) if changed else (base.__name__, _READERS[base.__name__])
    return own.__name__, _unknown


def operation_lines(path: str) -> list[int]:
    """Lines, from 1, of the operations in a migration's file; empty where they are put together by code."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  the same in every Python
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            for item in node.body:
                if isinstance(item, ast.Assign) and _assigns_operations(item):
                    return [each.lineno for each in getattr(item.value, "elts", ())]
    return []


def _assigns_operations(item: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "operations" for target in item.targets)


def irreversible(migration: Any) -> str:
    """Why Django refuses to roll it back, in its own words; empty when it does not.

    Operations inside of SeparateDatabaseAndState are not asked beforehand by Django; they refuse
    when their turn comes, and the transaction is rolled back.
    """
    for operation in migration.operations:
        if not operation.reversible:
            return _ADDRESS.sub("", f"Operation {operation} in {migration} is not reversible")
        inner = _inner(operation)
        if any(not each.reversible for each in inner):
            return "You cannot reverse this operation"
    return ""


def _inner(operation: Any) -> list[Any]:
    found: list[Any] = []
    for each in getattr(operation, "database_operations", None) or ():
        found += [each, *_inner(each)]
    return found
