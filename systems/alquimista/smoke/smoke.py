"""Smoke tests: does the deployed system work, from the outside and as the application's role?

    SERVICE_URL_API="http://127.0.0.1:8080" DATABASE_URL="host=... user=app_user" python smoke/smoke.py
    API_URL_FIBONACCI="https://..." API_URL_NIGREDO="https://..." python smoke/smoke.py

What has an address is tested: the service, the database, each API. EXPECTED_MIGRATIONS, if set, names
migrations that have to be in the ledger, separated by commas. A feature whose migration the ledger does not
list has to be absent and is not asked for. One line a check.
Exit codes: 0 all passed, 1 at least one failed, 2 the environment is incomplete.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from http.client import HTTPException

import psycopg
from api_checks import API_CHECKS, api_checks
from checks import DATABASE_CHECKS, SERVICE_CHECKS, Site, open_site

Bound = Callable[[], str | None]
PLACES = ("SERVICE_URL_API", *API_CHECKS)


def outcome(check: Bound) -> str | None:
    """What is wrong, also when the check could not be carried out."""
    try:
        return check()
    except psycopg.Error as error:
        return f"the database refused the question (SQLSTATE {error.sqlstate or 'none'})"
    except (OSError, HTTPException) as error:
        return f"no answer ({type(error).__name__})"
    except (KeyError, TypeError, AttributeError):
        return "the answer has another shape"


def run(checks: Mapping[str, Bound]) -> int:
    """Runs every check and returns how many failed."""
    failures = 0
    for name, check in checks.items():
        wrong = outcome(check)
        failures += wrong is not None
        sys.stdout.write(f"FAIL  {name}: {wrong}\n" if wrong else f"ok    {name}\n")
    return failures


def site_checks(site: Site) -> dict[str, Bound]:
    """The checks of the database, and of the service when it has an address."""
    known = {**(SERVICE_CHECKS if site.url else {}), **DATABASE_CHECKS}
    return {name: partial(check, site) for name, check in known.items()}


def lacking() -> str | None:
    """The variable without which nothing, or not enough, can be tested."""
    if not any(os.environ.get(name) for name in PLACES):
        return PLACES[0]
    return "DATABASE_URL" if "SERVICE_URL_API" in os.environ and "DATABASE_URL" not in os.environ else None


def tested() -> tuple[int, int]:
    """How many checks failed, and how many there were."""
    checks = api_checks()
    if "DATABASE_URL" not in os.environ:
        return run(checks), len(checks)
    site = open_site()
    with closing(site.database):
        checks |= site_checks(site)
        return run(checks), len(checks)


def main() -> int:
    """The command line."""
    if (variable := lacking()) is not None:
        sys.stderr.write(f"smoke: the environment variable {variable} is not set\n")
        return 2
    try:
        failures, count = tested()
    except psycopg.Error as error:
        sys.stdout.write(
            f"FAIL  the ledger can be read: SQLSTATE {error.sqlstate or 'none, no connection'}\n"
        )
        return 1
    sys.stdout.write(f"smoke: {count - failures} of {count} checks passed\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
