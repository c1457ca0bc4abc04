"""What adapters of tools written in Python share: which interpreter, and what to do when it hangs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from rollproof.errors import AttemptFailed
from rollproof.migrations.blocking import Backend, Blocker, backend, blockers, end_backend, say_waiting
from rollproof.migrations.locks import LockReport, held_query, parse_locks
from rollproof.migrations.source import Runner
from rollproof.migrations.tools.worker import Hanging
from rollproof.model.durations import say_duration

_GRACE = 10.0
"""seconds that a backend gets to disappear once it has been told to"""
_LEVELS = 5
"""how many folders up a project's environment is looked for where there is no repository"""
_FOLDERS = (".venv", "venv", "env", ".env")


def project_python(given: Path | None, *folders: Path) -> Path:
    """The interpreter that a project is installed in.

    Args:
        given: what the user has named; taken as it is, for a link tells which environment is meant.
        folders: where the project may lie, the likeliest first; each is looked through upwards.

    Returns the first of: `given`, the environment in the project (`.venv`, `venv`), the one that is
    activated ($VIRTUAL_ENV), this interpreter.
    """
    if given is not None:
        return given.absolute()
    above = [folder for start in folders for folder in _within_project(start.absolute())]
    places = [
        folder / name for folder in above for name in _FOLDERS if (folder / name / "pyvenv.cfg").is_file()
    ]
    active = os.environ.get("VIRTUAL_ENV")
    for place in (*places, *([Path(active)] if active else [])):
        if (python := place / "bin" / "python").exists():
            return python
    return Path(sys.executable)


def _within_project(folder: Path) -> Iterator[Path]:
    """The folder and those above it, no further than a repository's root."""
    for place in (folder, *folder.parents[:_LEVELS]):
        yield place
        if (place / ".git").exists():
            return


def ends_backends(runner: Runner, *, doing: str, where: str, limit: float) -> Hanging:
    """For `NativeWorker.ask`: says who is to blame, and ends what the server still does for the worker.

    The worker's notes name its backends as `backend_pids`.
    """

    def hanging(notes: Mapping[str, Any]) -> AttemptFailed:
        pids = [int(pid) for pid in notes.get("backend_pids", ())]
        try:
            with runner.connect() as conn:
                found = [item for pid in pids for item in blockers(conn, pid)]
                working = [state for pid in pids if (state := backend(conn, pid))]
                for pid in pids:
                    end_backend(conn, pid, within=_GRACE)
        except (psycopg.Error, AttemptFailed) as error:
            return _hung(
                f"not finished after {say_duration(limit)}", doing, where, limit, [], ended=str(error)
            )
        return _hung(_found(found, working, limit), doing, where, limit, found)

    return hanging


def _found(found: list[Blocker], working: list[Backend], limit: float) -> str:
    if found:
        return say_waiting(found, waited=limit)
    active = next((state for state in working if state.state == "active"), None)
    if active is None:
        return f"not finished after {say_duration(limit)}, and the server waits for the project's own code"
    waits = f"{active.wait_type}/{active.wait_event}" if active.wait_event else "computing"
    return (
        f"not finished after {say_duration(limit)}, and no lock is to blame: "
        f"the statement has been running for {say_duration(active.running_for)} ({waits})"
    )


def _hung(
    found: str, doing: str, where: str, limit: float, blame: list[Blocker], *, ended: str = ""
) -> AttemptFailed:
    first = blame[0] if blame else None
    stays = f"its backend may still be there: {ended}" if ended else "its backends were terminated"
    holder = f"end what holds the lock (pid {first.pid}), or " if first and first.pid else ""
    return AttemptFailed(
        f"hung: {found}",
        doing=f"{doing}, at most {say_duration(limit)}",
        where=where,
        remedy=f"{holder}raise the time limit if it needs longer; {stays}",
        facts={
            "timed_out": 1,
            "limit_seconds": limit,
            "blocked_by": first.pid if first else None,
            "lock_mode": first.wanted if first else None,
            "relation": first.relation if first else None,
            "indeterminate": int(bool(ended)),
        },
    )


IDENTITY = """SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text,
       (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint::text,
       pg_catalog.current_database(), pg_catalog.pg_backend_pid()"""
"""Which server, which of its runs, which database, which backend; a copy of the server differs in the
second. The worker asks the same of each connection that the project makes."""

NAMES = """SELECT c.oid::pg_catalog.int8, pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S')"""
"""Relations as they are called before a migration, for those that it drops or renames."""


def identity(conn: Connection[Any]) -> list[str]:
    """The first three of `IDENTITY`, as text."""
    row = conn.execute(IDENTITY).fetchone()
    return [str(value) for value in row[:3]] if row else []


def held_query_for(runner: Runner) -> str:
    """What the worker is to ask before each commit; empty when the runner wants to know no locks."""
    return held_query() if getattr(runner, "locks", False) else ""


def locks_of(answer: Mapping[str, Any], *, incomplete: str = "") -> LockReport | None:
    """What a worker saw to be held before each commit; None when nobody asked.

    The answer has `held`, rows of `held_query` for each commit, and may have `names`, pairs of the oid
    and the qualified name of relations from before.
    """
    if answer.get("held") is None:
        return None
    names = answer.get("names")
    return parse_locks(
        [row for rows in answer["held"] for row in rows],
        names=None if names is None else {int(oid): str(name) for oid, name in names},
        incomplete=incomplete,
    )
