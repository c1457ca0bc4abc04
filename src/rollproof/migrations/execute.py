"""Running a script the way a runbook does: `psql -f FILE`, with a time limit and a clear outcome."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from rollproof.environments.base import PostgresServer
from rollproof.environments.staging.verified import expect_still_verified
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError
from rollproof.migrations.blocking import backend, blockers, end_backend
from rollproof.migrations.failure import psql_lost, script_failed
from rollproof.migrations.finished import Finished, backend_pid
from rollproof.migrations.hang import Hang, running_step
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.psqloutput import ServerMessage, read_messages
from rollproof.migrations.psqltext import MetaCommand, split
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.sending import section

_GRACE = 10.0
"""seconds that a backend gets to disappear once it has been told to"""
_STOPS = frozenset({"on", "1", "true", "yes"})
_FIRST = ("-A", "-t", "-c", "SELECT pg_backend_pid()", "-c", f"\\o {os.devnull}")
"""psql prints its backend's pid first, so that it can be watched; then rows go nowhere: they are data"""


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """A script that psql ran to its end.

    Attributes:
        seconds: from start to end of psql.
        stdout: what the script itself echoes, as far as it stands in the script; rows never.
        stderr: notices and warnings, one a line, without values of rows.
        locks: what it held, where whoever ran it has looked.
        notes: what its tool has to say of it although it ran, such as that a check of its own failed.
    """

    seconds: float
    stdout: str = ""
    stderr: str = ""
    locks: LockReport | None = None
    notes: tuple[str, ...] = ()


def run_script(
    server: PostgresServer,
    database: str,
    script: Script | Path,
    *,
    limit: float = 60.0,
    user: str | None = None,
) -> ScriptRun:
    """Runs one script, or the file at a path, in `database`. Raises as `PsqlRunner.run` does."""
    read = Script.read(script.absolute()) if isinstance(script, Path) else script
    return PsqlRunner(server, database, limit=limit, user=user).run(read)


@dataclass(frozen=True)
class PsqlRunner:
    """Runs scripts in one database with the server's own psql.

    Attributes:
        limit: seconds after which a script counts as hanging.
        user: role to run as; the server's own when None.
        folder: working folder for `\\i`; the script's own when None.
    """

    server: PostgresServer
    database: str
    limit: float = 60.0
    user: str | None = None
    folder: Path | None = None

    def run(self, script: Script) -> ScriptRun:
        r"""Runs the file: `psql -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -f FILE`.

        A section of a file goes in by standard input, so that nothing of it lies around and `\i` still
        finds its files; a script that its tool runs in one transaction gets `-1`. A script of a tool
        that sends it otherwise than psql can (`Mode.SIMPLE`, `Mode.AUTOCOMMIT`) is sent that way instead.

        An interrupt, or any other exception here, ends psql and its backend before it goes on.

        Raises:
            AttemptFailed: the script failed, hung, or lost its connection. Facts: `sqlstate`, `line`,
                `column`, `statement_line` (from 1), `committed_statements` (how many stay), `exit_code`,
                `timed_out`, and `indeterminate` = 1 when nobody can know whether it took effect.
            MigrationError: the file changed since it was read, or would leave this database.
            EnvironmentUnavailable: there is no psql.
            WrongPlace: another server answers than the one that was verified.
        """
        expect_still_verified(self.server, self.database)
        if script.mode in (Mode.SIMPLE, Mode.AUTOCOMMIT) or script.statements is not None:
            return self._send(script)
        self._refuse_changed(script)
        self._refuse_escape(script)
        part = section(script)
        started = time.monotonic()
        finished = self._wait(script, self._start(script, part), part)
        seconds = time.monotonic() - started
        if finished.exit_code:
            raise self._failure(script, finished)
        notices = finished.notices(script.text, first_line=script.first_line)
        return ScriptRun(seconds, finished.echoes(script.text), notices)

    def _send(self, script: Script) -> ScriptRun:
        from rollproof.migrations.direct import DirectRunner

        runner = DirectRunner(self.server, self.database, limit=self.limit, user=self.user, locks=False)
        return runner.run(script)

    @contextmanager
    def connect(self) -> Iterator[Connection[Any]]:
        """A second connection to the same database, in autocommit mode."""
        conninfo = self.server.conninfo(self.database, user=self.user)
        with psycopg.connect(
            conninfo, autocommit=True, connect_timeout=10, application_name="rollproof watch"
        ) as conn:
            yield conn

    def _start(self, script: Script, part: str | None) -> subprocess.Popen[bytes]:
        given = (part for name, value in script.variables for part in ("-v", f"{name}={value}"))
        options = ("-X", "-q", "-w", *given, "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose")
        one = ("-1",) if script.mode is Mode.TRANSACTION else ()
        file = str(script.path) if part is None else "-"
        command = [self.server.program("psql"), *options, *one, *_FIRST, "-f", file]
        # Messages in the client's own words are English; those of the server may be in any language.
        # A session of its own keeps psql from asking a terminal for a password.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        environment |= self.server.program_environment(self.database, user=self.user)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if part is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=script.folder or self.folder or script.path.parent,
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentUnavailable(
                f"psql cannot be started: {error.strerror}",
                doing=f"running {script.name}",
                where=command[0],
                remedy="install the PostgreSQL client programs of the server's major version",
            ) from error

    def _wait(self, script: Script, process: subprocess.Popen[bytes], part: str | None) -> Finished:
        given = None if part is None else part.encode()
        try:
            return Finished.of(process, *process.communicate(given, timeout=self.limit))
        except subprocess.TimeoutExpired as expired:
            return self._end_hanging(script, process, expired.output or b"")
        except BaseException:
            self._stop(process)
            raise

    def _end_hanging(self, script: Script, process: subprocess.Popen[bytes], output: bytes) -> Finished:
        """Asks who is to blame, ends the backend, and only then lets go of psql."""
        pid = backend_pid(output)
        try:
            hang = self._look_at(script, pid)
            ended = self._end(pid)
        except BaseException:
            self._stop(process)
            raise
        finished = self._stop(process, grace=_GRACE if pid and ended else 0)
        if finished.exit_code == 0:
            return finished
        raise hang.error(script, database=self.database, limit=self.limit, ended=ended)

    def _look_at(self, script: Script, pid: int | None) -> Hang:
        if pid is None:
            return Hang()
        try:
            with self.connect() as conn:
                found, doing = blockers(conn, pid), backend(conn, pid)
        except psycopg.Error as error:
            return Hang(pid=pid, silence=f"{type(error).__name__} {error.sqlstate or ''}".rstrip())
        return Hang(pid, tuple(found), doing, running_step(script, split(script.text), doing))

    def _end(self, pid: int | None) -> bool:
        """True when the backend is known to be gone."""
        if pid is None:
            return True
        try:
            with self.connect() as conn:
                end_backend(conn, pid, within=_GRACE)
        except (psycopg.Error, AttemptFailed):
            return False
        return True

    def _stop(self, process: subprocess.Popen[bytes], *, grace: float = 0.0) -> Finished:
        """Ends psql; when it has to be killed, its backend too, which would not notice for a while."""
        try:
            return Finished.of(process, *process.communicate(timeout=grace))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        finished = Finished.of(process, *process.communicate())
        self._end(finished.pid)
        return finished

    def _failure(self, script: Script, finished: Finished) -> AttemptFailed:
        messages = [_in_section(script, message) for message in read_messages(finished.stderr)]
        text = split(script.text)
        if finished.pid is None:
            said = messages[-1].message if messages else "psql said nothing"
            return AttemptFailed(
                f"psql could not connect: {said}",
                doing=f"running {script.name} in database {self.database}",
                remedy="check that the server runs and that the role may connect; nothing was run",
                facts={"exit_code": finished.exit_code, "indeterminate": 0},
            )
        if finished.exit_code == 2 or finished.exit_code < 0:
            return psql_lost(script, text, messages, database=self.database)
        last = messages[-1] if messages else ServerMessage(f"psql ended with exit code {finished.exit_code}")
        return script_failed(script, text, last, database=self.database, exit_code=finished.exit_code)

    def _refuse_changed(self, script: Script) -> None:
        """What was judged is what runs."""
        if script.digest and Script.read(script.path).digest != script.digest:
            raise MigrationError(
                "the file has changed since it was read, so what was said of it need not hold",
                doing="running a migration script",
                where=str(script.path),
                remedy="start again",
            )

    def _refuse_escape(self, script: Script, seen: frozenset[Path] = frozenset()) -> None:
        """A script that reaches another database, or goes on after errors, is not run at all."""
        # Without a backslash there is no meta-command, and a large file need not be taken apart.
        for command in split(script.text).meta if "\\" in script.text else ():
            if problem := _escapes(command):
                raise MigrationError(
                    problem,
                    doing="reading the script, before anything was run",
                    where=script.where(script.in_file(command.line)),
                    remedy=f"take \\{command.name} out of the script",
                )
            included = _included(command, script, script.folder or self.folder)
            if included and included not in seen and included.is_file():
                inner = replace(Script.read(included), folder=script.folder)
                self._refuse_escape(inner, seen | {included})


def _in_section(script: Script, message: ServerMessage) -> ServerMessage:
    """psql calls its standard input `<stdin>`."""
    return replace(message, file=str(script.path)) if message.file == "<stdin>" else message


def _escapes(command: MetaCommand) -> str:
    words = command.arguments.split()
    if command.name in ("c", "connect"):
        return f"\\{command.name} would take the script to another database than the one under drill"
    if words[:1] != ["ON_ERROR_STOP"] or command.name not in ("set", "unset"):
        return ""
    keeps = command.name == "set" and (len(words) == 1 or words[1].strip("'").lower() in _STOPS)
    return "" if keeps else "psql would go on after an error, and a failure would pass for success"


def _included(command: MetaCommand, script: Script, folder: Path | None) -> Path | None:
    name = command.arguments.strip().strip("'\"")
    if not name or command.name not in ("i", "ir", "include", "include_relative"):
        return None
    base = (
        script.path.parent if command.name in ("ir", "include_relative") else (folder or script.path.parent)
    )
    return (base / name).resolve()
