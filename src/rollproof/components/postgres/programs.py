"""Client programs: pg_dump, pg_restore and psql of the server's own major version."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.model.durations import say_duration


def run_program(
    server: PostgresServer,
    database: str,
    program: str,
    arguments: Sequence[str],
    *,
    limit: float,
    doing: str,
    cwd: Path | None = None,
) -> str:
    """Runs one client program and returns what it printed.

    Args:
        limit: seconds after which it is killed.

    Raises:
        AttemptFailed: exit code not 0, or the time limit, with the end of what it complained of.
    """
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **server.program_environment(database)}
    try:
        done = subprocess.run(
            [server.program(program), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AttemptFailed(
            f"{program} was still running after {say_duration(limit)}", doing=doing, facts={"timed_out": 1}
        ) from error
    if done.returncode:
        raise AttemptFailed(
            f"{program} failed: {_complaint(done.stderr)}", doing=doing, facts={"exit_code": done.returncode}
        )
    return done.stdout


def _complaint(stderr: str) -> str:
    """Lines with an error, without DETAIL and CONTEXT, which quote rows."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [
        line for line in lines if "error" in line.lower() or "fatal" in line.lower() or "could not" in line
    ]
    kept = [line for line in told or lines if not line.startswith(("DETAIL", "CONTEXT", "LINE"))]
    return "; ".join(kept[:3]) or "it said nothing"
