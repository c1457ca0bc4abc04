r"""What kind of migration a script is, found by reading its SQL.

The parser is PostgreSQL's own, of the major version that the installed pglast carries
(`PARSER_MAJOR`, 18 with pglast 8). A newer parser accepts a little that an older server refuses, and
an older one refuses a little that a newer server accepts: what a server says when a script runs is
final. Nothing here touches a database; what really happens is `rollproof.migrations.observed`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rollproof.errors import MigrationError
from rollproof.migrations.classification import Classification, Irreversible, Kind, Reason, decide
from rollproof.migrations.psqltext import MetaCommand, PsqlText
from rollproof.migrations.rules import Background, Reading, read_statement
from rollproof.migrations.rules.define import COMMENT
from rollproof.migrations.rules.names import Node, dotted
from rollproof.migrations.script import Script
from rollproof.migrations.validation import PARSER_MAJOR, parse, validate
from rollproof.model.names import split_name

__all__ = [
    "PARSER_MAJOR",
    "Background",
    "Classification",
    "Irreversible",
    "Kind",
    "Reason",
    "classify",
    "classify_or_explain",
    "decide",
    "validate",
]

LEDGER = "public.migrations"
_COPY_FROM = re.compile(r"""(?ix)^((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?)\s*(?:\([^)]*\))?\s+from\b""")
_INCLUDES = frozenset({"i", "ir", "include", "include_relative"})
_CONNECTS = frozenset({"c", "connect"})
_CONDITIONS = frozenset({"if", "elif", "else"})
_UNDECIDED = {
    **dict.fromkeys(_INCLUDES, "runs another file, which is not read here"),
    **dict.fromkeys(_CONNECTS, "goes on in another database"),
    "gexec": "runs the query's result as SQL",
    "!": "runs a command of the shell",
}


def classify(script: Script, *, ledger: str = LEDGER, background: Background | None = None) -> Classification:
    """What a forward script does, from its text alone.

    Args:
        ledger: the table whose rows say what has been applied; writes to it do not count.
        background: what earlier migrations made; it tells the type that a column has, and whether
            `IF NOT EXISTS` and `OR REPLACE` find something. It learns what this script makes.

    Raises:
        MigrationError: as `validate` does.
    """
    text, statements = parse(script)
    known = background if background is not None else Background()
    reading = Reading(ledger=_plain(ledger), background=known)
    _read(text, statements, reading)
    known.learn(reading)
    return _conclude(reading, text)


def classify_or_explain(
    script: Script, *, ledger: str = LEDGER, background: Background | None = None
) -> Classification:
    """The same for whole histories: a script that cannot be parsed is undecided, with the reason why."""
    try:
        return classify(script, ledger=ledger, background=background)
    except MigrationError as error:
        line = error.facts.get("line")
        reason = Reason(line if isinstance(line, int) else 1, "script", Kind.UNDECIDED, note=error.found)
        return Classification(Kind.UNDECIDED, (reason,), transactional=False)


def _plain(ledger: str) -> str:
    """The ledger's name as names are written here: quoted where it has to be."""
    return dotted(split_name(ledger))


def _read(text: PsqlText, statements: Iterable[Node], reading: Reading) -> None:
    """Statements and meta-commands in the order in which psql comes to them."""
    waiting = list(text.meta)
    line, offset = 1, 0
    for raw in statements:
        line += text.sql.count("\n", offset, raw.stmt_location)
        offset = raw.stmt_location
        while waiting and waiting[0].line < line:
            _read_meta(waiting.pop(0), reading)
        source = text.sql[offset : offset + raw.stmt_len] if raw.stmt_len else text.sql[offset:]
        reading.next_statement(line, source)
        read_statement(raw.stmt, reading)
    for command in waiting:
        _read_meta(command, reading)


def _read_meta(command: MetaCommand, reading: Reading) -> None:
    reading.next_statement(command.line, "")
    if why := _UNDECIDED.get(command.name):
        reading.say(Kind.UNDECIDED, f"\\{command.name}", note=why)
    elif command.name == "copy" and (found := _COPY_FROM.match(command.arguments)):
        table = reading.qualified(_identifiers(found[1]), "relation")
        reading.touch([table])
        if not reading.is_own_table(table):
            reading.say(Kind.ROWS, "\\copy … FROM", table, "adds rows to a table from before")
    elif command.name in _CONDITIONS:
        reading.note(f"\\{command.name}: psql may skip what follows; it is read as if it ran")
    elif command.name in ("q", "quit"):
        reading.note("\\q: psql stops here and runs nothing after it")


def _identifiers(text: str) -> tuple[str, ...]:
    found = re.findall(r'"([^"]+)"|([\w$]+)', text)
    return tuple(quoted or plain.lower() for quoted, plain in found)


def _conclude(reading: Reading, text: PsqlText) -> Classification:
    if reading.in_transaction:
        reading.note("a transaction is begun and never committed: nothing of it stays")
        reading.end(undone=True)
    if text.variables:
        names = ", ".join(dict.fromkeys(text.variables))
        reading.notes.append(f"psql variables are taken as plain names: {names}")
    reasons = tuple(reading.reasons)
    deciding = [reason.kind for reason in reasons if reason.statement != COMMENT] or [r.kind for r in reasons]
    return Classification(
        kind=decide(deciding),
        reasons=reasons,
        destroys=tuple(dict.fromkeys(reading.destroys)),
        touches=tuple(sorted(set(reading.touches))),
        renamed=tuple(reading.renamed),
        irreversible=tuple(reading.irreversible),
        transactional=len(reading.units) <= 1 and not reading.needs_no_transaction,
        needs_no_transaction=reading.needs_no_transaction,
        concurrent=reading.concurrent,
        volatile_default=reading.volatile_default,
        notes=tuple(reading.notes),
        meta=text.meta,
        data=text.data,
    )
