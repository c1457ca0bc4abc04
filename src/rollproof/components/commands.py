"""The system's own commands: placeholders filled in, run without a shell, with a time limit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV", "USER")
"""What a command inherits: an allow-list, so that no PG* or AWS_* of the caller aims it elsewhere."""


def fill_in(words: Sequence[str], **values: str) -> list[str]:
    """Words of the system file with their placeholders replaced; `{python}` is this interpreter."""
    known = {"python": sys.executable, **values}
    pattern = re.compile("|".join(re.escape(f"{{{name}}}") for name in known))
    return [pattern.sub(lambda found: known[found[0][1:-1]], word) for word in words]


def run_command(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], limit: float
) -> subprocess.CompletedProcess[str]:
    """Runs a filled-in command and captures what it says.

    Args:
        environment: added to what is inherited.
        limit: seconds after which it is killed.

    Raises:
        OSError, subprocess.TimeoutExpired: it could not be started, or did not end in time.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return subprocess.run(
        list(command),
        cwd=cwd,
        env=inherited | dict(environment),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit,
        stdin=subprocess.DEVNULL,
        check=False,
    )
