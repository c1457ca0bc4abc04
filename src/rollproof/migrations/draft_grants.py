"""Giving back, and taking back, what a migration has granted and revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rollproof.migrations.draft_model import Undoing, kind_of_parent, of_parent
from rollproof.migrations.rules.names import quote
from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json, JsonObject

_WORDS = {
    "table": "TABLE",
    "view": "TABLE",
    "materialized view": "TABLE",
    "foreign table": "TABLE",
    "sequence": "SEQUENCE",
    "schema": "SCHEMA",
    "function": "FUNCTION",
    "window function": "FUNCTION",
    "aggregate": "FUNCTION",
    "procedure": "PROCEDURE",
    "enum": "TYPE",
    "composite type": "TYPE",
    "range": "TYPE",
    "base type": "TYPE",
    "domain": "DOMAIN",
    "language": "LANGUAGE",
    "server": "FOREIGN SERVER",
    "foreign data wrapper": "FOREIGN DATA WRAPPER",
}
_DEFAULT = re.compile(
    r"for role (?P<role>.+?)(?: in schema (?P<schema>.+?))? on (?P<kind>\w+) to (?P<to>.+)$", re.DOTALL
)
_RANK = 45


def regrant(fact: Fact, now: JsonObject, wanted: JsonObject, *, owner: str = "") -> Undoing | None:
    """From the privileges of `now` to those that are wanted, of one grantee; None when nobody knows how.

    Args:
        owner: of the object, not quoted, where it is known.
    """
    grantee = fact.name.rpartition(" to ")[2]
    column = kind_of_parent(fact) == "column"
    word = "TABLE" if column else _WORDS.get(kind_of_parent(fact))
    if word is None or (grantee == "its owner" and not owner):
        return None
    table, _, name = of_parent(fact).rpartition(".") if column else (of_parent(fact), "", "")
    if column and '"' in name:
        return None  # a dot may stand within the quotes
    to = quote(owner) if grantee == "its owner" else grantee
    listed = f" ({name})" if column else ""
    return Undoing(tuple(_statements(now, wanted, f"ON {word} {table}", to, listed)), _RANK)


def _statements(now: JsonObject, wanted: JsonObject, on: str, to: str, columns: str) -> Iterator[str]:
    for privilege in sorted({*now, *wanted}):
        have, want = _how(now.get(privilege)), _how(wanted.get(privilege))
        if have == want:
            continue
        if want is None:
            yield f"REVOKE {privilege}{columns} {on} FROM {to};"
        elif have == "with grant option":
            yield f"REVOKE GRANT OPTION FOR {privilege}{columns} {on} FROM {to};"
        else:
            option = " WITH GRANT OPTION" if want == "with grant option" else ""
            yield f"GRANT {privilege}{columns} {on} TO {to}{option};"


def _how(value: Json) -> str | None:
    return None if value in (None, "revoked") else str(value)


def default_privilege(fact: Fact, now: JsonObject, wanted: JsonObject) -> Undoing | None:
    """The same for the privileges that objects yet to be made will have."""
    found = _DEFAULT.match(fact.name)
    if found is None:
        return None
    schema = f" IN SCHEMA {found['schema']}" if found["schema"] else ""
    head = f"ALTER DEFAULT PRIVILEGES FOR ROLE {found['role']}{schema} "
    usual = {name: "granted" for name, how in now.items() if how == "revoked"}
    statements = _statements(now, {**usual, **wanted}, f"ON {found['kind'].upper()}", found["to"], "")
    return Undoing(tuple(head + statement for statement in statements), _RANK)
