"""DO blocks, functions and calls: what code inside the script does when it runs.

Static SQL in PL/pgSQL is read like any other; conditions are taken as met. Dynamic SQL is read when
it is one constant text. For anything else the text decides nothing, and that is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pglast import ast, parse_sql
from pglast.parser import ParseError, parse_plpgsql_json

from rollproof.migrations import builtin
from rollproof.migrations.classification import Kind
from rollproof.migrations.rules.create import made
from rollproof.migrations.rules.names import Node, dotted, option, parts, walk
from rollproof.migrations.rules.rows import STORED, read_rows
from rollproof.migrations.rules.state import Reading, Routine

_BODY = re.compile(r"\$(\w*)\$|(?i:\bas\s+e?')")
_ASSIGNED = re.compile(r":?=")
_DYNAMIC = ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors")
_EXPRESSION, _ASSIGNMENTS = 2, (3, 4, 5)


def routine(node: Node, reading: Reading) -> None:
    """CREATE FUNCTION and PROCEDURE: nothing in the body runs yet."""
    word = "PROCEDURE" if node.is_procedure else "FUNCTION"
    name = reading.qualified(parts(node.funcname), "function")
    body = option(node.options, "as")
    language = option(node.options, "language")
    made(reading, "function", name, f"CREATE {word}", replaces=node.replace)
    reading.routines[name] = Routine(
        language.sval.lower() if language is not None else "sql",
        reading.source,
        "" if body is None else "".join(parts(body)[-1:]),
        _body_line(reading),
    )


def do(node: Node, reading: Reading) -> None:
    """A DO block runs at once."""
    language = option(node.args, "language")
    reading.lasting()
    if language is not None and language.sval.lower() != "plpgsql":
        reading.say(Kind.UNDECIDED, "DO", note=f"code in {language.sval} is not read")
        return
    _read_plpgsql(reading.source, _body_line(reading), reading, "DO")


def select(node: Node, reading: Reading) -> None:
    """A query may write through WITH, INTO and the functions that it calls."""
    read_rows(node, reading)
    _read_calls(node, reading, strict=True)


def write(node: Node, reading: Reading) -> None:
    """INSERT, UPDATE …: an unknown function in their expressions is taken to compute a value only."""
    read_rows(node, reading)
    _read_calls(node, reading, strict=False)


def call(node: Node, reading: Reading) -> None:
    _read_call(node.funccall, reading, strict=True)
    _read_calls(node.funccall.args, reading, strict=True)


def _body_line(reading: Reading) -> int:
    found = _BODY.search(reading.source)
    return reading.line + (reading.source.count("\n", 0, found.start()) if found else 0)


def _read_calls(node: Node, reading: Reading, *, strict: bool) -> None:
    for inner in walk(node, skip=STORED):
        if isinstance(inner, ast.FuncCall):
            _read_call(inner, reading, strict=strict)


def _read_call(node: Node, reading: Reading, *, strict: bool) -> None:
    name = builtin.function_name(node)
    full = reading.qualified(name, "function")
    if full in reading.routines:
        _read_routine(full, reading.routines[full], reading)
    elif strict and full in reading.background.routines:
        _read_earlier(full, reading)
    elif name == ("set_config",):
        _set_config(node, reading)
    elif name == ("setval",) or (strict and name == ("nextval",)):
        _move_sequence(node, reading, name[0])
    elif len(name) == 1 and name[0] in builtin.WRITES_LARGE_OBJECTS:
        reading.say(Kind.ROWS, f"{name[0]}()", note="writes a large object")
    elif name == (builtin.DROPS_LARGE_OBJECTS,):
        reading.say(Kind.DROPPING, "lo_unlink()", note="drops a large object")
        reading.cannot_undo("lo_unlink()", "the large object's content is gone")
    elif strict and not builtin.leaves_no_trace(node):
        reading.say(Kind.UNDECIDED, "call", f"{dotted(name)}()", "what it does is not in this script")


def _move_sequence(node: Node, reading: Reading, function: str) -> None:
    """Sequences of tables made here, by name or by pg_get_serial_sequence(), are new themselves."""
    texts: list[str] = [
        str(item.val.sval)
        for item in walk(node.args)
        if isinstance(item, ast.A_Const) and isinstance(item.val, ast.String)
    ]
    reading.lasting()
    if not any(_belongs_to_own(text, reading) for text in texts):
        reading.say(Kind.DEFINITION, f"{function}()", ", ".join(texts[:1]), "moves where a sequence stands")


def _belongs_to_own(text: str, reading: Reading) -> bool:
    name = reading.qualified(tuple(text.replace('"', "").split(".")), "relation")
    own = [key.removeprefix("relation ") for key in reading.made if key.startswith("relation ")]
    return name in own or any(name.startswith(f"{table}_") and name.endswith("_seq") for table in own)


def _set_config(node: Node, reading: Reading) -> None:
    values = [getattr(getattr(item, "val", None), "sval", None) for item in node.args or ()]
    if values[:1] == ["search_path"] and values[1] is not None:
        reading.set_path([part.strip().strip('"') for part in values[1].split(",")])


def _read_earlier(name: str, reading: Reading) -> None:
    """A function of an earlier migration is called: what it does happens on the line of the call."""
    line, known = reading.line, len(reading.reasons)
    _read_routine(name, reading.background.routines[name], reading)
    reading.reasons[known:] = [replace(reason, line=line) for reason in reading.reasons[known:]]


def _read_routine(name: str, found: Routine, reading: Reading) -> None:
    """A function that is known is called: its body counts from here."""
    if name in reading.routine:
        return
    outer_line, outer = reading.line, reading.routine
    reading.routine = (*outer, name)
    if found.language == "plpgsql":
        _read_plpgsql(found.source, found.line, reading, f"{name}()")
    elif found.language == "sql" and found.body:
        _read_sql(found.body, found.line, reading, f"{name}()")
    elif found.language != "sql":
        reading.say(Kind.UNDECIDED, "call", f"{name}()", f"code in {found.language} is not read")
    reading.routine, reading.line = outer, outer_line


def _read_plpgsql(source: str, first_line: int, reading: Reading, what: str) -> None:
    outer = reading.line
    try:
        tree = json.loads(parse_plpgsql_json(source))
    except (ParseError, ValueError, RecursionError) as error:
        reading.say(Kind.UNDECIDED, what, note=f"its body cannot be read: {error.args[0]}")
        return
    for line, expression, dynamic in _expressions(tree):
        reading.line = first_line + max(line, 1) - 1
        _read_expression(expression, reading, what, dynamic=dynamic)
    reading.line = outer


def _expressions(
    node: Any, line: int = 1, dynamic: bool = False
) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Every SQL text in a PL/pgSQL tree, its line in the body, and if run time puts it together."""
    if isinstance(node, list):
        for item in node:
            yield from _expressions(item, line, dynamic)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "PLpgSQL_expr":
            yield line, value, dynamic
            continue
        here = value.get("lineno", line) if isinstance(value, dict) else line
        is_dynamic = key == "dynquery" or (key == "query" and dynamic)
        yield from _expressions(value, here, is_dynamic or key in _DYNAMIC)


def _read_expression(expression: dict[str, Any], reading: Reading, what: str, *, dynamic: bool) -> None:
    text, mode = expression["query"], expression.get("parseMode", 0)
    if mode in _ASSIGNMENTS:
        text, mode = _ASSIGNED.split(text, maxsplit=1)[-1], _EXPRESSION
    if mode == _EXPRESSION and dynamic:
        _read_dynamic(text, reading, what)
    elif mode == _EXPRESSION:
        _read_sql(f"SELECT {text}", reading.line, reading, what)
    else:
        _read_sql(text, reading.line, reading, what)


def _read_dynamic(text: str, reading: Reading, what: str) -> None:
    """EXECUTE: read when it is one constant text."""
    constant = _constant(text)
    if constant is None:
        note = "dynamic SQL: its text is put together while it runs"
        reading.say(Kind.UNDECIDED, f"{what} … EXECUTE", note=note)
    else:
        _read_sql(constant, reading.line, reading, f"{what} … EXECUTE")


def _constant(text: str) -> str | None:
    try:
        select: Any = parse_sql(f"SELECT {text}")[0].stmt
    except ParseError:
        return None
    target = select.targetList[0].val
    value = target.val if isinstance(target, ast.A_Const) else None
    return value.sval if isinstance(value, ast.String) else None


def _read_sql(text: str, first_line: int, reading: Reading, what: str) -> None:
    from rollproof.migrations.rules import read_statement

    outer = reading.source
    try:
        statements = parse_sql(text)
    except ParseError as error:
        reading.line = first_line
        reading.say(Kind.UNDECIDED, what, note=f"SQL in it cannot be read: {error.args[0]}")
        return
    for statement in statements:
        reading.line = first_line + text.count("\n", 0, statement.stmt_location)
        reading.source = text[statement.stmt_location :][: statement.stmt_len or None]
        read_statement(statement.stmt, reading)
    reading.source, reading.line = outer, first_line


RULES = {
    ast.CreateFunctionStmt: routine,
    ast.DoStmt: do,
    ast.SelectStmt: select,
    ast.CallStmt: call,
    **dict.fromkeys(
        (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.TruncateStmt, ast.CopyStmt), write
    ),
}
