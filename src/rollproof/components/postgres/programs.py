"""Client programs: pg_dump, pg_restore and psql of the server's own major version."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rollproof.environments.base import PostgresServer
from rollproof.environments.staging.verified import expect_still_verified
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.model.durations import say_duration

_OWN = re.compile(r"(?:pg_\w+|psql|initdb)\b.*?: |(?:ERROR|FATAL|PANIC):")
_ASIDE = re.compile(r": (?:warning|detail|hint|while|from TOC entry|DETAIL|HINT|CONTEXT|LINE)\b")
_VALUE = re.compile(r'(: |\bvalue )".*')
"""where messages quote values: `invalid input syntax for type integer: "x"`, `value "9" is out of range`"""


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
        AttemptFailed: exit code not 0, or the time limit, with what it complained of.
        EnvironmentUnavailable: there is no such program, or it cannot be started.
        WrongPlace: it would connect to another server than the one that was verified.
    """
    expect_still_verified(server, database)
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
    except OSError as error:
        raise EnvironmentUnavailable(
            f"{program} cannot be started ({error.strerror})",
            doing=doing,
            where=server.program(program),
            remedy=f"install the client programs of PostgreSQL {server.major}",
        ) from error
    if done.returncode:
        raise AttemptFailed(
            f"{program} failed: {_complaint(done.stderr)}", doing=doing, facts={"exit_code": done.returncode}
        )
    return done.stdout


def _complaint(stderr: str) -> str:
    """The messages of the program itself, values cut out.

    Only lines that the program began: the others are DETAIL and CONTEXT, which quote rows, the rest of
    a value that spans lines, or the command that failed.
    """
    lines = [line.strip() for line in stderr.splitlines()]
    own = [line for line in lines if _OWN.match(line) and not _ASIDE.search(line)]
    return "; ".join(_VALUE.sub(r"\1[cut]", line) for line in own[:3]) or "it did not say why"
