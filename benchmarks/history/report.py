"""The sections of history.md and verdicts.md, from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.history.growth import Growth
from benchmarks.history.rivals import Rival
from benchmarks.history.tables import table
from benchmarks.history.timing import Times
from benchmarks.history.truth import Disagreement
from benchmarks.history.verdicts import Verdicts, seen_in_rows
from rollproof.walk.model import Outcome, RevisionResult, WalkResult

FOLDER = Path(__file__).parent
_SECONDS = ("history", "(a) s", "(b) s", "(b) with rows, s")
_SPEED = """\
## Speed

{machine}. Interleaved runs in one go, the quickest of each (of (c) there is one); the machine did other
work meanwhile, so look at ratios. The start of the server is in none of them.

The SQL of each history, captured once and written as up/down pairs: (a) up, down and up again, each over
a connection of its own, and nothing looked at; (b) `rollproof migrations verify` without and with made-up
rows; (c) pg_dump -s after each phase, and the texts compared.
"""
_NATIVELY = """\
Targets: (b)/(a) at most 1.5, with rows at most 3, (c)/(b) at least 10.

The same by the project's own tool, in its own process, whose start is in all of them:
"""
_OTHERS = """\
Others: pytest-alembic runs natively, Liquibase (with the start of its Java) on the same SQL as (a). Both stop
at the first failure. Neither compares the schema with what it was, but for "leaves no trace", which compares
what autogenerate sees:
"""
_GROWTH = """\
## Long histories

{machine}. Generated pairs of mixed kinds, each tenth rollback broken. With two processes results come in
parts, so that quarters mean nothing there, and the memory is the leader's.
"""


def verdict_section(
    machine: str, found: Mapping[str, Verdicts], versions: Mapping[str, str], other: Sequence[Disagreement]
) -> str:
    """What was found, beside the reference."""
    head = ["history", "installed", "migrations", *(outcome.value for outcome in Outcome), "walk, s"]
    rows = []
    for name, verdicts in found.items():
        for label, result in (("", verdicts.plain), (", with rows", verdicts.rows)):
            counts = [result.totals.get(outcome.value, 0) or "" for outcome in Outcome]
            rows.append([name + label, versions[name], len(result.migrations), *counts, result.seconds])
    lines = [["**" + item.right + "**" if item.right else "UNEXPLAINED", *_row(item)] for item in other]
    return "\n".join(
        [
            "## Verdicts",
            "",
            f"{machine}. Each history run by its own tool, natively, one migration at a time.",
            "",
            table(head, rows, right=range(2, len(head))),
            f"Beside the reference: {_agreement(found, other)}",
            "",
            table(["right", "history", "migration", "reference", "Rollproof", "why"], lines) if lines else "",
            "What made-up rows change is in [verdicts.md](verdicts.md).",
            "",
        ]
    )


def _row(item: Disagreement) -> list[str]:
    return [item.corpus, item.id, item.theirs, item.ours, item.why]


def _agreement(found: Mapping[str, Verdicts], other: Sequence[Disagreement]) -> str:
    count = sum(len(verdicts.plain.migrations) for verdicts in found.values())
    unexplained = sum(not item.right for item in other)
    return (
        f"{count - len(other)} of {count} verdicts are the same, of the rollback and of applying again, "
        f"{len(other)} are not; {unexplained} of those nobody has explained."
    )


def verdict_tables(found: Mapping[str, Verdicts]) -> str:
    """Every migration whose verdict is not `restored`, and every one that rows show in another light."""
    parts = ["# Verdicts of public histories", ""]
    for name, verdicts in found.items():
        with_rows = {item.id: item for item in verdicts.rows.migrations}
        rows = [
            [one.id, one.outcome, one.again, two.outcome, two.again, seen_in_rows(two) or _first(one)]
            for one in verdicts.plain.migrations
            if not ((two := with_rows[one.id]).passes and one.passes and one.outcome is Outcome.RESTORED)
        ]
        emptied = [item.id for item in verdicts.emptied]
        parts += [
            f"## {name}",
            "",
            f"{len(verdicts.plain.migrations)} migrations; those that are not listed are restored, with "
            f"rows and without. {len(emptied)} can only be applied to tables without made-up rows"
            + (f": {', '.join(emptied)}." if emptied else "."),
            "",
            table(["migration", "verdict", "again", "with rows", "again", "seen"], rows),
        ]
    return "\n".join(parts)


def _first(result: RevisionResult) -> str:
    findings = result.differences
    more = f"; and {len(findings) - 1} more" if len(findings) > 1 else ""
    return f"{findings[0].difference}{more}" if findings else ""


def speed_section(
    machine: str,
    pairs: Mapping[str, Times],
    natively: Mapping[str, Times],
    rivals: Mapping[str, Sequence[Rival]],
) -> str:
    """Seconds and ratios."""
    ways = ["bare", "no rows", "rows", "dumps"]
    rows = [[name, *(t.best(w) for w in ways), *_ratios(t)] for name, t in pairs.items()]
    native_rows = [[name, *(t.best(w) for w in ways[:3]), *_ratios(t)[:2]] for name, t in natively.items()]
    others = [[name, r.name, r.seconds, r.said] for name, found in rivals.items() for r in found]
    walks = {f"{name}, SQL": times for name, times in pairs.items()}
    walks |= {f"{name}, natively": times for name, times in natively.items()}
    return "\n".join(
        [
            _SPEED.format(machine=machine),
            table([*_SECONDS, "(c) s", "(b)/(a)", "with rows/(a)", "(c)/(b)"], rows, right=range(1, 8)),
            _not_applied(pairs) + _NATIVELY,
            table([*_SECONDS, "(b)/(a)", "with rows/(a)"], native_rows, right=range(1, 6)),
            _OTHERS,
            table(["history", "what", "s", "came to"], others, right=[2]),
            "### Where the time of (b) goes",
            "",
            *_splits(walks),
        ]
    )


def _not_applied(pairs: Mapping[str, Times]) -> str:
    """Captured SQL holds the ids of the run that it was captured in: not all of it can run again."""
    counts = {name: t.results["no rows"].totals.get(Outcome.UP_FAILED.value, 0) for name, t in pairs.items()}
    found = ", ".join(f"{count} of {name}" for name, count in counts.items() if count)
    said = (
        "Written in SQL these hold the ids of rows of another run, and cannot be applied in any of the ways"
    )
    return f"{said}: {found}.\n\n" if found else ""


def _ratios(times: Times) -> list[float | None]:
    return [times.ratio("no rows", "bare"), times.ratio("rows", "bare"), times.ratio("dumps", "no rows")]


def _splits(found: Mapping[str, Times]) -> Iterable[str]:
    parts = ["up", "down", "again", "compare", "rows", "rebuild"]
    rows = [
        [f"{name}, {way}", *_shares(times.results[way], parts)]
        for name, times in found.items()
        for way in ("no rows", "rows")
        if way in times.results
    ]
    yield table(["walk", *parts, "all else", "seconds"], rows, right=range(1, 9))


def _shares(result: WalkResult, parts: Sequence[str]) -> list[object]:
    spent = [result.split.get(part, 0.0) for part in parts]
    total = result.seconds or 1.0
    shares = [f"{part / total:.0%}" for part in (*spent, max(total - sum(spent), 0.0))]
    return [*shares, result.seconds]


def growth_section(machine: str, found: Mapping[str, Growth]) -> str:
    """Time and memory of a long history."""
    quarters = [f"quarter {n}, ms each" for n in range(1, 5)]
    head = ["walk", "migrations", "s", *quarters, "4th/1st", "MB at 1, 500, 1000, 2000"]
    rows = [[name, *_grown(grown)] for name, grown in found.items()]
    return "\n".join([_GROWTH.format(machine=machine), table(head, rows, right=range(1, 8))])


def _grown(grown: Growth) -> Iterable[object]:
    first, *_, last = grown.quarters
    each = [f"{1000 * seconds:.1f}" for seconds in grown.quarters]
    memory = ", ".join(str(size) for _, size in grown.memory)
    return [grown.count, grown.seconds, *each, last / first if first else None, memory]


def write(name: str, text: str) -> None:
    """One of the files beside this one."""
    (FOLDER / name).write_text(text.rstrip("\n") + "\n", "utf-8")
