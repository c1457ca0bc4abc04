"""What may enter a journal. An allow-list: what is not named here cannot be written.

Never row values, SQL parameters, tracebacks or locals. Attachments are built by the fingerprint
room from catalogs, counts and keys, under the same rule. What programs say is freed of secrets and of
what is recognised as personal data; whatever slips through is found before the run is sealed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rollproof.model.json import Json, JsonObject
from rollproof.privacy.measures import is_measure

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
    exit_code timed_out stdout stderr status attempts sources disagreement missing
    """
    # measurements
    """
    seconds bytes rows count started_ns ended_ns at_ns deadline_seconds limit_seconds
    objective_seconds writes reads acknowledged failed indeterminate lost unexplained
    """
    # references to attachments
    "fingerprint kept changes operations history differences digest against "
    # code and schema of two releases
    "answers orders "
    # what must be undone, and who is there
    """
    operator seal declared
    undo healed private pid created port host user major server_version system_identifier versions
    git python platform packages argv worker plan approval shard objectives components seed parts head cause
    severity decision unread left_out attribute variables language interventions
    """.split()
)

CUT = "[cut]"
_WHOLE = 2**53
"""from here on canonical JSON writes a float without a fraction"""
_LONGEST = 4000
_READ = 5 * _LONGEST
"""characters of a text that are looked at, so that no text takes long"""
_NAMES = (
    r"(?<![\w-])[\w-]*(?:password|passwd|passphrase|pwd|secret[_-]?(?:access[_-]?)?key|api[_-]?key"
    r"|(?:auth|access|session)[_-]?token)[\w-]*"
)
_SECRET_NAME = re.compile(rf"(?i){_NAMES}")
_TOKEN_NAME = re.compile(r"(?i)[\w-]*(?:token|secret|senha|segredo|private[_-]?key|credentials?)")
_NUMERAL = re.compile(r"-?\d{1,40}")
_QUOTED = r"'(?:[^'\\]|\\.|'')*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$)"
_SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # scheme://user:password@host, to the last @: a password that is not percent-encoded may hold one
        r"(://[^\s:/@'\"]*:)[^\s'\"]*(?=@)",
        r"(%3A%2F%2F(?:(?!%3A|%40)\S)*%3A)\S*(?=%40)",
        # libpq's keyword form, an assignment in a shell or in SQL, a query's parameter
        rf"({_NAMES}\s*=\s*)(?:{_QUOTED}|(?:\\.|[^\s\\])+)",
        # JSON and Python's repr of a mapping; a colon alone also follows the name of a column
        rf"(['\"]{_NAMES}['\"]\s*:\s*)(?:{_QUOTED}|\d+)",
        # CREATE ROLE … PASSWORD 'x'
        rf"(\bpassword\s+(?:E|U&)?)(?:{_QUOTED})",
        r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"()\b(?:ghp|gho|ghs|github_pat|glpat|xox[abp])[_-][A-Za-z0-9_-]{16,}",
        r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    )
)


def allowed(data: JsonObject) -> dict[str, Json]:
    """`data` with only allowed fields, passwords and keys cut out of its texts.

    Raises:
        ValueError: a field that is not on the list. It is a mistake in the caller: add the field
            here when it can never hold a row's value.
    """
    if stray := sorted(set(data) - FIELDS):
        raise ValueError(f"these fields may not be written to a journal: {', '.join(stray)}")
    return {name: _named(name, value) for name, value in data.items()}


def clean(value: Json) -> Json:
    """Texts shortened and freed of passwords and keys, at any depth."""
    match value:
        case str():
            return cut(value)[:_LONGEST]
        case Mapping():
            return {cut(str(name)): _named(str(name), item) for name, item in value.items()}
        case list() | tuple():
            return _listed(value)
        case float() if abs(value) >= _WHOLE:
            raise ValueError(f"{value} would be read back as a whole number that JSON cannot hold")
        case None | bool() | int() | float():
            return value
        case _:
            raise ValueError(f"{type(value).__name__} is not JSON")


def cut(text: str) -> str:
    """`text` without passwords, keys and personal data, and without what UTF-8 cannot hold."""
    return cut_all(text[:_READ].encode("utf-8", "replace").decode())


def cut_all(text: str) -> str:
    """`cut` for a text of any length."""
    from rollproof.privacy.detect import without  # its patterns take long to be made; readers need none
    from rollproof.privacy.known import without_known

    text = without_known(text)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1{CUT}", text)
    return without(text)


def _named(name: str, value: Json) -> Json:
    """A value whose name says that it is a secret: `{"PGPASSWORD": "…"}`, or that it measures something."""
    if not isinstance(value, str):
        return _measures(value) if isinstance(value, list | tuple) and is_measure(name) else clean(value)
    if _NUMERAL.fullmatch(value) and is_measure(name):
        return value
    if _SECRET_NAME.fullmatch(name) or (_TOKEN_NAME.fullmatch(name) and CUT[:4] in cut(f"{name}={value}")):
        return CUT
    return clean(value)


def _measures(values: Sequence[Json]) -> Json:
    """Clocks and counters as they are: fifteen digits of nanoseconds may have the check digits of a CNS."""
    numerals = all(isinstance(item, str) and _NUMERAL.fullmatch(item) for item in values)
    return list(values) if values and numerals else clean(values)


def _listed(values: Sequence[Json]) -> list[Json]:
    """A command's arguments among them: `["--password", "…"]`."""
    names = [item.lstrip("-") if isinstance(item, str) and item.startswith("-") else "" for item in values]
    pairs = zip(["", *names], values, strict=False)
    return [CUT if _is_option(before, item) else _named(before, item) for before, item in pairs]


def _is_option(before: str, item: Json) -> bool:
    return isinstance(item, str) and not item.startswith("-") and bool(_TOKEN_NAME.fullmatch(before))
