"""From what psql said to one error that names the place in the file and what stays of the script."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rollproof.errors import AttemptFailed
from rollproof.migrations.psqloutput import ServerMessage
from rollproof.migrations.psqltext import PsqlText, Statement
from rollproof.migrations.refusal import facts_of
from rollproof.migrations.script import Mode, Script

_COMMITS = (("COMMIT",), ("END",), ("PREPARE", "TRANSACTION"))
_ENDS = (*_COMMITS, ("ROLLBACK",), ("ABORT",))
_NO_END = (("ROLLBACK", "TO"), ("ROLLBACK", "WORK", "TO"), ("ROLLBACK", "TRANSACTION", "TO"))
_LEAVES_NOTHING = frozenset(
    "SET SHOW RESET BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE LOCK".split()
)
_TOLD_BEFORE_COMMIT = frozenset({"57P01", "57P05", "25P03", "25P04"})
"""the server gave the statement up and said so: administrator's command, idle and transaction timeouts"""


@dataclass(frozen=True, slots=True)
class Step:
    """A statement and where it stands among the transactions of its script.

    Attributes:
        first_line, last_line: of the file, from 1.
        inside: True when it runs in an explicit transaction (BEGIN itself does not), or in its tool's.
        committed: statements before it that are committed by then and leave something behind.
    """

    statement: Statement
    first_line: int
    last_line: int
    inside: bool
    committed: int

    @property
    def commits(self) -> bool:
        """True when it ends a transaction by committing or preparing it."""
        return _starts(self.statement, _COMMITS)


def steps(script: Script, text: PsqlText) -> list[Step]:
    """Every statement with its lines and its transaction, in order.

    A script that is sent whole begins in a transaction, as one does whose tool opens it. After a
    COMMIT of its own the server opens the next one for what is left of the message; a tool does not.
    """
    found: list[Step] = []
    around = script.mode in (Mode.TRANSACTION, Mode.SIMPLE) and len(text.statements) > 1
    inside, committed, waiting = around or script.mode is Mode.TRANSACTION, 0, 0
    at, line = 0, script.first_line
    for statement in text.statements:
        first = line + script.text.count("\n", at, statement.start)
        at = max(statement.start, statement.end - 1)
        line = first + script.text.count("\n", statement.start, at)
        found.append(Step(statement, first, line, inside=inside, committed=committed))
        if _starts(statement, (("BEGIN",), ("START", "TRANSACTION"))):
            inside = True
        elif _starts(statement, _ENDS) and not _starts(statement, _NO_END):
            committed += waiting if _starts(statement, _COMMITS) else 0
            inside, waiting = script.mode is Mode.SIMPLE, 0
        elif statement.words[:1] and statement.words[0] not in _LEAVES_NOTHING:
            waiting += inside
            committed += not inside
    return found


def _starts(statement: Statement, beginnings: Sequence[tuple[str, ...]]) -> bool:
    return any(statement.words[: len(words)] == words for words in beginnings)


def script_failed(
    script: Script, text: PsqlText, message: ServerMessage, *, database: str, exit_code: int
) -> AttemptFailed:
    """The error for a script that psql stopped at (exit code 3, or 1 for psql's own trouble)."""
    own_file = not message.file or message.file == str(script.path)
    message = in_file(script, message) if own_file else message
    at = _step_at(script, steps(script, text), message) if own_file else None
    line, column = _place(script, at, message) if own_file else (message.line, None)
    where = script.where(line, column) if own_file else f"{message.file}:{line}"
    error = statement_failed(script, at, message, database=database, line=line, column=column, where=where)
    error.facts["exit_code"] = exit_code
    return error


def statement_failed(
    script: Script,
    step: Step | None,
    message: ServerMessage,
    *,
    database: str,
    line: int | None,
    column: int | None,
    where: str = "",
) -> AttemptFailed:
    """The error for a statement that the server refused, at a place of the file."""
    return AttemptFailed(
        " ".join(filter(None, (message.state, message.say(script.text)))),
        doing=f"running {script.name} in database {database}",
        where=where or script.where(line, column),
        remedy=what_stays(step),
        facts={
            "sqlstate": message.state or None,
            "line": line,
            "column": column,
            "statement_line": step.first_line if step else None,
            "committed_statements": step.committed if step else None,
            "indeterminate": 0,
            **facts_of(message.message, raised=message.raised),
        },
    )


def in_file(script: Script, message: ServerMessage) -> ServerMessage:
    """The same message with the line of the file, where psql was given a section of it."""
    return replace(message, line=script.in_file(message.line)) if message.line else message


def psql_lost(
    script: Script, text: PsqlText, messages: Sequence[ServerMessage], *, database: str
) -> AttemptFailed:
    """The error for a connection of psql's that broke (exit code 2)."""
    messages = [in_file(script, message) for message in messages]
    line = next((m.line for m in reversed(messages) if m.line), 0)
    candidates = [step for step in steps(script, text) if step.first_line <= line <= step.last_line]
    error = connection_lost(script, candidates, messages, database=database, line=line)
    error.facts["exit_code"] = 2
    return error


def connection_lost(
    script: Script,
    candidates: Sequence[Step],
    messages: Sequence[ServerMessage],
    *,
    database: str,
    line: int | None,
) -> AttemptFailed:
    """The error for a connection that broke; says whether the outcome can be known.

    Args:
        candidates: the statements that it may have broken at; none of them means: nobody knows.
    """
    states = {message.state for message in messages}
    unknowable = _unknowable(candidates, told=bool(states & _TOLD_BEFORE_COMMIT))
    told = next((m.say(script.text) for m in messages if m.state and m.state not in ("00000", "01000")), "")
    sure = "the server had not committed it" if not unknowable else "nobody can tell whether it was committed"
    return AttemptFailed(
        f"the connection was lost{f' ({told})' if told else ''}; {sure}",
        doing=f"running {script.name} in database {database}",
        where=script.where(line or None),
        remedy="look at the database before doing anything else: the script may have taken effect"
        if unknowable
        else what_stays(candidates[0] if candidates else None),
        facts={
            "sqlstate": next((s for s in states if s and s not in ("00000", "01000")), None),
            "line": line or None,
            "committed_statements": candidates[0].committed if candidates else None,
            "indeterminate": int(unknowable),
        },
    )


def _unknowable(candidates: Sequence[Step], *, told: bool) -> bool:
    """A statement outside a transaction commits itself; inside one, only COMMIT does."""
    if not candidates or any(step.commits for step in candidates):
        return True
    return not told and not all(step.inside for step in candidates)


def what_stays(step: Step | None) -> str:
    """What of the script is left in the database, and so what to do."""
    if step is None:
        return "correct the script and run it again"
    if not step.committed:
        return "nothing of the script stays in the database; correct the cause and run it again"
    some = (
        "1 statement before it stays"
        if step.committed == 1
        else f"{step.committed} statements before it stay"
    )
    return f"{some} in the database: undo that, and let the script run in one transaction (BEGIN … COMMIT)"


def _step_at(script: Script, found: Sequence[Step], message: ServerMessage) -> Step | None:
    """The statement that psql was at: it reports the statement's last line, and quotes of it."""
    if "COPY LINE" in message.names:
        return next((step for step in reversed(found) if step.last_line < message.line), None)
    around = [step for step in found if step.first_line <= message.line <= step.last_line]
    ending = [step for step in around if step.last_line == message.line] or around[-1:]
    quoted = [step for step in ending if message.excerpt.strip() in _as_quoted(script, step)]
    return next(iter(quoted or ending), None)


def _as_quoted(script: Script, step: Step) -> str:
    return script.text[step.statement.start : step.statement.end + 1].replace("\t", " ")


def _place(script: Script, step: Step | None, message: ServerMessage) -> tuple[int | None, int | None]:
    """Line and column of the error, from 1; column None when the server did not tell."""
    if step is None:
        return message.line or None, None
    if row := copied_row(step, message):
        return row, None
    if message.block_line and step.statement.dollar is not None:
        return script.in_file(script.line_at(step.statement.dollar)) + message.block_line - 1, None
    if message.internal or not message.excerpt:
        return step.first_line, None
    return _find_excerpt(script, step, message)


def copied_row(step: Step, message: ServerMessage) -> int | None:
    """Line of the file with the row that COPY stumbled over: rows begin on the line after it."""
    row = message.names.get("COPY LINE", "")
    return step.last_line + int(row) if row.isdecimal() else None


def _find_excerpt(script: Script, step: Step, message: ServerMessage) -> tuple[int, int | None]:
    """psql counts lines from the statement's first one; its quotation of the line has the last word."""
    lines = script.text.split("\n")
    expected = step.first_line + message.excerpt_line - 1
    wanted = message.excerpt.rstrip("\r")
    for number in (expected, *range(step.first_line, step.last_line + 1)):
        place = number - script.first_line
        if place < len(lines) and (start := lines[place].replace("\t", " ").find(wanted)) >= 0:
            return number, start + _characters(wanted, message.caret) + 1
    return step.first_line, None


def _characters(text: str, width: int) -> int:
    """How many characters fill that many columns of a terminal: the caret counts columns."""
    filled = 0
    for count, character in enumerate(text):
        if filled >= width:
            return count
        filled += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return len(text)
