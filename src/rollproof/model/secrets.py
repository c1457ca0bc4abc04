"""Recognising what must not stand in a file that is kept in version control.

Only patterns that are hardly ever anything else: a false alarm keeps a team from drilling at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PATTERNS = (
    (
        # scheme://user:password@host; ${VARIABLE} and {placeholder} in the password's place are fine
        re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@\"']*:(?!\$?\{[^}]*\}@)[^\s@\"'/]+@"),
        "a connection address with a password in it",
    ),
    (
        # libpq's keyword form; the second keyword and the bare value tell it from SQL
        re.compile(
            r"(?i)^(?=.*\b(?:host|hostaddr|dbname|user|port)=).*?(?:^|[\s\"'])password=(?=[^\s'\"{$])"
        ),
        "a connection string with a password in it",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "an AWS access key"),
    (
        # 40 characters of base64 that mix capitals, small letters and digits: not a SHA-1, not a path
        re.compile(
            r"(?<![A-Za-z0-9/+=_.-])(?=[^\s\"']*[A-Z])(?=[^\s\"']*[a-z])(?=[^\s\"']*[0-9])"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])"
        ),
        "an AWS secret key",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b(?:ghp|gho|ghs|github_pat|glpat|xox[abp])[_-][A-Za-z0-9_-]{16,}"), "an access token"),
)
_PASSWORD_NAME = re.compile(r"(?i)(?:^|[_-])(?:password|passwd|pgpassword)$|^pgpassword$")


def secret_in(text: str) -> str | None:
    """What `text` seems to hold (`an AWS access key`), or None. Never the secret itself."""
    return next((what for pattern, what in _PATTERNS if pattern.search(text)), None)


def lines_with_secrets(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers, from 1, and what each seems to hold; comments are read too."""
    for number, line in enumerate(text.split("\n"), start=1):
        if what := secret_in(line):
            yield number, what


def names_a_password(name: str) -> bool:
    """True for keys such as `PGPASSWORD` and `SMTP_PASSWORD`, whose value is a secret by its name."""
    return bool(_PASSWORD_NAME.search(name))
