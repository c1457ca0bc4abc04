"""`{placeholders}` in commands, file names and traffic: which there are, and finding those there are not.

Only braces around a plain name count; others (JSON, array literals) are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

IN_SERVICES = ("python", "env", "port", "dsn", "path")
"""in a service's command and in its `env`"""
IN_COMMANDS = ("python", "env", "dsn")
"""in every other command: only a service is given a port to listen on"""
IN_TOOLS = ("python", "url", "dsn", "host", "port", "user", "database", "id")
"""in a migration tool's command lines and environment"""
IN_RELEASES = ("python", "env", "dsn", "account", "region", "release", "path", "revision")
"""in the commands that deploy, test and roll back a release"""
IN_TRAFFIC = ("token",)
IN_ROLLBACK_NAMES = ("any", "number", "name")

_NAMED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def strangers(text: str, known: Sequence[str]) -> list[str]:
    """Names in braces that are not in `known`, in order, each once."""
    return list(dict.fromkeys(name for name in _NAMED.findall(text) if name not in known))


def slips(text: str, known: Sequence[str]) -> list[str]:
    """Like `strangers`, but only those that look like a placeholder misspelt or misplaced.

    For SQL and JSON, where `'{red}'` may be an array.
    """
    every = {*IN_SERVICES, *IN_TRAFFIC}
    return [
        name
        for name in strangers(text, known)
        if name in every or get_close_matches(name.lower(), known, cutoff=0.75)
    ]
