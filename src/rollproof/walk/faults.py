"""Why a script failed: the migration, or the place where it ran; and does it say that it has no way back?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pglast import parser

from rollproof.errors import EnvironmentUnavailable, RollproofError
from rollproof.migrations import refusal
from rollproof.migrations.model import Migration
from rollproof.migrations.psqltext import split
from rollproof.migrations.script import Script
from rollproof.walk.model import Failure
from rollproof.walk.standins import INSTALL

_WHERE = re.compile(r"(?s)^(?P<path>.*?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?$")
_STATE = re.compile(r"^([0-9A-Z]{5})\b")
_NOT_SUPPORTED = "0A000"
_OF_ROWS = ("22", "23", "P0")
"""SQLSTATE classes of errors that rows may cause"""
_PROVIDERS = {
    "uuid-ossp": r"uuid_generate_v\d\w*|uuid_nil|uuid_ns_\w+",
    "pgcrypto": r"gen_salt|crypt|digest|hmac|pgp_\w+|gen_random_bytes|armor|dearmor",
    "pg_trgm": r"similarity|word_similarity|show_trgm|gin_trgm_ops|gist_trgm_ops",
    "unaccent": r"unaccent",
    "citext": r"citext",
    "hstore": r"hstore",
    "ltree": r"ltree|lquery|ltxtquery",
    "postgis": r"geometry|geography|st_\w+|addgeometrycolumn|box2d|box3d",
    "vector": r"vector|halfvec|sparsevec|vector_\w+_ops|halfvec_\w+_ops|hnsw|ivfflat",
    "timescaledb": r"create_hypertable|add_\w+_policy|time_bucket",
    "tablefunc": r"crosstab\w*|connectby",
    "cube": r"cube",
    "earthdistance": r"earth|ll_to_earth|earth_\w+",
    "intarray": r"gin__int_ops|gist__int_ops|query_int",
    "btree_gin": r"gin_btree_ops",
    "pg_cron": r"cron(?:\.\w+)?",
    "pg_partman": r"partman(?:\.\w+)?",
    "dblink": r"dblink\w*",
}

_BY_SCHEMA = ("pg_cron", "pg_partman")
"""extensions that are told by the schema that they make"""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One way in which a place falls short: SQLSTATEs (all when empty), the message, and what to do."""

    states: frozenset[str]
    message: re.Pattern[str]
    remedy: str


def _rule(states: str, message: str, remedy: str) -> _Rule:
    return _Rule(frozenset(states.split()), re.compile(message, re.IGNORECASE), remedy)


_RULES = (
    _rule(
        "0A000 58P01 22023 42704",
        r"extension \S+ (?:is not available|has no installation script)|extension control file",
        INSTALL,
    ),
    _rule("58P01", r"could not access file|could not load library", "install that library for the server"),
    _rule(
        "42704 22023", r'\brole "[^"]+" does not exist', "name the role with --role: it is then created first"
    ),
    _rule("42704 22023 0A000", r"collation|locale|ICU", "use a server that has this locale"),
    _rule(
        "42704",
        r"tablespace .* does not exist",
        "the server has no such tablespace; leave it to the deployment",
    ),
    _rule(
        "42501",
        r"permission denied to (?:create extension|create role|set parameter)|must be (?:a )?superuser|"
        r"language .* (?:is not )?trusted",
        "run as a superuser, or let the deployment do it",
    ),
    _rule("42704", r"\blanguage \"[^\"]+\" does not exist", "install that language for the server"),
    _rule(
        "22023",
        r"unrecognized parameter namespace",
        "an extension knows it that the server does not have: install it",
    ),
    _rule("", r"shared_preload_libraries", "the library has to be loaded when the server starts"),
    _rule(
        "55000",
        r"prepared transactions are disabled|wal_level|replication slot",
        "set that up for the server",
    ),
    _rule(
        "42704", r"unrecognized configuration parameter", "use a server whose version, or extension, knows it"
    ),
    _rule(
        "3D000",
        r"database .* does not exist",
        "the migration names a database; let it say current_database()",
    ),
    _rule("58P01 58030", r"could not open file|could not read file", "the server has no such file"),
    _rule("53100 53200 53300 53400 54000", r"", "give the server more room, and walk again"),
    _rule(
        "", r"ModuleNotFoundError|ImportError|No module named", "name the project's interpreter with --python"
    ),
)


_NAMED = 5
"""tables that are named in a sentence"""
_MARK = "\ufeff"
"""A byte order mark: what splits a script takes it away, where the server does not."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}\b")
"""Where Python keeps an object: other in each run, and of no use to anybody."""


def failure_of(error: RollproofError, phase: str, script: Script | None) -> Failure:
    """What is said of an error in a result."""
    found = _WHERE.match(error.where) if error.where else None
    line, column = (error.facts.get(name) for name in ("line", "column"))
    place = found["path"] if found and found["line"] else ""
    state = state_of(error)
    return Failure(
        phase,
        _ADDRESS.sub("", error.found.removeprefix(f"{state} ")),
        sqlstate=state,
        path=place or (str(script.path) if script else ""),
        line=int(found["line"]) if found and found["line"] else _number(line),
        column=int(found["column"]) if found and found["column"] else _number(column),
        timed_out=bool(error.facts.get("timed_out")),
        remedy=error.remedy,
    )


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else None


def state_of(error: RollproofError) -> str:
    """The SQLSTATE, from the facts or from the front of the message; empty when there is none."""
    state = error.facts.get("sqlstate")
    found = _STATE.match(error.found)
    return str(state) if state else (found[1] if found and any(c.isdigit() for c in found[1]) else "")


def says_no_way_back(error: RollproofError, script: Script | None = None) -> bool:
    """True when a rollback ends by saying that there is none, and has done nothing before.

    It has to be an error that the script's own code raises: in words that say so, as the condition
    "feature not supported", or by a script that does nothing but raise. Whether it was a guard, which
    would have let it through without the rows that are there, is for the caller to try.
    """
    if error.facts.get("committed_statements") or error.facts.get("timed_out"):
        return False
    state = state_of(error)
    if not error.facts.get(refusal.RAISED):
        return state in ("", "P0001") and refusal.says_no_way_back(error.found)
    if error.facts.get(refusal.SAYS_SO) or state == _NOT_SUPPORTED:
        return True
    return script is not None and refusal.only_raises(script.text)


def of_rows(error: RollproofError) -> bool:
    """True when it may be the rows that a script did not like: it is worth trying without them."""
    if isinstance(error, EnvironmentUnavailable) or error.facts.get("timed_out"):
        return False
    state = state_of(error)
    of_python = not state and bool(error.facts.get("type"))
    return state[:2] in _OF_ROWS or of_python or bool(error.facts.get(refusal.RAISED))


def refuses_rows(error: RollproofError) -> str:
    """What is said of a rollback that runs only without the made-up rows."""
    if error.facts.get(refusal.RAISED):
        return "its rollback refuses to run because of rows that are there; without the made-up rows it runs"
    return "it is the rows that its rollback fails on: without the made-up ones it runs"


def environment_remedy(
    error: RollproofError, script: Script | None, extensions: Iterable[str], empty: Collection[str] = ()
) -> str:
    """What to do about the place, when that is what an error comes from; empty when it is not.

    Args:
        extensions: those that the database has. empty: stand-ins for those that the server lacks.
    """
    if isinstance(error, EnvironmentUnavailable):
        return error.remedy or "see to it that the server can be reached"
    state = state_of(error)
    for rule in _RULES:
        if (not rule.states or state in rule.states) and rule.message.search(error.found):
            return rule.remedy
    if state in ("42883", "42704", "42P01", "3F000") and (provider := _provider(error.found, extensions)):
        if provider in empty:
            return f"extension {provider} provides it: {INSTALL}"
        return f"extension {provider} provides it, and the history does not create it: do that first"
    if state == "42601" and script is not None and _newer_grammar(script, error):
        return "the SQL is right for a newer PostgreSQL than this server: use that one"
    return ""


def rows_stayed(tables: Sequence[str]) -> str:
    """What is said of a migration that fails on rows even when the made-up ones are gone."""
    named = ", ".join(tables[:_NAMED]) + (f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else "")
    return (
        "it fails without the made-up rows too; rows that earlier migrations have written, perhaps of "
        f"made-up ones, stay in {named} and may be the reason"
    )


def _provider(message: str, present: Iterable[str]) -> str:
    names = re.findall(r'"?([\w.]+)"?(?:\(| does not exist)', message.lower())
    there = set(present)
    for extension, pattern in _PROVIDERS.items():
        if extension not in there and any(
            re.fullmatch(pattern, name if extension in _BY_SCHEMA else name.rpartition(".")[2])
            for name in names
        ):
            return extension
    return ""


def _newer_grammar(script: Script, error: RollproofError) -> bool:
    """True when the newest grammar takes what the server refused, as it was sent.

    An error within a function's body, or in SQL that one puts together, is not the grammar's to judge.
    """
    line, column = (error.facts.get(name) for name in ("line", "column"))
    if not isinstance(line, int) or not isinstance(column, int) or _MARK in script.text:
        return False
    pieces = script.statements or ((0, len(script.text)),)
    try:
        sent = [split(script.text[start:end], script.known).sql for start, end in pieces]
        for text in sent:
            parser.parse_sql_protobuf(text)
        return not any(
            _within_text(text, start, script, line, column)
            for text, (start, _) in zip(sent, pieces, strict=True)
        )
    except parser.ParseError:
        return False


def _within_text(text: str, start: int, script: Script, line: int, column: int) -> bool:
    """True when a place of the file is inside a quoted text of that piece of the script."""
    texts = (token for token in parser.scan(text) if token.name == "SCONST")
    spans = [(start + token.start, start + token.end) for token in texts]
    return any(
        (script.in_file(script.line_at(first)), script.column_at(first))
        < (line, column)
        <= (script.in_file(script.line_at(last)), script.column_at(last))
        for first, last in spans
    )


_MISSING = re.compile(r'"([^"]+)"|\b(?:column|function|operator class) ([\w$.]+)')
_OF_PYTHON = re.compile(
    r"NoSuchTableError: ([\w.]+)|(?:KeyError|LookupError|FieldDoesNotExist|FieldError).*?'(\w+)'"
)
"""what a tool written in Python misses; it has no SQLSTATE"""
_MISSES = ("42P01", "42703", "42704", "42883", "3F000", "")
"""SQLSTATEs of what is not there; a tool's own error has none"""


def rests_on(error: RollproofError, failed: Iterable[Migration]) -> Migration | None:
    """The earlier migration, that could not be applied, which makes what this error misses."""
    if state_of(error) not in _MISSES:
        return None
    missing = _MISSING if state_of(error) else _OF_PYTHON
    names = {name.rpartition(".")[2] for found in missing.findall(error.found) for name in found if name}
    return next((one for one in failed if any(_makes(one, name) for name in names)), None)


def consequence(error: RollproofError, failed: Iterable[Migration]) -> str:
    """Which earlier migration, that could not be applied, this failure comes from; empty when none does."""
    earlier = list(failed)
    if not earlier or state_of(error) not in _MISSES:
        return ""
    if found := rests_on(error, earlier):
        return f"{found.id} could not be applied, and this rests on it"
    return f"{earlier[-1].id} could not be applied before it, which may be the reason"


def _makes(migration: Migration, name: str) -> bool:
    """True when the text makes something of that name, as SQL or as a tool's own language has it."""
    making = rf"(?i)\b(?:create|add|rename)\w*\b[^;]*?\b{re.escape(name)}\b"
    return re.search(making, migration.up.text) is not None
