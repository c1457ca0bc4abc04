"""Changing back what a migration has changed about something that was there before."""

from __future__ import annotations

from collections.abc import Callable

from rollproof.migrations.coltypes import ColumnType, Fit, fit
from rollproof.migrations.draft_drop import comment_target, setting
from rollproof.migrations.draft_grants import default_privilege, regrant
from rollproof.migrations.draft_model import Undoing, kind_of_parent, literal, of_parent, own_name
from rollproof.migrations.draft_restore import enable, function, make, replace_by
from rollproof.migrations.rules.names import quote
from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json

_RANK = 50
"""after what was put on top of it has gone, before what it was made to need"""
_OWNED = {
    "enum": "TYPE",
    "composite type": "TYPE",
    "range": "TYPE",
    "window function": "FUNCTION",
    "publication": "PUBLICATION",
}


class LosesDataError(Exception):
    """Going back would not bring back what the migration has thrown away."""


def change_back(before: Fact, after: Fact, attribute: str) -> Undoing | None:
    """How to make that attribute again what it was; None when nobody here knows how.

    Raises:
        LosesDataError: the migration has thrown data away; the text says which.
    """
    rule = _RULES.get((before.kind, attribute)) or _RULES.get((before.kind, "*"))
    if attribute == "owner" and before.kind != "grant":
        return _owner(before)
    return rule(before, after, before.attributes.get(attribute)) if rule else None


def _owner(before: Fact) -> Undoing:
    word = _OWNED.get(before.kind, before.kind.upper())
    owner = quote(str(before.attributes["owner"]))
    return Undoing((f"ALTER {word} {before.name} OWNER TO {owner};",), _RANK + 1)


Rule = Callable[[Fact, Fact, Json], Undoing | None]


def _table(words: Callable[[Json], str | None]) -> Rule:
    def back(before: Fact, _after: Fact, value: Json) -> Undoing | None:
        text = words(value)
        return None if text is None else Undoing((f"ALTER TABLE {before.name} {text};",), _RANK)

    return back


def _column(words: Callable[[Json], str | None], warning: str = "") -> Rule:
    def back(before: Fact, after: Fact, value: Json) -> Undoing | None:
        text = words(value)
        if text is None:
            return None
        sql = f"ALTER TABLE {of_parent(before)} ALTER COLUMN {own_name(before)} {text};"
        said = warning.format(name=before.name) if warning else ""
        return Undoing((sql,), _RANK, mentions=str(after.attributes), warning=said)

    return back


def _type(before: Fact, after: Fact, value: Json) -> Undoing | None:
    old, new = str(value), str(after.attributes.get("type"))
    holds = fit(ColumnType.parse(old), ColumnType.parse(new))
    if holds is not Fit.HOLDS:
        raise LosesDataError(f"column {before.name}: {new} {holds.value} of {old}, so values may be gone")
    if kind_of_parent(before) != "table":
        return None
    column = own_name(before)
    sql = f"ALTER TABLE {of_parent(before)} ALTER COLUMN {column} TYPE {old} USING {column}::{old};"
    warning = f"a value of {before.name} written since that does not fit {old} keeps it from running"
    return Undoing((sql,), _RANK, mentions=new, warning=warning)


def _identity(before: Fact, after: Fact, value: Json) -> Undoing | None:
    head = f"ALTER TABLE {of_parent(before)} ALTER COLUMN {own_name(before)}"
    if value == "no":
        return Undoing((f"{head} DROP IDENTITY;",), _RANK)
    if after.attributes.get("identity") == "no":
        return None
    return Undoing((f"{head} SET GENERATED {str(value).upper()};",), _RANK)


def _options(before: Fact, after: Fact, value: Json) -> Undoing | None:
    old, new = _settings(value), _settings(after.attributes.get("options"))
    word = "VIEW" if before.kind == "view" else "TABLE"
    gone = [name for name in new if name not in old]
    other = [f"{name} = {literal(old[name])}" for name in old if new.get(name) != old[name]]
    sql = [f"ALTER {word} {before.name} RESET ({', '.join(gone)});"] if gone else []
    sql += [f"ALTER {word} {before.name} SET ({', '.join(other)});"] if other else []
    return Undoing(tuple(sql), _RANK)


def _settings(value: Json) -> dict[str, str]:
    items = value if isinstance(value, list | tuple) else ()
    return {name: text for name, _, text in (str(item).partition("=") for item in items)}


def _replica_identity(before: Fact, _after: Fact, value: Json) -> Undoing:
    text = str(value)
    words = {"primary key": "DEFAULT", "nothing": "NOTHING", "all columns": "FULL"}
    how = words.get(text) or f"USING INDEX {text.removeprefix('index ')}"
    return Undoing((f"ALTER TABLE {before.name} REPLICA IDENTITY {how};",), _RANK)


def _function(before: Fact, after: Fact, _value: Json) -> Undoing | None:
    sql = function(before)
    if sql is None:
        return None
    signature = ("result", "arguments")
    if any(before.attributes.get(name) != after.attributes.get(name) for name in signature):
        word = "PROCEDURE" if before.kind == "procedure" else "FUNCTION"
        owner = f"ALTER {word} {before.name} OWNER TO {quote(str(before.attributes['owner']))};"
        sql = (f"DROP {word} {after.name};", *sql, owner)
    return Undoing(sql, _RANK, mentions=str(after.attributes))


def _view(before: Fact, after: Fact, _value: Json) -> Undoing | None:
    again = make(before)
    return Undoing(again.sql, _RANK, mentions=str(after.attributes)) if again else None


def view_anew(before: Fact) -> Undoing | None:
    """CREATE OR REPLACE may add columns, never take one away: then the new view has to go first."""
    again = make(before)
    return Undoing((f"DROP VIEW {before.name};", *again.sql), _RANK) if again else None


def _replaced(before: Fact, after: Fact, _value: Json) -> Undoing | None:
    return replace_by(before, after)


def _enabled(before: Fact, after: Fact, value: Json) -> Undoing | None:
    if before.attributes.get("definition") != after.attributes.get("definition"):
        return Undoing((), _RANK)  # it is made anew
    return Undoing((enable(before, str(value)),), _RANK)


def _labels(before: Fact, after: Fact, value: Json) -> Undoing | None:
    old = [str(item) for item in value] if isinstance(value, list | tuple) else []
    now = after.attributes.get("labels")
    new = [str(item) for item in now] if isinstance(now, list | tuple) else []
    pairs = [(a, b) for a, b in zip(old, new, strict=False) if a != b]
    if len(old) != len(new) or any(a in new or b in old for a, b in pairs):
        return None  # PostgreSQL has no way to take a label away
    renamed = [f"ALTER TYPE {before.name} RENAME VALUE {literal(b)} TO {literal(a)};" for a, b in pairs]
    return Undoing(tuple(renamed), _RANK)


def _sequence(words: str) -> Rule:
    def back(before: Fact, _after: Fact, value: Json) -> Undoing:
        text = ("CYCLE" if value else "NO CYCLE") if words == "CYCLE" else f"{words} {value or 'NONE'}"
        return Undoing((f"ALTER SEQUENCE {before.name} {text};",), _RANK)

    return back


def _domain(words: Callable[[Json], str]) -> Rule:
    return lambda before, _after, value: Undoing((f"ALTER DOMAIN {before.name} {words(value)};",), _RANK)


def _privileges(before: Fact, after: Fact, _value: Json) -> Undoing | None:
    return regrant(before, after.attributes, before.attributes)


def _nullable(value: Json) -> str:
    return "DROP NOT NULL" if value else "SET NOT NULL"


def _default(value: Json) -> str:
    return "DROP DEFAULT" if value is None else f"SET DEFAULT {value}"


_RULES: dict[tuple[str, str], Rule] = {
    ("column", "type"): _type,
    ("column", "nullable"): _column(_nullable, "a null in {name} written since keeps it from running"),
    ("column", "default"): _column(_default),
    ("column", "identity"): _identity,
    ("column", "storage"): _column(lambda value: f"SET STORAGE {str(value).upper()}"),
    ("column", "compression"): _column(lambda value: f"SET COMPRESSION {value}"),
    ("column", "statistics target"): _column(
        lambda value: f"SET STATISTICS {-1 if value is None else value}"
    ),
    ("table", "row security"): _table(lambda on: f"{'ENABLE' if on else 'DISABLE'} ROW LEVEL SECURITY"),
    ("table", "row security forced"): _table(lambda on: f"{'' if on else 'NO '}FORCE ROW LEVEL SECURITY"),
    ("table", "persistence"): _table(lambda value: "SET UNLOGGED" if value == "unlogged" else "SET LOGGED"),
    ("table", "access method"): _table(lambda value: f"SET ACCESS METHOD {quote(str(value))}"),
    ("table", "replica identity"): _replica_identity,
    ("table", "options"): _options,
    ("view", "options"): _options,
    ("view", "definition"): _view,
    ("function", "*"): _function,
    ("procedure", "*"): _function,
    ("trigger", "definition"): _replaced,
    ("trigger", "enabled"): _enabled,
    ("rule", "definition"): _replaced,
    ("rule", "enabled"): _enabled,
    ("policy", "*"): _replaced,
    ("index", "*"): _replaced,
    ("constraint", "*"): _replaced,
    ("statistics", "definition"): _replaced,
    ("enum", "labels"): _labels,
    ("domain", "default"): _domain(_default),
    ("domain", "nullable"): _domain(_nullable),
    ("sequence", "increment"): _sequence("INCREMENT BY"),
    ("sequence", "minimum"): _sequence("MINVALUE"),
    ("sequence", "maximum"): _sequence("MAXVALUE"),
    ("sequence", "start"): _sequence("START WITH"),
    ("sequence", "cache"): _sequence("CACHE"),
    ("sequence", "cycle"): _sequence("CYCLE"),
    ("sequence", "type"): _sequence("AS"),
    ("sequence", "owned by"): _sequence("OWNED BY"),
    ("extension", "version"): lambda before, _after, value: Undoing(
        (f"ALTER EXTENSION {before.name} UPDATE TO {literal(value)};",), _RANK
    ),
    ("comment", "text"): lambda before, _after, value: Undoing(
        (f"COMMENT {comment_target(before)} IS {literal(value)};",), _RANK
    ),
    ("setting", "value"): lambda before, _after, value: Undoing((setting(before, value),), _RANK),
    ("grant", "*"): _privileges,
    ("default privilege", "*"): lambda before, after, _value: default_privilege(
        before, after.attributes, before.attributes
    ),
}
