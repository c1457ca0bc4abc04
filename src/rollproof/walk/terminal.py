"""A walk on a terminal: a bar while it goes on, what is wrong as soon as it is known, a table at the end."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from rollproof.evidence.wording import printable
from rollproof.model.durations import say_duration
from rollproof.walk.model import Outcome, RevisionResult, WalkResult
from rollproof.walk.reports.plain import details
from rollproof.walk.wording import (
    EXPLAINED,
    HEADLINES,
    headline,
    reservations,
    say_estimates,
    say_facts,
    say_to_mend,
)

_STYLES = {True: "green", False: "red"}
_ALIKE = 3
"""Migrations of which the same is to be said that are written out."""
_SHOWN = 6
"""Lines that say what is wrong with one migration while the walk goes on; the files have them all."""


class Terminal:
    """What a person sees of a walk. Give `told` to it as the listener."""

    def __init__(self, console: Console, *, total: int) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.task: TaskID = self.progress.add_task("walking", total=total)
        self._same: Counter[tuple[str, ...]] = Counter()

    def __enter__(self) -> Terminal:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        for (said, *_), count in self._same.items():
            if count > _ALIKE:
                self._say(f"… and {count - _ALIKE} more like those above: {said}", "bold red")

    def told(self, result: RevisionResult) -> None:
        """Moves the bar on, and says what is wrong."""
        self.progress.update(self.task, advance=1, description=printable(result.id)[:40])
        if result.passes or self._is_like_many(result):
            return
        self._say(f"{printable(result.id)}: {headline(result)}", "bold red")
        lines = details(result)
        for line in lines[:_SHOWN]:
            self._say(f"    {line}", "")
        if len(lines) > _SHOWN:
            self._say(f"    … and {len(lines) - _SHOWN} more lines, all of them with --json", "dim")

    def _is_like_many(self, result: RevisionResult) -> bool:
        """True for the fourth and every further one of which there is nothing else to say."""
        if result.differences or result.rows or result.again_differences:
            return False
        alike = (headline(result), *(failure.found for failure in result.failures))
        self._same[alike] += 1
        return self._same[alike] > _ALIKE

    def _say(self, text: str, style: str) -> None:
        self.progress.console.print(Text(text, style=style), soft_wrap=True, highlight=False)


def print_summary(console: Console, result: WalkResult) -> None:
    """How many came to what, what that means, and what the walk took."""
    table = Table("migrations", "verdict", "what that means", box=None, pad_edge=False)
    for outcome in reversed(Outcome):
        if count := result.totals.get(outcome.value, 0):
            table.add_row(
                Text(str(count), justify="right"),
                Text(HEADLINES[outcome], style=_STYLES[outcome.sound]),
                EXPLAINED[outcome],
            )
    if not_again := sum(one.again.value in ("failed", "differs") for one in result.migrations):
        table.add_row(
            Text(str(not_again), justify="right"),
            Text("not again", style="red"),
            "Of these: applied again after its rollback, it fails or ends in another state.",
        )
    console.print(table)
    for one in result.migrations:
        if estimates := say_estimates(one):
            console.print(Text(f"{printable(one.id)} on tables of that size: {estimates}"), soft_wrap=True)
    for warning in (*result.warnings, *reservations(result)):
        console.print(Text(f"warning: {printable(warning)}", style="yellow"), soft_wrap=True)
    if result.facts:
        console.print(Text(f"with {printable(say_facts(result))}", style="dim"), soft_wrap=True)
    console.print(Text(_last_line(result)), soft_wrap=True)


def _last_line(result: WalkResult) -> str:
    return f"{len(result.migrations)} migrations in {say_duration(result.seconds)}: {say_to_mend(result)}"
