"""Random changes of a database: statements of every sort about objects that are there, or that are made up.

The statements are the lines of watch_statements.txt. A field such as {table} or {view} stands for one that
exists, {new} for a name that is not taken; {column} and the like belong to the last {table}. A statement
that the server refuses is no harm: it changes nothing, or what it began is rolled back.
"""

from __future__ import annotations

import itertools
import random
import string
from pathlib import Path

import psycopg

STATEMENTS = Path(__file__).with_name("watch_statements.txt").read_text(encoding="utf-8").splitlines()

_RELATION = "SELECT oid::regclass::text FROM pg_class c WHERE oid >= 16384 AND relpersistence <> 't' AND {}"
_TYPE = "SELECT oid::regtype::text FROM pg_type t WHERE oid >= 16384 AND {}"
_COMPOSITE = "(SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c'"
_FUNCTION = (
    "SELECT oid::regproc::text FROM pg_proc p WHERE oid >= 16384"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') AND {}"
)
_ROLE = "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname ~ '^watch_'"
_EXISTING = {
    "schema": "SELECT quote_ident(nspname) FROM pg_namespace"
    " WHERE oid >= 16384 AND nspname !~ '^pg_' OR nspname = 'public'",
    "own_schema": "SELECT quote_ident(nspname) FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'",
    "table": _RELATION.format("relkind IN ('r', 'p')"),
    "parent_table": _RELATION.format("relkind = 'r'"),
    "table_with_key": _RELATION.format(
        "relkind = 'r' AND EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')"
    ),
    "partitioned": _RELATION.format("relkind = 'p'"),
    "partition": _RELATION.format("relispartition AND relkind = 'r'"),
    "view": _RELATION.format("relkind = 'v'"),
    "matview": _RELATION.format("relkind = 'm'"),
    "index": _RELATION.format("relkind IN ('i', 'I') AND relname !~ '^pg_toast'"),
    "sequence": _RELATION.format("relkind = 'S'"),
    "type": _TYPE.format(f"(typtype IN ('e', 'd', 'r') OR {_COMPOSITE})"),
    "own_type": _TYPE.format(f"(typtype IN ('e', 'd', 'r') OR {_COMPOSITE})"),
    "enum": _TYPE.format("typtype = 'e'"),
    "domain": _TYPE.format("typtype = 'd'"),
    "composite": _TYPE.format(_COMPOSITE),
    "function": _FUNCTION.format("prorettype = 'int4'::regtype AND prokind = 'f'"),
    "trigger_function": _FUNCTION.format("prorettype = 'trigger'::regtype"),
    "event_function": _FUNCTION.format("prorettype = 'event_trigger'::regtype"),
    "extension_function": "SELECT p.oid::regprocedure::text FROM pg_proc p"
    " JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' WHERE p.oid >= 16384",
    "role": _ROLE,
    "other_role": _ROLE,
    "statistics": "SELECT format('%I.%I', stxnamespace::regnamespace, stxname) FROM pg_statistic_ext",
    "fdw": "SELECT quote_ident(fdwname) FROM pg_foreign_data_wrapper",
    "server": "SELECT quote_ident(srvname) FROM pg_foreign_server",
    "publication": "SELECT quote_ident(pubname) FROM pg_publication",
    "collation": "SELECT format('%I.%I', collnamespace::regnamespace, collname)"
    " FROM pg_collation WHERE oid >= 16384",
    "tsconfig": "SELECT oid::regconfig::text FROM pg_ts_config WHERE oid >= 16384",
    "database": "SELECT quote_ident(current_database())",
}
_OF_TABLE = {
    "column": "SELECT quote_ident(attname) FROM pg_attribute"
    " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
    "constraint": "SELECT quote_ident(conname) FROM pg_constraint WHERE conrelid = %s::regclass",
    "index_of_table": "SELECT quote_ident(relname) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid"
    " WHERE indrelid = %s::regclass",
}
_WITH_TABLE = {
    "rule": "SELECT quote_ident(rulename), ev_class::regclass::text FROM pg_rewrite"
    " WHERE oid >= 16384 AND rulename <> '_RETURN'",
    "trigger": "SELECT quote_ident(tgname), tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal",
    "policy": "SELECT quote_ident(polname), polrelid::regclass::text FROM pg_policy",
}
_ODD = ("", "", "Mixed ", 'qu"ote ', "ünï ", "a.b ")
_TYPES = ("text", "integer", "integer[]", "timestamptz", "jsonb", "varchar(20)")


class NothingThere(Exception):
    """There is no object of the kind that a statement is about."""


class World:
    """Fills statements in from what a database holds at the moment, as seen by a connection of its own."""

    def __init__(self, conn: psycopg.Connection, seed: int) -> None:
        self._conn = conn
        self.random = random.Random(seed)  # noqa: S311  # not for secrets
        self._numbers = itertools.count(1)
        self._chosen: dict[str, str] = {}

    def statement(self) -> tuple[str, str]:
        """A statement's line, and itself. Raises NothingThere when ten lines in a row find no object."""
        for _ in range(10):
            line = self.random.choice(STATEMENTS)
            try:
                return line, self.fill(line)
            except NothingThere:
                continue
        raise NothingThere

    def fill(self, line: str) -> str:
        self._chosen = {}
        parts = string.Formatter().parse(line)
        return "".join(text + (self._field(field) if field else "") for text, field, _, _ in parts)

    def _field(self, field: str) -> str:
        if field in ("new", "new_role", "plain"):
            return self._name(field)
        if field == "number":
            return str(self.random.randint(1, 90))
        if field == "text":
            return "'" + self.random.choice(("a", "b", "it''s", "ünï")) + str(next(self._numbers)) + "'"
        if field not in self._chosen:
            self._choose(field)
        return self._chosen[field]

    def _name(self, field: str) -> str:
        number = next(self._numbers)
        if field == "plain":
            return f"plain_{number}"
        if field == "new_role":
            return f"watch_{number}"
        return '"' + (self.random.choice(_ODD) + f"o{number}").replace('"', '""') + '"'

    def _choose(self, field: str) -> None:
        if field in _OF_TABLE:
            table = next(
                (self._chosen[kind] for kind in ("table", "partitioned") if kind in self._chosen), None
            )
            if table is None:
                raise NothingThere
            self._chosen[field] = self._one(_OF_TABLE[field], (table,))[0]
        elif field in _WITH_TABLE:
            self._chosen[field], self._chosen[f"{field}_table"] = self._one(_WITH_TABLE[field])
        elif field == "type" and self.random.random() < 0.4:
            self._chosen[field] = self.random.choice(_TYPES)
        else:
            self._chosen[field] = self._one(_EXISTING[field])[0]

    def _one(self, query: str, values: tuple[str, ...] | None = None) -> tuple[str, ...]:
        rows = sorted(self._conn.execute(query, values).fetchall())
        if not rows:
            raise NothingThere
        return self.random.choice(rows)
