"""Who the server runs as. Postgres refuses to run as root, so for root it is `nobody`."""

from __future__ import annotations

import errno
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollproof.environments.base import Obstacle
from rollproof.environments.embedded import named_program
from rollproof.environments.keeper import inherited_environment

_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """The user of the server's processes, when that is not our own."""

    uid: int
    gid: int

    @property
    def process_options(self) -> Mapping[str, Any]:
        """For `subprocess`: this user, this group and no other groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> Account | None:
    """`nobody` for root; None, which is oneself, for everyone else.

    Raises KeyError when root has no `nobody` to fall back on: initdb looks its user up.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(_NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)


def account_obstacle() -> Obstacle | None:
    """Why this user could not have a server, or None."""
    if os.geteuid() == 0:
        return _obstacle_to_root()
    if _has_a_name() or _can_be_named():
        return None
    return Obstacle(
        f"user {os.geteuid()} has no entry in passwd, and initdb refuses to run without one",
        "run as a user that has a name, add one for this number to /etc/passwd, or allow user namespaces",
    )


def _has_a_name() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def as_named_user() -> list[str]:
    """What goes before a command that insists on its user having a name; empty when it has one.

    See `named_program`. Raises KeyError when passwd knows nobody but root.
    """
    if os.geteuid() == 0 or _has_a_name():
        return []
    named = next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid), None)
    if named is None:
        raise KeyError("passwd knows nobody but root")
    return [sys.executable, "-I", "-S", named_program.__file__, str(named)]


def _can_be_named() -> bool:
    """Tries it."""
    asks = "import os, pwd; pwd.getpwuid(os.geteuid())"
    try:
        command = [*as_named_user(), sys.executable, "-I", "-S", "-c", asks]
        done = subprocess.run(command, capture_output=True, timeout=20, check=False, cwd="/")
    except (KeyError, OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _obstacle_to_root() -> Obstacle | None:
    try:
        account = server_account()
    except KeyError:
        return Obstacle(
            "Postgres refuses to run as root, and there is no user `nobody` to run it as",
            "add a user named nobody, or drill as an ordinary user",
        )
    if account is None or _can_become(account):
        return None
    return Obstacle(
        "Postgres refuses to run as root, and this root may not become `nobody` to run it",
        "drill as an ordinary user, or give the container the capabilities SETUID, SETGID and CHOWN",
    )


def _can_become(account: Account) -> bool:
    """Tries it. That `nobody` may not run this very program is another matter (EACCES)."""
    try:
        subprocess.run(
            [sys.executable, "--version"],
            capture_output=True,
            timeout=20,
            check=False,
            cwd="/",
            env=inherited_environment(),
            **account.process_options,
        )
    except OSError as error:
        return error.errno not in (errno.EPERM, errno.EINVAL)
    return True


def can_pass(account: Account | None, folder: Path) -> bool:
    """True when the account may go into `folder` and every folder above it (access lists aside)."""
    if account is None:
        return os.access(folder, os.X_OK)
    return all(_may_enter(account, place.stat()) for place in (folder, *folder.parents))


def _may_enter(account: Account, status: os.stat_result) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def can_run(account: Account | None, program: Path) -> bool:
    """Tries it: True when the account can run `program --version`."""
    if account is None:
        return True
    try:
        done = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            timeout=20,
            check=False,
            cwd="/",
            env=inherited_environment(),
            **account.process_options,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
