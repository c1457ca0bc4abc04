"""What was found of a migration, in words that stay the same from run to run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rollproof.model.durations import say_duration
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.json import Json
from rollproof.model.rows import RowChanges
from rollproof.walk.model import Again, Failure, Finding, Outcome, RevisionResult, WalkResult

HEADLINES = {
    Outcome.RESTORED: "restored",
    Outcome.ORDER_ONLY: "restored, but for the order",
    Outcome.NOT_RESTORED: "not restored",
    Outcome.LOSES_DATA: "loses data",
    Outcome.CANNOT_RUN: "rollback ends in an error",
    Outcome.DID_NOTHING: "rollback does nothing",
    Outcome.NO_DOWN: "no rollback",
    Outcome.UP_FAILED: "cannot be applied",
    Outcome.ENVIRONMENT: "cannot be tried here",
}
"""An outcome in a few words."""

EXPLAINED = {
    Outcome.RESTORED: "Everything that was compared is what it was before.",
    Outcome.ORDER_ONLY: "All is there, with columns in another order or generated names made anew.",
    Outcome.NOT_RESTORED: "After the rollback schema, grants or sequences are not what they were.",
    Outcome.LOSES_DATA: "Rows or values from before the migration are gone or other after the rollback.",
    Outcome.CANNOT_RUN: "On the night it is needed, this rollback would stop with an error.",
    Outcome.DID_NOTHING: "The rollback ran without an error and left what the migration had made.",
    Outcome.NO_DOWN: "Nobody has written a way back.",
    Outcome.UP_FAILED: "The migration itself ended in an error, so there was nothing to roll back.",
    Outcome.ENVIRONMENT: "Something that it needs is not here, so nothing is proven of it.",
}
"""An outcome in one sentence for whoever meets it first."""

UNTOUCHED = "they changed nothing here, so that nothing is proven of their rollbacks"
"""Of migrations that found nothing to change, such as rows of a certain kind."""
HALF_TRIED = (
    "a part of them found no row that it fits, or does what is not compared, so that it is not proven that "
    "their rollbacks undo it"
)
"""Of migrations that did only a part of what their text says."""
_MISSING = ("42P01", "3F000", "42704", "42883", "42703")
"""SQLSTATEs of a relation, schema, type, function or column that is not there."""
_BEGIN = "put what it begins on in front of it, as its first migration, to have the rest judged"
_BEGINNINGS = {
    "alembic": "name what makes that with --option prepare=package.module:name, to have the rest judged"
}
"""What to do about a history that begins on something, by tool."""
_NAMED = 5
"""migrations that are named in a sentence"""
NO_ROWS = "rows were not compared: a loss of data would go unseen"

_AGAIN = {
    Again.DIFFERS: "applied again, it ends in another state",
    Again.FAILED: "it cannot be applied again after its rollback",
}


def headline(result: RevisionResult) -> str:
    """The outcome, and whether it can be applied again if that is in question: one line."""
    again = _AGAIN.get(result.again)
    return f"{HEADLINES[result.outcome]}; {again}" if again else HEADLINES[result.outcome]


def reservations(result: WalkResult) -> tuple[str, ...]:
    """What a reader must know before believing that all is sound; one sentence each."""
    said = [] if result.rows_compared else [NO_ROWS]
    if untouched := result.untouched:
        said.append(f"{listed(one.id for one in untouched)}: {UNTOUCHED}")
    if half := [one for one in result.half_tried if one not in untouched]:
        said.append(f"{listed(one.id for one in half)}: {HALF_TRIED}")
    said += [_beginning(result)] if _begins_on_something(result) else []
    return tuple(said)


def _begins_on_something(result: WalkResult) -> bool:
    """True when the first migration lacks what is made by none, and most others cannot be applied either."""
    first = next(iter(result.migrations), None)
    if first is None or first.outcome is not Outcome.UP_FAILED or not first.failures:
        return False
    failed = sum(one.outcome is Outcome.UP_FAILED for one in result.migrations)
    return first.failures[0].sqlstate in _MISSING and 2 * failed > len(result.migrations)


def _beginning(result: WalkResult) -> str:
    found = result.migrations[0].failures[0].found
    return (
        f"the history begins on a database that is not empty: {found}; {_BEGINNINGS.get(result.tool, _BEGIN)}"
    )


def say_facts(result: WalkResult) -> str:
    """Versions and settings that the verdicts hold for, in one line."""
    return "; ".join(f"{name}: {value}" for name, value in result.facts.items())


def say_difference(difference: Difference) -> str:
    """A difference for a person: of another order of columns only what has moved."""
    moved = _now_last(difference.before, difference.after)
    if difference.klass is not DifferenceClass.COLUMN_ORDER or not moved:
        return str(difference)
    verb = "comes" if len(moved) == 1 else "come"
    return f"{difference.kind} {difference.name}: columns in another order, {listed(moved)} {verb} last"


def _now_last(before: Json, after: Json) -> list[str]:
    """The columns that come last, when the others stand as they stood."""
    old, new = (_columns(value) for value in (before, after))
    for count in range(1, len(new)):
        last = new[-count:]
        if [name for name in old if name not in last] == new[:-count]:
            return last
    return []


def _columns(value: Json) -> list[str]:
    if isinstance(value, list):
        return [str(name) for name in value]
    return value.split(", ") if isinstance(value, str) else []


def listed(names: Iterable[str]) -> str:
    """Names in a sentence; of many the first ones, and how many more there are."""
    every = list(names)
    more = len(every) - _NAMED
    return ", ".join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def say_to_mend(result: WalkResult) -> str:
    """How many migrations somebody has to do something about, in a few words."""
    failing = sum(not one.passes for one in result.migrations)
    accepted = sum(bool(one.accepted) for one in result.migrations)
    said = f"{failing} to mend" if failing else "interrupted" if result.interrupted else "nothing to mend"
    return f"{said}, {accepted} accepted" if accepted else said


def say_estimates(result: RevisionResult) -> str:
    """How long it would take on tables of the stated size; empty where no size was stated."""
    said = [
        f"{direction} about {say_duration(seconds)}, writers waiting for "
        f"{say_duration(result.estimates.get(f'{direction} blocking', 0.0))} of it"
        for direction in ("up", "down")
        if (seconds := result.estimates.get(direction))
    ]
    return "; ".join(said)


def again_remark(result: RevisionResult) -> str:
    """What is wrong with applying it again; empty when nothing is."""
    return _AGAIN.get(result.again, "")


def findings(result: RevisionResult) -> tuple[str, ...]:
    """Each thing that is wrong, one sentence, worst first; without counts of rows, times or lines.

    A baseline knows a finding again by this text.
    """
    found = [say_failure(failure) for failure in result.failures]
    found += [text for change in result.rows for text in say_loss(change)]
    found += [str(finding.difference) for finding in result.differences]
    if result.again is Again.DIFFERS:
        found += [f"applied again: {finding.difference}" for finding in result.again_differences]
    if not found and not result.passes:
        found = [headline(result)]
    return tuple(dict.fromkeys(found))


def say_failure(failure: Failure) -> str:
    """An error, with its SQLSTATE."""
    state = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    return f"{failure.phase}: {failure.found.strip()}{state}"


def say_loss(change: RowChanges) -> list[str]:
    """What became of one table's rows, without how many."""
    if change.missing_table:
        return [f"rows of {change.table}: the whole table is gone"]
    said = [f"rows of {change.table}: values of {column} are gone" for column in change.lost_columns]
    said += [f"rows of {change.table}: some are gone"] * bool(change.lost)
    said += [f"rows of {change.table}: some are other than before"] * bool(
        change.changed and not change.lost_columns
    )
    said += [f"rows of {change.table}: there are more than before"] * bool(change.added and not change.lost)
    said += [f"rows of {change.table}: {change.incomplete}"] * bool(change.incomplete and not said)
    return said


def count_loss(change: RowChanges) -> str:
    """The same with numbers, for a person: `12 rows lost, 3 values of email lost`."""
    parts = [
        f"{number} row{'s' if number != 1 else ''} {word}"
        for number, word in ((change.lost, "lost"), (change.changed, "changed"), (change.added, "added"))
        if number
    ]
    parts += [
        f"{number} value{'s' if number != 1 else ''} of {column} lost"
        for column, number in change.lost_columns.items()
    ]
    if change.missing_table:
        parts.insert(0, "the table is gone")
    return ", ".join(parts) or change.incomplete


def place(finding: Finding | Failure) -> tuple[str, int | None]:
    """File and line of what is to be mended; an empty text where that cannot be told."""
    if isinstance(finding, Failure):
        return shown(finding.path), finding.line
    return (shown(finding.cause.path), finding.cause.line) if finding.cause else ("", None)


def shown(path: str) -> str:
    """A path from where Rollproof was started, if it lies below: so editors and GitHub find it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if path and Path(path).is_relative_to(here) else path
