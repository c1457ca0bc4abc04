"""Smoke tests: does the deployed system work, from the outside and as the application's role?

    SERVICE_URL_API="http://127.0.0.1:8080" DATABASE_URL="host=... user=app_user" python smoke/smoke.py

EXPECTED_MIGRATIONS, if set, names migrations that have to be in the ledger, separated by commas. A feature
whose migration the ledger does not list has to be absent and is not asked for. One line a check.
Exit codes: 0 all passed, 1 at least one failed, 2 the environment is incomplete.
"""

from __future__ import annotations

import sys
from http.client import HTTPException

import psycopg
from checks import CHECKS, Check, Site, open_site


def outcome(check: Check, site: Site) -> str | None:
    """What is wrong, also when the check could not be carried out."""
    try:
        return check(site)
    except psycopg.Error as error:
        return f"the database refused the question (SQLSTATE {error.sqlstate or 'none'})"
    except (OSError, HTTPException) as error:
        return f"no answer ({type(error).__name__})"
    except (KeyError, TypeError, AttributeError):
        return "the answer has another shape"


def run(site: Site) -> int:
    """Runs every check and returns how many failed."""
    failures = 0
    for name, check in CHECKS.items():
        wrong = outcome(check, site)
        failures += wrong is not None
        sys.stdout.write(f"FAIL  {name}: {wrong}\n" if wrong else f"ok    {name}\n")
    return failures


def main() -> int:
    """The command line."""
    try:
        site = open_site()
    except KeyError as missing:
        sys.stderr.write(f"smoke: the environment variable {missing.args[0]} is not set\n")
        return 2
    except psycopg.Error as error:
        sys.stdout.write(
            f"FAIL  the ledger can be read: SQLSTATE {error.sqlstate or 'none, no connection'}\n"
        )
        return 1
    failures = run(site)
    site.database.close()
    sys.stdout.write(f"smoke: {len(CHECKS) - failures} of {len(CHECKS)} checks passed\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
