"""A rollback script that does other than it should gets an honest verdict: never proven, never a crash."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from drilling import Drilled, verdicts
from test_bad_input import all_is_well, one_clear_error

SCRIPT = "migrations/004_rollback_003.sql"
LEDGER = "DELETE FROM public.migrations WHERE migration_name = '003_add_notes.sql';\n"
FEATURE = """
@database
Feature: A rollback script under all checks
  Scenario: It is applied
    Given the release before the newest additive migration that has a rollback script
    And clients keep reading and writing
    And that migration is deployed
    And a full backup that restores to an identical copy
    When its rollback script is applied
    Then the schema is what it was before that migration
    And grants, owners and default privileges are what they were
    And sequences continue where they stood
    And every row from before that migration is unchanged
    And no row appeared that no client wrote
    And the ledger no longer lists that migration
    And no acknowledged write is lost
    And the migration can be applied again and ends in the same state
"""


@dataclass(frozen=True)
class Case:
    """A row of bad_rollbacks.toml."""

    name: str
    down: str
    outcome: str
    refuted: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    limit: str = "10s"


def cases() -> list[Any]:
    """Every second in each run of the tests; the others are left to `make kill`."""
    rows = tomllib.loads((Path(__file__).parent / "bad_rollbacks.toml").read_text())["case"]
    return [
        pytest.param(
            Case(**row), id=row["name"].replace(" ", "-"), marks=pytest.mark.slow if number % 2 else ()
        )
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize("case", cases())
def test_a_rollback_script_gets_the_verdict_that_it_deserves(case: Case, mini: Drilled) -> None:
    mini.write("features/mini.feature", FEATURE)
    mini.write(SCRIPT, case.down.replace("{ledger}", LEDGER))
    mini.edit("system.toml", ('statement_limit = "10s"', f'statement_limit = "{case.limit}"'))
    ended = mini.drill("-q")
    given = {check: outcome for (_, check), outcome in verdicts(mini.journal()).items()}
    [concluded] = mini.journal().all("scenario.concluded")
    said = {kind: [check for check in given if given[check] == kind] for kind in ("refuted", "unknown")}
    assert (concluded.data["outcome"], said) == (
        case.outcome,
        {"refuted": case.refuted, "unknown": case.unknown},
    ), ended.said
    assert (ended.code == 0) == (case.outcome == "proven"), ended.said
    one_clear_error(ended, case.said, mini.root)
    all_is_well(mini)
