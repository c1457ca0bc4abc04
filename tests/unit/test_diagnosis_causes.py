"""The same symptom has several causes; configuration, code and ledger tell them apart."""

from __future__ import annotations

from typing import Any

import pytest

from rollproof.diagnosis import Change, Evidence, Failure, diagnose
from rollproof.diagnosis.causes import REMEDIES

REFUSED = 'psycopg.OperationalError: connection to server at "127.0.0.1", port 1 failed: Connection refused'
NO_COLUMN = 'psycopg.errors.UndefinedColumn: column "retired_at" does not exist'
NO_KEY = "Traceback (most recent call last):\n  File \"/var/task/a.py\", line 3, in f\nKeyError: 'name'"
NOT_THERE = (
    "botocore.errorfactory.ResourceNotFoundException: An error occurred (ResourceNotFoundException) "
    "when calling the GetSecretValue operation: Secrets Manager can't find the specified secret."
)
CODE = Change("f", "code")
DSN = Change("f", "variable", "DATABASE_URL", "host=db port=5432", "host=127.0.0.1 port=1")
SECRET = Change("f", "variable", "DATABASE_SECRET", "shop/database", "shop/databse")
RELEASE = Change("f", "variable", "RELEASE", "1.0", "1.1")
LIMIT = Change("f", "variable", "PAGE_SIZE", "10", "ten")


def cause_of(text: str, *changes: Change, **more: Any) -> tuple[str, str]:
    found = diagnose(Evidence([Failure("f", "log", text)], changes, compared=frozenset({"f"}), **more))
    return found.cause, found.subject


@pytest.mark.parametrize(
    ("text", "changes", "more", "cause", "subject"),
    [
        (REFUSED, [], {}, "database-unreachable", ""),
        (REFUSED, [CODE], {}, "database-unreachable", ""),
        (REFUSED, [DSN], {}, "wrong-variable", "DATABASE_URL"),
        (REFUSED, [CODE, DSN, RELEASE], {}, "wrong-variable", "DATABASE_URL"),
        (REFUSED, [RELEASE], {}, "database-unreachable", ""),
        (NOT_THERE, [CODE, RELEASE, SECRET], {}, "wrong-variable", "DATABASE_SECRET"),
        (NOT_THERE, [CODE], {}, "missing-resource", ""),
        (NO_COLUMN, [CODE], {"missing": ["007_retire.sql"]}, "missing-migration", "007_retire.sql"),
        (NO_COLUMN, [CODE], {"missing": []}, "missing-migration", "retired_at"),
        (NO_COLUMN, [DSN], {"missing": []}, "wrong-variable", "DATABASE_URL"),
        (NO_COLUMN, [CODE, DSN], {"missing": ["007_retire.sql"]}, "missing-migration", "007_retire.sql"),
        (NO_KEY, [CODE], {}, "handler-bug", "f"),
        (NO_KEY, [CODE, RELEASE], {}, "handler-bug", "f"),
        (NO_KEY, [], {}, "outside-the-release", "f"),
        (NO_KEY, [LIMIT], {}, "wrong-variable", "PAGE_SIZE"),
        ("KeyError: 'TABLE_NAME'", [CODE], {}, "wrong-variable", "TABLE_NAME"),
        ("ValueError: invalid literal for int() with base 10: 'ten'", [CODE, LIMIT], {}, "handler-bug", "f"),
        ("ValueError: PAGE_SIZE: invalid literal for int()", [LIMIT], {}, "wrong-variable", "PAGE_SIZE"),
        ("Runtime.ImportModuleError", [Change("f", "Handler")], {}, "handler-bug", "f"),
        ("AccessDeniedException: not today", [CODE], {}, "permission", ""),
        ("Task timed out after 3.00 seconds", [CODE], {}, "resources", ""),
        ("that did not work", [CODE], {}, "unknown", ""),
    ],
)
def test_a_cause_is_named_against_what_was_changed(
    text: str, changes: list[Change], more: dict[str, Any], cause: str, subject: str
) -> None:
    assert cause_of(text, *changes, **more) == (cause, subject)


def test_a_function_that_nobody_looked_at_before_may_be_at_fault_itself() -> None:
    assert diagnose(Evidence([Failure("f", "log", NO_KEY)], [])).cause == "handler-bug"


def test_what_most_requests_died_of_is_the_cause_and_the_rest_is_told() -> None:
    failures = [Failure("f", "log", REFUSED)] * 3 + [Failure("f", "log", NO_KEY)] * 2
    found = diagnose(Evidence(failures, [CODE], compared=frozenset({"f"})))
    assert (found.cause, found.others) == ("database-unreachable", ("handler-bug",))


def test_an_api_that_fails_without_calling_its_function_is_told_from_a_function_that_fails() -> None:
    assert diagnose(Evidence([], [], unanswered=["shop"])).cause == "not-called"


def test_no_value_of_a_variable_is_shown() -> None:
    found = diagnose(Evidence([Failure("f", "log", REFUSED)], [DSN], compared=frozenset({"f"})))
    assert not any("127.0.0.1" in line or "port=1" in line for line in found.findings)


def test_every_cause_has_a_remedy() -> None:
    assert all(REMEDIES.values())
