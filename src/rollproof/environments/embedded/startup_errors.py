"""What to do about a server that does not start, by what its log says."""

from __future__ import annotations

import re

from rollproof.environments.embedded.account import Account
from rollproof.environments.embedded.binaries import SETTING
from rollproof.errors import EnvironmentUnavailable

_DOING = "starting the embedded Postgres"
_OTHER_PROGRAMS = f"name another PostgreSQL's bin folder in {SETTING}"
_REMEDIES = (
    (r'"TimeZone"|could not .*time ?zone', "install the time zone data: apt-get install tzdata, or the like"),
    (r"No space left|free disk space", "free some space, or set TMPDIR to a folder with more room"),
    (r"could not (create|resize|map) .*shared memory|Cannot allocate", "free some memory"),
    (r"semaphores", "end other servers on this machine, or raise the limit on semaphores (kernel.sem)"),
    (r"error while loading shared libraries|GLIBC", _OTHER_PROGRAMS),
)


def failed(what: str, log: str) -> EnvironmentUnavailable:
    """The one error for a program that was started and did not do its work."""
    known = (remedy for pattern, remedy in _REMEDIES if re.search(pattern, log))
    return EnvironmentUnavailable(
        f"{what}; its log ends:\n{log or '(it is empty)'}",
        doing=_DOING,
        remedy=next(known, f"mend what the log says, or {_OTHER_PROGRAMS}"),
    )


def not_runnable(error: EnvironmentUnavailable, account: Account | None) -> EnvironmentUnavailable:
    """The one error for a program that could not be started at all."""
    who = "nobody, as whom Postgres must run when root starts it," if account else "you"
    return EnvironmentUnavailable(
        error.found,
        doing=_DOING,
        where=error.where,
        remedy=f"see to it that {who} can run this program, or {_OTHER_PROGRAMS}",
    )
