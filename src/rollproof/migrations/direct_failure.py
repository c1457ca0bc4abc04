"""From what the server said to one error that names the place in the file, as psql's is in failure.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from rollproof.errors import AttemptFailed
from rollproof.migrations.failure import Step, connection_lost, copied_row, statement_failed, steps
from rollproof.migrations.psqloutput import ServerMessage, from_fields
from rollproof.migrations.script import Script
from rollproof.migrations.sending import Piece, at_lines, inside, split_once

_FIELDS = {
    "SEVERITY": DiagnosticField.SEVERITY,
    "SQLSTATE": DiagnosticField.SQLSTATE,
    "MESSAGE": DiagnosticField.MESSAGE_PRIMARY,
    "CONTEXT": DiagnosticField.CONTEXT,
    "QUERY": DiagnosticField.INTERNAL_QUERY,
    "FUNCTION": DiagnosticField.SOURCE_FUNCTION,
    "SCHEMA NAME": DiagnosticField.SCHEMA_NAME,
    "TABLE NAME": DiagnosticField.TABLE_NAME,
    "COLUMN NAME": DiagnosticField.COLUMN_NAME,
    "DATATYPE NAME": DiagnosticField.DATATYPE_NAME,
    "CONSTRAINT NAME": DiagnosticField.CONSTRAINT_NAME,
}


def said(result: PGresult) -> ServerMessage:
    """An error or a notice; what libpq says of itself when it comes from no server."""
    found = {name: result.error_field(field) for name, field in _FIELDS.items()}
    fields = {name: value.decode("utf-8", "replace") for name, value in found.items() if value}
    fields.setdefault("MESSAGE", result.error_message.decode("utf-8", "replace").strip())
    return from_fields(fields)


def position(result: PGresult) -> int:
    """Where in the message the error is, in characters from 1; 0 when the server did not tell."""
    return int(result.error_field(DiagnosticField.STATEMENT_POSITION) or 0)


@dataclass(frozen=True, slots=True)
class Failed:
    """Makes the errors of one script in one database."""

    script: Script
    database: str

    def not_connected(self, why: bytes) -> AttemptFailed:
        reason = why.decode("utf-8", "replace").strip().splitlines()
        return AttemptFailed(
            f"there was no connection: {reason[0] if reason else 'the client library gave no reason'}",
            doing=f"running {self.script.name} in database {self.database}",
            remedy="check that the server runs and that the role may connect; nothing was run",
            facts={"indeterminate": 0},
        )

    def lost(self, piece: Piece | None, messages: Sequence[ServerMessage]) -> AttemptFailed:
        """The connection broke at that message; at one of the tool's own when it is None."""
        every = steps(self.script, split_once(self.script.text))
        candidates = ([piece.step] if piece.step else every) if piece else []
        line = candidates[0].last_line if len(candidates) == 1 else None
        return connection_lost(self.script, candidates, messages, database=self.database, line=line)

    def refused(
        self, piece: Piece | None, error: PGresult, message: ServerMessage, *, done: int
    ) -> AttemptFailed:
        """The server gave an error; `done` statements of the message were run before."""
        at = piece.offset(position(error)) if piece and position(error) else None
        step = self._step(piece, at, done)
        line, column = self._place(step, at, message)
        return statement_failed(self.script, step, message, database=self.database, line=line, column=column)

    def _step(self, piece: Piece | None, at: int | None, done: int) -> Step | None:
        if piece is None or piece.step:
            return self._part(piece, at, done) if piece else None
        every = steps(self.script, split_once(self.script.text))
        if at is not None:
            return next((step for step in every if at < step.statement.end), every[-1] if every else None)
        return every[done] if done < len(every) else None

    def _part(self, piece: Piece, at: int | None, done: int) -> Step | None:
        """The statement of a message that holds several which its tool has put together."""
        if piece.step is None or self.script.statements is None:
            return piece.step
        whole = piece.step.statement
        parts = inside(self.script.text, whole.start, whole.end)
        if not parts:
            return piece.step
        if at is not None:
            found = next((part for part in parts if at < part.end), parts[-1])
        else:
            found = parts[min(done, len(parts) - 1)]
        return at_lines(self.script, piece.step, found)

    def _place(
        self, step: Step | None, at: int | None, message: ServerMessage
    ) -> tuple[int | None, int | None]:
        if step and (row := copied_row(step, message)):
            return row, None
        if step and message.block_line and step.statement.dollar is not None:
            body = self.script.in_file(self.script.line_at(step.statement.dollar))
            return body + message.block_line - 1, None
        if at is not None and not message.internal:
            return self.script.in_file(self.script.line_at(at)), self.script.column_at(at)
        return step.first_line if step else None, None
