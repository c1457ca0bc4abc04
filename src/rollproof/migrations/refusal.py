"""Does a rollback say of itself that there is none?

What a script raises is not shown where it is put together from values, but it may be asked what it says:
the answer is yes or no, and holds no value.
"""

from __future__ import annotations

import re

from rollproof.migrations.psqltext import Statement, split

_BACK = r"(?:downgrad|roll(?:ing)?[- ]?back|revers|revert|undo|down[- ]migrat|migrat\w+\s+(?:back|down))\w*"
_DONE = r"(?:reverse|roll|undo|undone|revert|downgrade)"
_SAYS_SO = re.compile(
    rf"""(?ix)
    irreversib | not\s+(?:be\s+)?reversib | non-?reversib | NotImplementedError | \bone[- ]way\s+migration
  | \b(?:can(?:\s?no|')t|must\s+not|may\s+not|unable\s+to|will\s+not|won't|refus\w+\s+to)\s+
        (?:be\s+)?(?:safely\s+|automatically\s+)?{_DONE}
  | \bno\s+(?:downgrade|rollback|way\s+back|(?:down|reverse)\s+migration)
  | \b{_BACK}\b.{{0,80}}?\b(?:not|never)\s+(?:be\s+)?
        (?:supported|possible|implemented|allowed|permitted|available)
  | \b{_BACK}\b.{{0,80}}?\b(?:un(?:supported|available)|impossible|forbidden)\b
  | \bnot\s+support\w*\b.{{0,40}}\b{_BACK}
    """
)
_SETS_UP = frozenset("BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE SET RESET".split())
_RAISES_AT_ONCE = re.compile(
    r"""(?isx)
    ^\s* (?:DECLARE\b(?:(?!\bBEGIN\b).)*)? BEGIN \s+ RAISE \s+ (?!DEBUG|LOG|INFO|NOTICE|WARNING)
    """
)
_COMMENT = re.compile(r"(?s)--[^\n]*|/\*.*?\*/")
RAISED = "raised"
"""fact of an error: 1 where code raised it with a text of its own"""
SAYS_SO = "says_no_way_back"
"""fact of an error: 1 where that text says that there is no way back"""


def says_no_way_back(text: str) -> bool:
    """True when a message says that what was asked to go back does not."""
    return _SAYS_SO.search(text) is not None


def only_raises(script: str) -> bool:
    """True when a script does one thing: it raises an error, whatever the error says.

    A `DO` block whose first statement is a RAISE is meant; one that looks at something first may be a
    guard, which lets the rollback through when it finds nothing.
    """
    statements = [one for one in split(script).statements if one.words[:1] and not _prepares(one)]
    if len(statements) != 1 or statements[0].words[0] != "DO" or statements[0].dollar is None:
        return False
    body = script[statements[0].dollar : statements[0].end]
    opening = re.match(r"\$\w*\$", body)
    inside = body[opening.end() :] if opening else body
    return _RAISES_AT_ONCE.match(_COMMENT.sub(" ", inside)) is not None


def _prepares(statement: Statement) -> bool:
    return statement.words[0] in _SETS_UP


def facts_of(message: str, *, raised: bool) -> dict[str, int]:
    """What an error tells of this; nothing for the server's own errors."""
    return {RAISED: 1, SAYS_SO: int(says_no_way_back(message))} if raised else {}
