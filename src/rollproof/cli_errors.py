"""How commands say what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from rollproof.errors import RollproofError

P = ParamSpec("P")


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """One clear error and its exit code instead of a traceback, unless --debug asks for it."""

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

    return run
