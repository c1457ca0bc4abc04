"""How commands say what went wrong."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec

from rollproof.errors import RollproofError

P = ParamSpec("P")

_PIPE_CLOSED = 128 + 13
"""what a shell says of a program that SIGPIPE ended"""
_THEIR_OWN = frozenset({"typer", "click"})
"""Whose exceptions are ways to end a command."""


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """One clear error and its exit code instead of a traceback, unless --debug asks for it.

    What nobody foresaw is shown as Python shows it, without what a server says in it of rows and secrets.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except RollproofError as error:
            if kwargs.get("debug"):
                raise
            from rich.console import Console

            from rollproof.journal.redaction import cut_all

            said = cut_all(f"error: {error}")
            Console(stderr=True).print(said, style="red", markup=False, highlight=False, soft_wrap=True)
            sys.exit(error.exit_code)
        except BrokenPipeError:
            # As `rollproof init | head` leaves it: there is nobody to tell, nor may Python try once more.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(_PIPE_CLOSED)
        except Exception as error:
            if kwargs.get("debug") or type(error).__module__.partition(".")[0] in _THEIR_OWN:
                raise
            from rollproof.journal.redaction import cut_all

            print(cut_all(traceback.format_exc()), file=sys.stderr, end="")  # noqa: T201
            sys.exit(1)

    return run
