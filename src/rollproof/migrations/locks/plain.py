"""Which statements may run in a transaction of their own making without being any different for it."""

from __future__ import annotations

import re

from rollproof.migrations.psqltext import Statement

_FIRST = frozenset(
    "ALTER CREATE DROP INSERT UPDATE DELETE MERGE TRUNCATE COMMENT GRANT REVOKE REFRESH SELECT WITH "
    "DO".split()
)
_SECOND_NOT = frozenset("DATABASE SYSTEM TABLESPACE SUBSCRIPTION".split())
_NEVER = re.compile(r"(?i)\bconcurrently\b|\badd\s+value\b")
_ENDS = re.compile(r"(?i)\b(?:commit|rollback|call|execute)\b")
_LOCKS_NOTHING_OLD = re.compile(
    r"(?i)\Acreate\s+(?:or\s+replace\s+)?(?:(?:global|local)\s+)?(?:temp(?:orary)?\s+|unlogged\s+)?"
    r"(?:table|type|schema|extension|domain|function|procedure|role|user|sequence|aggregate|cast|operator)\b"
)
_NEEDS_OTHERS = re.compile(r"(?i)\b(?:references|inherits|partition|like|as|of)\b")


def plain(text: str, statement: Statement) -> bool:
    """True when BEGIN before and COMMIT after it change nothing but that one can look in between.

    Statements that refuse a transaction block, or end one, are not plain; neither are those that only
    mean something inside a block, such as LOCK and SAVEPOINT, nor those about the session.
    """
    words = statement.words
    if not words or words[0] not in _FIRST or _SECOND_NOT & set(words[1:2]):
        return False
    body = text[statement.start : statement.end]
    return not _NEVER.search(body) and not (words[0] == "DO" and _ENDS.search(body))


def worth_a_look(text: str, statement: Statement) -> bool:
    """False for what makes something new and needs nothing old for it: it locks nothing that others use."""
    body = text[statement.start : statement.end]
    return not (_LOCKS_NOTHING_OLD.match(body) and not _NEEDS_OTHERS.search(body))
