"""Statements that found no row to change, and those whose effect is not compared: nothing is proven of them.

Made-up rows are plausible, and no more. A migration that deletes what is older than a year, or the second
of two rows that are alike, finds nothing among them; its rollback then has nothing to bring back, and looks
sound. That is not to be known from the rows alone: it takes the text, which says what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rollproof.migrations.classification import Classification, Kind, Reason
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.model.names import same_name
from rollproof.model.rows import RowChanges
from rollproof.walk.changes import Changes

_WRITES = re.compile(
    r"\bDELETE\s+FROM\b|\bINSERT\s+INTO\b|\bMERGE\s+INTO\b"
    r"|(?<!\bON\s)(?<!\bOR\s)(?<!\bFOR\s)\bUPDATE\s",
    re.IGNORECASE,
)
"""Cheap, and true for more texts than need be: the whole history is parsed only where it is true."""
_SECRETS = re.compile(
    r"\bALTER\s+(?:ROLE|USER)\b[^;]*?\bPASSWORD\b|\bALTER\s+USER\s+MAPPING\b|\bON\s+PARAMETER\b",
    re.IGNORECASE,
)
_UNSEEN = "line {}: passwords, users' options at foreign servers and grants on parameters are not compared"
_CODE = "RunPython"
_FOUND_NONE = "line {0.line}: {0.statement} found no row of {0.about} to {1}, so what it does was not tried"
_CODE_FOUND_NONE = "line {0.line}: {0.statement} changed no row here, so what it does was not tried"


def untried(history: MigrationHistory, migration: Migration, up: Changes) -> tuple[str, ...]:
    """A sentence for each statement of a migration that says it writes rows from before, and wrote none, or
    that does what a fingerprint leaves out.

    Args:
        up: what applying it changed, with rows compared.
    """
    text = migration.up.text
    left_out = tuple(
        _UNSEEN.format(text.count("\n", 0, found.start()) + 1) for found in _SECRETS.finditer(text)
    )
    if migration.stated is None and not _WRITES.search(text):
        return left_out
    read = history.classification(migration)
    said = [
        _FOUND_NONE.format(reason, _verb(reason))
        for reason in read.reasons
        if reason.kind in (Kind.DATA, Kind.ROWS) and reason.about and not _did(reason, read, up.rows)
    ]
    if not up.rows and not _adds_places(up):
        said += [_CODE_FOUND_NONE.format(reason) for reason in read.reasons if reason.statement == _CODE]
    return tuple(dict.fromkeys((*said, *left_out)))


def _did(reason: Reason, read: Classification, rows: Iterable[RowChanges]) -> bool:
    names = [reason.about, *(old for old, new in read.renamed if same_name(new, reason.about))]
    changes = [change for change in rows if any(same_name(change.table, name) for name in names)]
    if reason.statement == "DELETE":
        return any(change.lost or change.missing_table for change in changes)
    return bool(changes)


def _verb(reason: Reason) -> str:
    if reason.kind is Kind.ROWS:
        return "add"
    return {"DELETE": "delete", "UPDATE": "change"}.get(reason.statement, "write to")


def _adds_places(up: Changes) -> bool:
    """True where code may have filled what the migration has made itself, which is no row from before."""
    return any(
        item.before is None and item.attribute is None and item.kind in ("table", "column")
        for item in up.differences
    )
