"""The system's own commands: placeholders filled in, run without a shell, with a time limit."""

from __future__ import annotations

import os
import re
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollproof.environments.base import OpenEnvironment
from rollproof.environments.keeper import Keeper, KeeperSpec
from rollproof.errors import EnvironmentUnavailable, SystemFileError
from rollproof.privacy.known import remember_command

GRACE_SECONDS = 2.0
"""What a command gets to end by itself once its time is up."""

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV", "USER")
"""What a command inherits: an allow-list, so that no PG* or AWS_* of the caller aims it elsewhere."""


def fill_in(words: Sequence[str], **values: str) -> list[str]:
    """Words of the system file with their placeholders replaced; `{python}` is this interpreter."""
    known = {"python": sys.executable, **values}
    pattern = re.compile("|".join(re.escape(f"{{{name}}}") for name in known))
    return [pattern.sub(lambda found: known[found[0][1:-1]], word) for word in words]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended.

    Attributes:
        exit_code: negative for a signal; None when it was ended because its time was up.
        said: the end of all that it printed, at most 8 KB.
    """

    exit_code: int | None
    said: str

    @property
    def last_words(self) -> str:
        """The last three lines of that, on one."""
        return last_words(self.said)


def last_words(said: str) -> str:
    """The last three lines of an output on one, for an error."""
    return " | ".join(line.strip() for line in said.strip().splitlines()[-3:]) or "nothing"


def run_command(
    within: OpenEnvironment,
    command: Sequence[str],
    *,
    name: str,
    where: str,
    cwd: Path,
    environment: Mapping[str, str],
    limit: float,
) -> Ran:
    """Runs a filled-in command to its end. Nothing that it started outlives it, or the drill.

    Args:
        within: the environment that it belongs to; its output goes through the scratch folder.
        name: what it is called in errors: `the seed's command`.
        where: the key of the system file that it stands in, for errors.
        environment: added to what is inherited.
        limit: seconds after which it is ended.

    Raises:
        SystemFileError: it could not be started.
    """
    log = within.scratch / f"command-{secrets.token_hex(6)}.log"
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    spec = KeeperSpec(
        name=name,
        scratch=within.scratch,
        argv=tuple(command),
        env=inherited | dict(environment),
        cwd=cwd,
        log=log,
        ladder=((signal.SIGTERM, GRACE_SECONDS),),
    )
    keeper = start_command(spec, within, where=where)
    try:
        return Ran(keeper.wait(within=limit), keeper.log_tail().strip())
    finally:
        keeper.stop()
        log.unlink(missing_ok=True)


def start_command(spec: KeeperSpec, within: OpenEnvironment, *, where: str) -> Keeper:
    """Starts a command of the system file; what secrets it is given, nobody tells from then on.

    Raises SystemFileError when it could not be started.
    """
    remember_command(spec.argv, spec.env)
    try:
        return Keeper.start(spec, within=within.guardian)
    except EnvironmentUnavailable as error:
        raise SystemFileError(
            f"{error.found} ({error.where})",
            where=where,
            remedy="run the command by hand in the system file's folder",
        ) from error
