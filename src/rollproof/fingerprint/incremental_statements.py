"""The fingerprint's own queries, statement by statement, as the incremental fingerprint runs them.

There is one source of truth, the files of `catalog.QUERIES`. Lines that are comments to anybody else say
how to run a statement for a few objects alone:

- `--of pg_trigger: t.oid AS watched_oid,` tells of which catalog's objects the rows are, and adds their
  oids as a column. `pg_class iI` stands for relations of these kinds (relkind), `pg_constraint owned`
  for constraints of relations and `free` for others, `granted` for objects with owners and grants that
  are no relations, `any` for those of all catalogs.
- `--only AND t.oid = ANY ($1)` restricts the statement to the objects with the oids in $1.
- `--every look` before a statement: what it reads cannot be watched (catalogs that all databases share,
  or that only a superuser may read) and is little, so that its whole result is compared each time.

A statement with none of these is rare: about objects that few databases have, read anew as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from rollproof.fingerprint.catalog import QUERIES
from rollproof.fingerprint.queries import query

ANY = "any"
GRANTED = "granted"
_OF = re.compile(r"^\s*--of (?P<catalog>\w+)(?: (?P<kinds>\w+))?: (?P<column>.*)$", re.MULTILINE)
_ONLY = re.compile(r"^\s*--only (?P<condition>.*)$", re.MULTILINE)
_EVERY_LOOK = "--every look"
_UNION = (
    "UNION ALL\nSELECT '{name}', 0, NULL, string_agg(s::text, E'\\n' ORDER BY s::text) FROM (\n{text}\n) s"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the fingerprint.

    Attributes:
        name: its file and its number in it: `tables 1`.
        catalog: of which catalog's objects its rows are; `GRANTED`, `ANY`, or empty for a rare statement.
        kinds: of which kinds the relations are that it is about, or the constraints.
        whole: its text, with the column `watched_oid` unless it is rare.
        only: its text for the objects whose oids are in $1; empty for a rare statement.
        every_look: its result is compared at every look.
        names_others: it prints names of objects that do not depend on what it is about.
    """

    name: str
    catalog: str
    kinds: str
    whole: str
    only: str
    every_look: bool
    names_others: bool


@cache
def statements(major: int) -> tuple[Statement, ...]:
    """All statements of the fingerprint of PostgreSQL `major`, in the order of `catalog.QUERIES`."""
    return tuple(
        _statement(f"{name} {number}", text)
        for name in QUERIES
        for number, text in enumerate(_split(query(name, major=major)), start=1)
    )


@cache
def scan_text(major: int) -> str:
    """The statement that tells what changed: sql/watch_scan.sql, and the results to compare every time."""
    compared = [
        _UNION.format(name=statement.name, text=statement.whole)
        for statement in statements(major)
        if statement.every_look
    ]
    return "\n".join([query("watch_scan", major=major), *compared])


def _split(text: str) -> list[str]:
    """Statements end in a semicolon at a line's end; what holds nothing but comments is none."""
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        code = "" if line.lstrip().startswith("--") else line.split(" -- ")[0].rstrip()
        parts[-1].append(line if not code.endswith(";") else code[:-1])
        if code.endswith(";"):
            parts.append([])
    return ["\n".join(part).strip() for part in parts if any(map(_is_code, part))]


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("--")


def _statement(name: str, text: str) -> Statement:
    found = _OF.search(text)
    whole = _OF.sub(lambda match: match["column"], text)
    return Statement(
        name=name,
        catalog=found["catalog"] if found else "",
        kinds=(found["kinds"] or "") if found else "",
        whole=whole,
        only=_ONLY.sub(lambda match: match["condition"], whole) if found else "",
        every_look=_EVERY_LOOK in text,
        names_others="pg_identify_object" in text and not found,
    )
