"""Taking away what a migration has added."""

from __future__ import annotations

import re
from collections.abc import Callable

from rollproof.migrations.draft_grants import default_privilege, regrant
from rollproof.migrations.draft_model import Undoing, kind_of_parent, of_parent, own_name
from rollproof.model.fingerprint import Fact

_PLAIN = {
    "view": ("VIEW", 20),
    "materialized view": ("MATERIALIZED VIEW", 20),
    "statistics": ("STATISTICS", 30),
    "index": ("INDEX", 30),
    "table": ("TABLE", 60),
    "foreign table": ("FOREIGN TABLE", 60),
    "event trigger": ("EVENT TRIGGER", 0),
    "publication": ("PUBLICATION", 5),
    "function": ("FUNCTION", 65),
    "procedure": ("PROCEDURE", 65),
    "window function": ("FUNCTION", 65),
    "aggregate": ("AGGREGATE", 64),
    "sequence": ("SEQUENCE", 70),
    "operator": ("OPERATOR", 64),
    "operator class": ("OPERATOR CLASS", 62),
    "operator family": ("OPERATOR FAMILY", 63),
    "cast": ("CAST", 61),
    "enum": ("TYPE", 75),
    "domain": ("DOMAIN", 74),
    "composite type": ("TYPE", 75),
    "range": ("TYPE", 75),
    "base type": ("TYPE", 76),
    "collation": ("COLLATION", 78),
    "conversion": ("CONVERSION", 78),
    "text search configuration": ("TEXT SEARCH CONFIGURATION", 78),
    "text search dictionary": ("TEXT SEARCH DICTIONARY", 79),
    "text search parser": ("TEXT SEARCH PARSER", 79),
    "text search template": ("TEXT SEARCH TEMPLATE", 80),
    "server": ("SERVER", 81),
    "foreign data wrapper": ("FOREIGN DATA WRAPPER", 82),
    "access method": ("ACCESS METHOD", 83),
    "language": ("LANGUAGE", 84),
    "extension": ("EXTENSION", 85),
    "schema": ("SCHEMA", 90),
}
"""kinds that DROP and their name are enough for, with about when"""
UNTOLD = frozenset({"column order", "sequence state", "role", "large objects", "extension dependency"})
"""facts that come and go with something else"""


def drop(fact: Fact) -> Undoing | None:
    """How to take it away; None when nobody here knows how."""
    if _goes_along(fact):
        return Undoing((), 50)
    if fact.kind in _PLAIN:
        word, rank = _PLAIN[fact.kind]
        return Undoing(
            (f"DROP {word} {_drop_name(fact)};",), rank, fact.name, mentions_of(fact), _loses(fact)
        )
    special = _SPECIAL.get(fact.kind)
    return special(fact) if special else None


def _goes_along(fact: Fact) -> bool:
    """What belongs to a partition, a view or a NOT NULL is made and unmade with it."""
    inherited = fact.attributes.get("inherited")
    if fact.kind in UNTOLD or (fact.attributes.get("partition of") and fact.kind == "index"):
        return True
    if fact.kind == "column" and kind_of_parent(fact) in ("view", "materialized view"):
        return True
    return inherited in ("yes", True)


def _drop_name(fact: Fact) -> str:
    # An operator's name ends in its operands, and DROP wants them apart.
    return re.sub(r"(?<=[^\s(])\(", " (", fact.name, count=1) if fact.kind == "operator" else fact.name


def mentions_of(fact: Fact) -> str:
    """What may name others: not the bodies of functions, which the server reads only when they run."""
    plain_body = (
        not str(fact.attributes.get("body", "")).lstrip().upper().startswith(("BEGIN ATOMIC", "RETURN "))
    )
    told = [value for name, value in fact.attributes.items() if name != "body" or not plain_body]
    return " ".join([fact.name if "(" in fact.name else "", *map(str, told)])


def _loses(fact: Fact) -> str:
    if fact.kind == "table":
        return f"{fact.name} goes with all rows that it has been given since"
    return f"{fact.name} goes with where it stands" if fact.kind == "sequence" else ""


def _of_table(word: str, rank: int) -> Callable[[Fact], Undoing]:
    def undo(fact: Fact) -> Undoing:
        return Undoing(
            (f"DROP {word} {own_name(fact)} ON {of_parent(fact)};",), rank, mentions=mentions_of(fact)
        )

    return undo


def _constraint(fact: Fact) -> Undoing:
    name, owner = own_name(fact), of_parent(fact)
    if kind_of_parent(fact) == "domain":
        name = fact.name.removesuffix(f" on domain {owner}")
        return Undoing((f"ALTER DOMAIN {owner} DROP CONSTRAINT {name};",), 32)
    word = "FOREIGN TABLE" if kind_of_parent(fact) == "foreign table" else "TABLE"
    rank = 25 if fact.attributes.get("type") == "foreign key" else 32
    return Undoing((f"ALTER {word} {owner} DROP CONSTRAINT {name};",), rank, mentions=mentions_of(fact))


def _column(fact: Fact) -> Undoing:
    owner = of_parent(fact)
    word = "FOREIGN TABLE" if kind_of_parent(fact) == "foreign table" else "TABLE"
    return Undoing(
        (f"ALTER {word} {owner} DROP COLUMN {own_name(fact)};",),
        55 if fact.attributes.get("generated") == "no" else 54,
        fact.name,
        mentions_of(fact),
        f"{fact.name} goes with all values that it has been given since",
    )


def _user_mapping(fact: Fact) -> Undoing:
    user, _, server = fact.name.removeprefix("for ").rpartition(" on ")
    return Undoing((f"DROP USER MAPPING FOR {user} SERVER {server};",), 58)


def _transform(fact: Fact) -> Undoing:
    kind, _, language = fact.name.removeprefix("for ").rpartition(" language ")
    return Undoing((f"DROP TRANSFORM FOR {kind} LANGUAGE {language};",), 58)


def _comment(fact: Fact) -> Undoing:
    return Undoing((f"COMMENT {comment_target(fact)} IS NULL;",), 40)


def comment_target(fact: Fact) -> str:
    """`ON COLUMN s.t.a`: the catalog says `on table column s.t.a`."""
    what = fact.name.removeprefix("on ")
    kind = what.removesuffix(f" {of_parent(fact)}")
    words = {"table constraint": "CONSTRAINT", "domain constraint": "CONSTRAINT"}
    word = "COLUMN" if kind.endswith(" column") else words.get(kind, kind.upper())
    target = of_parent(fact)
    if kind == "domain constraint":
        target = target.replace(" on ", " ON DOMAIN ").replace("ON DOMAIN domain ", "ON DOMAIN ")
    return f"ON {word} {target}"


def _publication_table(fact: Fact) -> Undoing:
    table, _, publication = fact.name.rpartition(" in ")
    return Undoing((f"ALTER PUBLICATION {publication} DROP TABLE {table};",), 4)


def _publication_schema(fact: Fact) -> Undoing:
    schema, _, publication = fact.name.rpartition(" in ")
    return Undoing((f"ALTER PUBLICATION {publication} DROP TABLES IN SCHEMA {schema};",), 4)


def _setting(fact: Fact) -> Undoing:
    return Undoing((setting(fact, None),), 41)


def setting(fact: Fact, value: object) -> str:
    """Sets or resets what belongs to the database, whatever its name may be where the script runs."""
    name, _, role = fact.name.partition(" for role ")
    change = f"RESET {name}" if value is None else f"SET {name} TO {literal_in_do(str(value))}"
    head = f"ALTER ROLE {role} IN DATABASE %I" if role else "ALTER DATABASE %I"
    text = f"{head} {change}".replace("'", "''")
    return f"DO $do$ BEGIN EXECUTE format('{text}', current_database()); END $do$;"


def literal_in_do(value: str) -> str:
    """A constant within the text that format() gets, where a percent sign means something."""
    return "'" + value.replace("'", "''").replace("%", "%%") + "'"


_SPECIAL: dict[str, Callable[[Fact], Undoing | None]] = {
    "trigger": _of_table("TRIGGER", 10),
    "policy": _of_table("POLICY", 10),
    "rule": _of_table("RULE", 10),
    "constraint": _constraint,
    "column": _column,
    "comment": _comment,
    "user mapping": _user_mapping,
    "transform": _transform,
    "publication table": _publication_table,
    "publication schema": _publication_schema,
    "setting": _setting,
    "grant": lambda fact: regrant(fact, fact.attributes, {}),
    "default privilege": lambda fact: default_privilege(fact, fact.attributes, {}),
}
