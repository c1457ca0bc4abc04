"""Smoke tests: does the deployed API work, from the outside?

    SERVICE_URL_API="http://127.0.0.1:8000" python smoke/smoke.py --token TOKEN

With DATABASE_URL the ledger is read too: each migration that EXPECTED_MIGRATIONS names (`app.name`, separated
by commas) has to be in it, and what a migration brings is only asked for when it is listed. And the role has
to be allowed to book and to cancel. One line a check.
Exit codes: 0 all passed, 1 at least one failed, 2 the environment is incomplete.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg

SECONDS = 5
REMINDERS = "appointments.0004_reminder"
APPOINTMENTS = "public.appointments_appointment"
Check = Callable[[], str | None]


class Database(NamedTuple):
    """What its ledger lists, and which privileges on appointments the service's role lacks."""

    listed: frozenset[str]
    denied: tuple[str, ...]


class Site:
    """The API, what its ledger lists, and what its role may not do; both None without a database."""

    def __init__(self, url: str, token: str, database: Database | None) -> None:
        self.url, self.token = url, token
        self.listed = database.listed if database else None
        self.denied = database.denied if database else None

    def get(self, path: str, *, status: int = 200, token: bool = True) -> str | None:
        """None when it answers with that status and, when that is 200, JSON."""
        request = Request(self.url + path)
        if token:
            request.add_header("Authorization", f"Token {self.token}")
        try:
            with urlopen(request, timeout=SECONDS) as answer:
                found, body = answer.status, answer.read()
        except HTTPError as error:
            found, body = error.code, b"null"
        if found != status:
            return f"{path} answers {found}, not {status}"
        json.loads(body)
        return None

    def migrations(self) -> str | None:
        """None when the ledger lists all that the release needs."""
        expected = filter(None, os.environ.get("EXPECTED_MIGRATIONS", "").split(","))
        missing = sorted(set(expected) - (self.listed or frozenset()))
        return f"not applied: {', '.join(missing)}" if missing else None

    def privileges(self) -> str | None:
        """None when the role may book and cancel."""
        return f"may not {', '.join(self.denied)} appointments" if self.denied else None

    def checks(self) -> Iterator[tuple[str, Check]]:
        yield "it is healthy", lambda: self.get("/health", token=False)
        yield "the directory can be read by anybody", lambda: self.get("/api/professionals/", token=False)
        yield (
            "appointments are nobody's without a token",
            lambda: self.get("/api/appointments/", status=401, token=False),
        )
        yield "appointments can be listed", lambda: self.get("/api/appointments/?limit=5")
        yield "patients can be listed", lambda: self.get("/api/patients/?limit=5")
        if self.listed is not None:
            yield "every migration that is needed was applied", self.migrations
            yield "appointments may be booked and cancelled", self.privileges
        if self.listed is None or REMINDERS in self.listed:
            yield "reminders can be listed", lambda: self.get("/api/reminders/")


def outcome(check: Check) -> str | None:
    """What is wrong, also when the check could not be carried out."""
    try:
        return check()
    except (OSError, HTTPException) as error:
        return f"no answer ({type(error).__name__})"
    except ValueError:
        return "the answer is no JSON"


def database() -> Database | None:
    """What is to be known of it; None when none is named."""
    address = os.environ.get("DATABASE_URL")
    if not address:
        return None
    asked = "SELECT coalesce(has_table_privilege(to_regclass(%s), %s), false)"
    with psycopg.connect(address, connect_timeout=SECONDS) as conn:
        rows = conn.execute("SELECT app || '.' || name FROM django_migrations").fetchall()
        rights = ("INSERT", "UPDATE", "DELETE")
        held = [conn.execute(asked, (APPOINTMENTS, right)).fetchone() for right in rights]
    denied = (right.lower() for right, row in zip(rights, held, strict=True) if row != (True,))
    return Database(frozenset(name for (name,) in rows), tuple(denied))


def run(site: Site) -> int:
    """Runs every check; how many failed."""
    failures = 0
    for name, check in site.checks():
        wrong = outcome(check)
        failures += wrong is not None
        sys.stdout.write(f"FAIL  {name}: {wrong}\n" if wrong else f"ok    {name}\n")
    return failures


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Test the deployed API.")
    parser.add_argument("--token", required=True, help="of the user that it is tested as")
    asked = parser.parse_args()
    if not os.environ.get("SERVICE_URL_API"):
        sys.stderr.write("smoke: the environment variable SERVICE_URL_API is not set\n")
        return 2
    try:
        found = database()
    except psycopg.Error as error:
        sys.stdout.write(
            f"FAIL  the ledger can be read: SQLSTATE {error.sqlstate or 'none, no connection'}\n"
        )
        return 1
    return 1 if run(Site(os.environ["SERVICE_URL_API"], asked.token, found)) else 0


if __name__ == "__main__":
    sys.exit(main())
