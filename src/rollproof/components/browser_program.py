"""Gives a browser its two DevTools pipes: `python -I -S browser_program.py COMMANDS ANSWERS PROGRAM …`.

Chromium's `--remote-debugging-pipe` reads commands from descriptor 3 and writes answers to descriptor 4,
so that nothing has to listen on a port. COMMANDS and ANSWERS are named pipes that its owner has open.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    commands = os.open(sys.argv[1], os.O_RDONLY)
    answers = os.open(sys.argv[2], os.O_WRONLY)
    commands, answers = os.dup2(commands, 13), os.dup2(answers, 14)
    os.dup2(commands, 3)
    os.dup2(answers, 4)
    os.closerange(5, 64)
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606  the program takes this process over


if __name__ == "__main__":
    main()
