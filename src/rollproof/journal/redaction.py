"""What may enter a journal. An allow-list: what is not named here cannot be written.

Never row values, SQL parameters, tracebacks or locals. Attachments are built by the fingerprint
room from catalogs, counts and keys, under the same rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rollproof.model.json import Json, JsonObject

FIELDS = frozenset(
    # who, what, which
    """
    of scenario feature name title tags system environment component label kind role table tables
    schema database migration migrations version path file folder command step steps check checks
    params item items
    """
    # how it went
    """
    outcome reason numbers findings found doing where remedy facts error sqlstate position line
    exit_code timed_out stdout stderr status attempts sources disagreement
    """
    # measurements
    """
    seconds bytes rows count started_ns ended_ns at_ns deadline_seconds limit_seconds
    objective_seconds writes reads acknowledged failed indeterminate lost unexplained
    """
    # references to attachments
    "fingerprint kept changes operations history differences digest against "
    # what must be undone, and who is there
    """
    undo healed private pid created port host user major server_version system_identifier versions
    git python platform packages argv worker plan objectives components seed parts head cause
    severity decision
    """.split()
)

_PASSWORD = re.compile(r"(?i)(password\s*=\s*|://[^:/@\s]+:)('[^']*'|[^\s@]+)")
_LONGEST = 4000


def allowed(data: JsonObject) -> dict[str, Json]:
    """`data` with only allowed fields, passwords cut out of its texts.

    Raises:
        ValueError: a field that is not on the list. It is a mistake in the caller: add the field
            here when it can never hold a row's value.
    """
    if stray := sorted(set(data) - FIELDS):
        raise ValueError(f"these fields may not be written to a journal: {', '.join(stray)}")
    return {name: clean(value) for name, value in data.items()}


def clean(value: Json) -> Json:
    """Texts shortened and freed of passwords, at any depth."""
    match value:
        case str():
            return _PASSWORD.sub(r"\1[cut]", value)[:_LONGEST]
        case Mapping():
            return {str(name): clean(item) for name, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            raise ValueError(f"{type(value).__name__} is not JSON")
