"""What a revision's code says it does, read from its source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from rollproof.migrations.classification import Classification, Kind, Reason, decide
from rollproof.migrations.kinds import Background, classify_or_explain
from rollproof.migrations.script import Script

_TABLE_OPS = {
    "create_table": Kind.ADDITIVE,
    "drop_table": Kind.DROPPING,
    "rename_table": Kind.DEFINITION,
    "create_table_comment": Kind.DEFINITION,
    "drop_table_comment": Kind.DEFINITION,
}
_COLUMN_OPS = {
    "add_column": Kind.ADDITIVE,
    "drop_column": Kind.DROPPING,
    "alter_column": Kind.DEFINITION,
}
_OTHER_OPS = {
    "create_index": Kind.INDEX,
    "drop_index": Kind.INDEX,
    "create_check_constraint": Kind.DEFINITION,
    "create_exclude_constraint": Kind.DEFINITION,
    "create_foreign_key": Kind.DEFINITION,
    "create_primary_key": Kind.DEFINITION,
    "create_unique_constraint": Kind.DEFINITION,
    "drop_constraint": Kind.DEFINITION,
    "bulk_insert": Kind.ROWS,
}
_OPS = {**_TABLE_OPS, **_COLUMN_OPS, **_OTHER_OPS}
_HARMLESS = frozenset(
    "batch_alter_table f get_bind get_context get_dialect inline_literal autocommit_block is_offline_mode "
    "get_x_argument implementation_for register_operation invoke".split()
)
_OPERATIONS = frozenset({"op", "operations", "batch_op", "batch"})
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(slots=True)
class _Reading:
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
    script: Script
    background: Background
    batches: dict[str, str] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    destroys: list[str] = field(default_factory=list)
    touches: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    autocommit: bool = False
    seen: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Code:
    """A revision's source, taken apart.

    Attributes:
        stated: what upgrade() does.
        irreversible: why downgrade() refuses, in its own words; empty when it does not.
        note: offline mode, when the code knows of it.
    """

    stated: Classification
    irreversible: str = ""
    note: str = ""


def read_code(script: Script, *, has_downgrade: bool, background: Background) -> Code:
    """Reads one revision; `background` is what those before it have made."""
    try:
        tree = ast.parse(script.text)
    except SyntaxError as error:
        why = f"the source is of another Python than this one ({error.msg})"
        return Code(_undecided(error.lineno or 1, why), "" if has_downgrade else _MISSING)
    functions = {node.name: node for node in tree.body if isinstance(node, _FUNCTION)}
    reading = _Reading(functions, script, background)
    irreversible = _refusal(functions.get("downgrade")) if has_downgrade else _MISSING
    if "upgrade" not in functions:
        return Code(_undecided(1, "upgrade() is made elsewhere"), irreversible, _offline(tree))
    _read_function("upgrade", reading)
    return Code(_conclude(reading), irreversible, _offline(functions["upgrade"]))


_MISSING = "it has no downgrade()"


def _undecided(line: int, why: str) -> Classification:
    return Classification(Kind.UNDECIDED, (Reason(line, "upgrade()", Kind.UNDECIDED, note=why),))


def _conclude(reading: _Reading) -> Classification:
    reasons = tuple(sorted(reading.reasons, key=lambda reason: reason.line))
    return Classification(
        kind=decide(reason.kind for reason in reasons),
        reasons=reasons,
        destroys=tuple(dict.fromkeys(reading.destroys)),
        touches=tuple(sorted(reading.touches - reading.made)),
        needs_no_transaction=reading.autocommit,
        transactional=not reading.autocommit,
    )


def _read_function(name: str, reading: _Reading) -> None:
    if name in reading.seen:
        return
    reading.seen.add(name)
    for node in _nodes(reading.functions[name]):
        if isinstance(node, ast.With | ast.AsyncWith):
            _read_batches(node, reading)
        elif isinstance(node, ast.Call):
            _read_call(node, reading)


def _nodes(function: ast.AST) -> Iterator[ast.AST]:
    """In the order of the source, so that a batch is known before what is done with it."""
    found = (node for node in ast.walk(function) if isinstance(node, ast.With | ast.AsyncWith | ast.Call))
    return iter(sorted(found, key=lambda node: (node.lineno, node.col_offset)))


def _read_batches(node: ast.With | ast.AsyncWith, reading: _Reading) -> None:
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and _last(call.func) == "batch_alter_table":
            table = _table(call, 0, schema=_keyword(call, "schema"))
            if isinstance(item.optional_vars, ast.Name):
                reading.batches[item.optional_vars.id] = table
        elif isinstance(call, ast.Call) and _last(call.func) == "autocommit_block":
            reading.autocommit = True


def _read_call(call: ast.Call, reading: _Reading) -> None:
    function = call.func
    if isinstance(function, ast.Name) and function.id in reading.functions:
        _read_function(function.id, reading)
    elif isinstance(function, ast.Attribute):
        owner = _last(function.value)
        if owner in reading.batches or owner in _OPERATIONS:
            _read_operation(call, function.attr, reading, reading.batches.get(owner))
        elif function.attr in ("execute", "executemany", "exec_driver_sql", "scalar", "scalars"):
            _read_sql(call, reading)
        elif function.attr in ("create_all", "drop_all"):
            kind = Kind.ADDITIVE if function.attr == "create_all" else Kind.DROPPING
            reading.reasons.append(Reason(call.lineno, f"MetaData.{function.attr}", kind))


def _read_operation(call: ast.Call, name: str, reading: _Reading, batch: str | None) -> None:
    if name == "execute":
        _read_sql(call, reading)
    elif kind := _OPS.get(name):
        about = _about(call, name, batch)
        kind = Kind.DEFINITION if name == "add_column" and about.partition(".")[0] == "" else kind
        reading.reasons.append(Reason(call.lineno, f"op.{name}", kind, about))
        _touch(name, about, batch or about, reading)
    elif name not in _HARMLESS:
        note = "an operation that Alembic does not come with"
        reading.reasons.append(Reason(call.lineno, f"op.{name}", Kind.UNDECIDED, note=note))


def _touch(name: str, about: str, table: str, reading: _Reading) -> None:
    if name == "create_table":
        reading.made.add(about)
    elif name in ("add_column", "drop_column"):
        reading.touches.add(about.rpartition(".")[0])
    elif name in _TABLE_OPS or name == "alter_column":
        reading.touches.add(table)
    if name in ("drop_table", "drop_column"):
        reading.destroys.append(about)


def _about(call: ast.Call, name: str, batch: str | None) -> str:
    schema = _keyword(call, "schema")
    if name not in _COLUMN_OPS:
        return _table(call, 1 if name == "create_index" and not batch else 0, schema=schema)
    if batch is None:
        return ".".join((_table(call, 0, schema=schema), _column(call, 1)))
    return ".".join((batch, _column(call, 0)))


def _table(call: ast.Call, place: int, *, schema: str) -> str:
    name = _argument(call, place) or _keyword(call, "table_name") or "?"
    return f"{schema or 'public'}.{name}"


def _column(call: ast.Call, place: int) -> str:
    value = call.args[place] if len(call.args) > place else None
    if isinstance(value, ast.Call):
        return _argument(value, 0) or "?"
    return _text_of(value) or _keyword(call, "column_name") or "?"


def _argument(call: ast.Call, place: int) -> str:
    return (_text_of(call.args[place]) or "") if len(call.args) > place else ""


def _keyword(call: ast.Call, name: str) -> str:
    return next((_text_of(k.value) or "" for k in call.keywords if k.arg == name), "")


def _read_sql(call: ast.Call, reading: _Reading) -> None:
    """SQL that is written out is read as SQL; what is put together when it runs is undecided."""
    value = call.args[0] if call.args else next((k.value for k in call.keywords), None)
    text = _sql_text(value)
    if text is None:
        if not _is_query(value):
            note = "SQL that is put together when it runs"
            reading.reasons.append(Reason(call.lineno, "execute", Kind.UNDECIDED, note=note))
        return
    read = classify_or_explain(Script(reading.script.path, text), background=reading.background)
    first = call.lineno - 1
    reading.reasons += [
        Reason(first + reason.line, reason.statement, reason.kind, reason.about, reason.note)
        for reason in read.reasons
    ]
    reading.destroys += read.destroys
    reading.touches |= set(read.touches)


def _sql_text(value: ast.expr | None) -> str | None:
    if isinstance(value, ast.Call) and _last(value.func) in ("text", "DDL", "SQL") and value.args:
        return _sql_text(value.args[0])
    if isinstance(value, ast.Call) and _last(value.func) == "dedent" and value.args:
        return _sql_text(value.args[0])
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return _sql_text(value.func.value) if value.func.attr in ("bindparams", "strip") else None
    return _text_of(value)


def _is_query(value: ast.expr | None) -> bool:
    """A SELECT of SQLAlchemy's own, however it goes on: it changes nothing."""
    while isinstance(value, ast.Call | ast.Attribute):
        inner = value.func if isinstance(value, ast.Call) else value.value
        if _last(inner) == "select" and isinstance(value, ast.Call):
            return True
        value = inner
    return False


def _text_of(value: ast.AST | None) -> str | None:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.Call) and _last(value.func) in ("f", "quoted_name") and value.args:
        return _text_of(value.args[0])
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        left, right = _text_of(value.left), _text_of(value.right)
        return left + right if left is not None and right is not None else None
    return None


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _refusal(function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> str:
    """What an unconditional `raise` at the start of downgrade() says."""
    for statement in function.body if function else ():
        if isinstance(statement, ast.Raise):
            return _said(statement.exc) or "downgrade() raises an exception"
        if not isinstance(statement, ast.Expr | ast.Import | ast.ImportFrom | ast.Pass) or isinstance(
            getattr(statement, "value", None), ast.Call
        ):
            return ""
    return ""


def _said(error: ast.expr | None) -> str:
    if isinstance(error, ast.Call):
        words = _argument(error, 0)
        return f"{_last(error.func)}: {' '.join(words.split())}" if words else f"{_last(error.func)}"
    return _last(error) if error else ""


def _offline(tree: ast.AST) -> str:
    names = {_last(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    if not names & {"is_offline_mode", "as_sql"}:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and _online_test(node.test) and _gives_up(node.body):
            return "offline only: online it does nothing or refuses"
    return "it does something else in offline mode (--sql), which is not run here"


def _online_test(test: ast.expr) -> bool:
    if not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
        return False
    inner = test.operand.func if isinstance(test.operand, ast.Call) else test.operand
    return _last(inner) in ("is_offline_mode", "as_sql")


def _gives_up(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Raise | ast.Return)
