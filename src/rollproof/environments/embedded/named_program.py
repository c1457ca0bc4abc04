"""Runs a program as a user that passwd knows: `python -I -S named_program.py UID PROGRAM [ARGUMENT ...]`.

initdb asks passwd for the name of whoever runs it, and a container's numeric user has none. In a user
namespace of its own this process *is* the user UID, who has a name, and outside it is who it was: what
it writes belongs to the numeric user. Linux only, and only where such namespaces are allowed.
"""

from __future__ import annotations

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
"""From sched.h."""


def main() -> None:
    inside, program = int(sys.argv[1]), sys.argv[2]
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        sys.exit(f"no user namespace: {os.strerror(ctypes.get_errno())}")
    _write("setgroups", "deny")
    _write("uid_map", f"{inside} {uid} 1")
    _write("gid_map", f"{gid} {gid} 1")
    os.execv(program, sys.argv[2:])  # noqa: S606  the program takes this process over


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123  pathlib is slow to import
        file.write(text)


if __name__ == "__main__":
    main()
