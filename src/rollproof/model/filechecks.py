"""What a system file's shape cannot tell: paths that do not exist, placeholders nobody fills, secrets.

Works on what the file says, right or wrong, so that one reading finds every mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pglast
import pglast.parser

from rollproof.model.aws import Deploy
from rollproof.model.mistakes import Mistake, say_value, suggestion
from rollproof.model.placeholders import (
    IN_COMMANDS,
    IN_RELEASES,
    IN_ROLLBACK_NAMES,
    IN_SERVICES,
    IN_TOOLS,
    IN_TRAFFIC,
    slips,
    strangers,
)
from rollproof.model.secrets import lines_with_secrets, names_a_password
from rollproof.model.shape import Written, model_of, without_none, written
from rollproof.model.sqltemplate import TOKEN, SqlTemplate
from rollproof.model.system import Command, Endpoint, Migrations, Seed, Service, System, Traffic
from rollproof.model.tomllines import KeyPath, KeyPositions
from rollproof.model.toolkeys import tool_mistakes

_URL_PATHS = ((Service, "health"), (Service, "openapi"), (Endpoint, "path"), (Traffic, "path"))
_SECRET_REMEDY = "keep it in an environment variable and out of the file"  # noqa: S105  # a sentence


def system_mistakes(data: Mapping[str, object], *, root: Path) -> Iterator[Mistake]:
    """Everything but shape and secrets; `root` is the system file's folder."""
    for item in written(System, data):
        yield from _paths(item, root)
        yield from _commands(item, root)
        yield from _names(item)
        if model_of(item.hint) is Migrations and isinstance(item.value, dict):
            yield from tool_mistakes(item.path, item.value)
    yield from _traffic(data)


def secret_mistakes(text: str, positions: KeyPositions) -> Iterator[Mistake]:
    """Secrets anywhere in the text, comments too. The error never repeats them."""
    keys = {position.line: path for path, position in positions.paths.items()}
    lines = text.split("\n")
    for line, what in lines_with_secrets(text):
        comment = lines[line - 1].lstrip().startswith("#")
        before = [] if comment else [number for number in keys if number <= line]
        path = keys[max(before)] if before else ()
        yield Mistake(path, f"this looks like {what}; {_SECRET_REMEDY}", line=line)


def _paths(item: Written, root: Path) -> Iterator[Mistake]:
    if not isinstance(item.value, str):
        return
    if item.is_field(Migrations, "path"):
        yield from _missing(item.path, root, item.value, folder=True)
    elif item.is_field(Seed, "sql") or item.is_field(Migrations, "config"):
        yield from _missing(item.path, root, item.value, folder=False)


def _missing(path: KeyPath, root: Path, name: str, *, folder: bool) -> Iterator[Mistake]:
    kind = "folder" if folder else "file"
    if not name.strip() or "\0" in name:
        yield Mistake(path, f"found {say_value(name)}, expected the path of a {kind}")
        return
    place = root / name
    there = place.is_dir() if folder else place.is_file()
    if not there and place.exists():
        yield Mistake(path, f"{name!r} is a {'file' if folder else 'folder'}, a {kind} is expected")
    elif not there:
        yield Mistake(path, f"there is no {kind} {name!r} beside the system file{_nearby(place)}")


def _nearby(place: Path) -> str:
    try:
        return suggestion(place.name, [entry.name for entry in place.parent.iterdir()])
    except OSError:
        return ""


def _commands(item: Written, root: Path) -> Iterator[Mistake]:
    if without_none(item.hint) is Command and isinstance(item.value, list):
        known = _placeholders_of(item)
        for index, argument in enumerate(item.value):
            if isinstance(argument, str):
                yield from _unknown_names((*item.path, index), argument, known)
        if not item.is_field(Service, "start"):  # in a release's folder, whichever that is
            yield from _program(item.path, root, item.value)
    elif item.is_field(Service, "env") and isinstance(item.value, dict):
        yield from _variables(item.path, item.value, IN_SERVICES)
    elif item.is_field(Migrations, "environment") and isinstance(item.value, dict):
        yield from _variables(item.path, item.value, IN_TOOLS)


def _placeholders_of(item: Written) -> Sequence[str]:
    if item.model is Migrations:
        return IN_TOOLS
    if item.model is Deploy:
        return IN_RELEASES
    return IN_SERVICES if item.model is Service else IN_COMMANDS


def _program(path: KeyPath, root: Path, command: Sequence[object]) -> Iterator[Mistake]:
    """The program, or the script that `{python}` runs, when it is plainly a path of the system's own."""
    match command:
        case [str() as program, *_] if not program.strip():
            yield Mistake((*path, 0), f"found {say_value(program)}, expected the program to run")
        case [str() as program, *_] if "/" in program and "{" not in program:
            yield from _missing((*path, 0), root, program, folder=False)
        case ["{python}", str() as script, *_] if script.endswith(".py") and "{" not in script:
            yield from _missing((*path, 1), root, script, folder=False)
        case [str() as whole] if " " in whole.strip():
            yield Mistake((*path, 0), "one text with spaces; write each argument as a text of its own")


def _variables(path: KeyPath, variables: Mapping[str, object], known: Sequence[str]) -> Iterator[Mistake]:
    for name, value in variables.items():
        if isinstance(value, str):
            yield from _unknown_names((*path, name), value, known)
            if names_a_password(name) and value and "{" not in value:
                yield Mistake((*path, name), f"this looks like a password; {_SECRET_REMEDY}")


def _unknown_names(path: KeyPath, text: str, known: Sequence[str]) -> Iterator[Mistake]:
    for name in strangers(text, known):
        yield Mistake(path, _unknown_name(name, known))


def _unknown_name(name: str, known: Sequence[str]) -> str:
    return f"unknown placeholder {{{name}}}{suggestion(name, known)} ({_allowed(known)})"


def _allowed(known: Sequence[str]) -> str:
    return "allowed here: " + ", ".join(f"{{{name}}}" for name in known)


def _names(item: Written) -> Iterator[Mistake]:
    if not isinstance(item.value, str):
        return
    if any(item.is_field(model, key) for model, key in _URL_PATHS):
        if not item.value.startswith("/"):
            yield Mistake(item.path, f"found {say_value(item.value)}, expected a path that starts with /")
    elif item.is_field(Migrations, "rollback") or item.is_field(Migrations, "reverse"):
        yield from _unknown_names(item.path, item.value, IN_ROLLBACK_NAMES)
        if "{number}" not in item.value and "{name}" not in item.value:
            yield Mistake(item.path, "names no migration: {number} or {name} must be in it")


def _traffic(data: Mapping[str, object]) -> Iterator[Mistake]:
    entries = data.get("traffic")
    seen: set[str] = set()
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            path: KeyPath = ("traffic", index)
            yield from _entry(path, entry)
            yield from _entry_beside_others(path, entry, data, seen)


def _entry_beside_others(
    path: KeyPath, entry: Mapping[str, object], data: Mapping[str, object], seen: set[str]
) -> Iterator[Mistake]:
    name, service, services = entry.get("name"), entry.get("service"), data.get("service")
    if isinstance(name, str):
        if name in seen or not name.strip():
            what = "is the name of another entry too" if name.strip() else "is no name"
            yield Mistake((*path, "name"), f"{say_value(name)} {what}; each entry has a name of its own")
        seen.add(name)
    known = list(services) if isinstance(services, dict) else []
    if isinstance(service, str) and service not in known:
        said = ", ".join(known) or "none"
        yield Mistake(
            (*path, "service"),
            f"service {service!r} is not declared{suggestion(service, known)} (declared: {said})",
        )
    if "database" not in data and ("sql" in entry or "verify" in entry):
        key = "sql" if "sql" in entry else "verify"
        yield Mistake((*path, key), "there is no [database] to run this SQL in")


def _entry(path: KeyPath, entry: Mapping[str, object]) -> Iterator[Mistake]:
    for key in ("sql", "verify"):
        yield from _statement((*path, key), entry.get(key))
    for key in ("sql", "verify", "body"):
        for name in slips(_texts(entry.get(key)), IN_TRAFFIC):
            yield Mistake((*path, key), _unknown_name(name, IN_TRAFFIC))
    yield from _unknown_in_path(path, entry.get("path"))
    if "sql" in entry and "path" not in entry:
        for key in sorted({"service", "method", "body"} & set(entry)):
            yield Mistake((*path, key), "belongs to an operation by HTTP; this one has `sql`")
    if entry.get("kind") == "write":
        yield from _write(path, entry)


def _statement(path: KeyPath, text: object) -> Iterator[Mistake]:
    """One statement an operation: of several, one may be done and another not."""
    if not isinstance(text, str):
        return
    try:
        SqlTemplate.of(text)
        if len(pglast.parse_sql(text.replace(TOKEN, "token"))) != 1:
            yield Mistake(path, "found none or several statements, expected one")
    except ValueError as error:
        yield Mistake(path, str(error))
    except pglast.parser.ParseError:
        return  # the server, which may be newer than this parser, is asked when the traffic starts


def _unknown_in_path(path: KeyPath, asked: object) -> Iterator[Mistake]:
    if isinstance(asked, str):
        yield from _unknown_names((*path, "path"), asked, IN_TRAFFIC)


def _write(path: KeyPath, entry: Mapping[str, object]) -> Iterator[Mistake]:
    verify = entry.get("verify")
    if isinstance(verify, str) and "{token}" not in verify:
        yield Mistake((*path, "verify"), "{token} is not in it, so it cannot tell one write from another")
    sent = _texts([entry.get("sql"), entry.get("path"), entry.get("body")])
    if sent and "{token}" not in sent:
        where = "sql" if "sql" in entry else "path"
        yield Mistake((*path, where), "a write must send its {token}, or nobody can tell whether it was lost")
    if "path" in entry and "method" not in entry:
        yield Mistake((*path, "path"), "a write by HTTP needs its `method`: POST, PUT, PATCH or DELETE")


def _texts(value: object) -> str:
    """All texts in a value, at any depth, for searching."""
    match value:
        case str():
            return value
        case dict():
            return "\n".join(map(_texts, value.values()))
        case list():
            return "\n".join(filter(None, map(_texts, value)))
    return ""
