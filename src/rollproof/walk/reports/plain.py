"""Plain text: a line a migration, what is wrong below it, totals at the end. No colours, no drawing."""

from __future__ import annotations

from collections.abc import Iterator

from rollproof.evidence.wording import printable
from rollproof.model.durations import say_duration
from rollproof.walk.model import Failure, Finding, RevisionResult, WalkResult
from rollproof.walk.wording import HEADLINES, count_loss, headline, reservations, say_difference, say_estimates, say_facts, say_failure, say_to_mend, shown

_MOST = 20
"""Findings of one migration that are written out; `--json` has them all."""


def render_plain(result: WalkResult, *, everything: bool = False) -> str:
    """The walk as text. Migrations that pass get a line only when `everything` is wanted."""
    lines = [line for one in result.migrations for line in _lines(one, everything=everything)]
    lines += [f"warning: {printable(warning)}" for warning in (*result.warnings, *reservations(result))]
    facts = [f"with {printable(say_facts(result))}"] if everything and result.facts else []
    return "\n".join([*lines, *facts, *totals(result)]) + "\n"


def _lines(result: RevisionResult, *, everything: bool) -> Iterator[str]:
    if result.accepted:
        yield f"accepted  {printable(result.id)}: {headline(result)} ({printable(result.accepted)})"
    elif not result.passes:
        yield f"FAILED    {printable(result.id)}: {headline(result)}"
        yield from (f"          {line}" for line in details(result))
    elif everything:
        yield f"ok        {printable(result.id)}: {headline(result)}"
    if everything and result.passes:
        yield from (f"          {printable(line)}" for line in result.untried)
    if everything and (estimates := say_estimates(result)):
        yield f"          on tables of that size: {estimates}"


def details(result: RevisionResult) -> list[str]:
    """What is wrong with a migration and where, one line each."""
    said = [line for failure in result.failures for line in _failure(failure)]
    said += [f"rows of {change.table}: {count_loss(change)}" for change in result.rows]
    said += [_finding(finding) for finding in result.differences]
    said += [f"applied again: {_finding(finding)}" for finding in result.again_differences]
    said += [f"no rows could be made for {table.table}: {table.why}" for table in result.no_rows]
    said += [*result.untried, *result.notes]
    cut = [printable(line) for line in said[:_MOST]]
    return cut + [f"… and {len(said) - _MOST} more"] * (len(said) > _MOST)


def _failure(failure: Failure) -> Iterator[str]:
    yield f"{at(failure.path, failure.line)}{say_failure(failure)}"
    if failure.remedy:
        yield f"what to do: {failure.remedy}"


def _finding(finding: Finding) -> str:
    said = say_difference(finding.difference)
    if not finding.cause:
        return said
    return f"{at(finding.cause.path, finding.cause.line)}{said} ({finding.cause.why})"


def at(path: str, line: int | None) -> str:
    """`path:line: `, as editors jump to it."""
    if not path:
        return ""
    return f"{shown(path)}:{line}: " if line else f"{shown(path)}: "


def totals(result: WalkResult) -> list[str]:
    """How many migrations came to what, and how long it took."""
    counts = [
        f"{result.totals[o.value]} {words}" for o, words in HEADLINES.items() if o.value in result.totals
    ]
    return [
        f"{len(result.migrations)} migrations of {printable(result.where)} ({result.tool}) in "
        f"{say_duration(result.seconds)}: {', '.join(counts) or 'none'}",
        say_to_mend(result),
    ]
