"""What a person sees in the terminal: a line while something happens, a table at the end.

Everything here works without colour, 80 columns wide, and in plain ASCII where the terminal's
encoding knows no more. Texts come from a journal and may hold anything: control sequences are
shown as escapes, never sent to the terminal.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rollproof.evidence import reading
from rollproof.evidence.facts import RunSummary, ScenarioSummary
from rollproof.evidence.wording import SYMBOLS, headline, one_line, printable, say_act, say_details
from rollproof.journal import Event, Kind
from rollproof.model.durations import say_duration
from rollproof.model.json import JsonObject
from rollproof.model.verdict import Outcome

STYLES = {
    Outcome.PROVEN: "green",
    Outcome.REFUTED: "bold red",
    Outcome.UNKNOWN: "bold yellow",
    Outcome.NOT_PROVEN_HERE: "dim",
    Outcome.NOT_APPLICABLE: "dim",
}
_ENDS = {Kind.OK: Outcome.PROVEN, Kind.FAIL: Outcome.REFUTED, Kind.UNKNOWN: Outcome.UNKNOWN}
_LONGEST = 300


def as_text(
    renderable: RenderableType, *, width: int = 80, encoding: str = "utf-8", colour: bool = False
) -> str:
    """What `renderable` looks like in a terminal of that width (columns), encoding and colour."""
    stream = _Encoded(encoding)
    console = Console(
        file=stream,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
    )
    console.print(renderable)
    return stream.getvalue()


class _Encoded(io.StringIO):
    """A text buffer that says which encoding it will be written in; rich asks for it."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # io.StringIO has a read-only None
        return self._encoding


def plain(text: str, encoding: str = "utf-8") -> str:
    """`text` on one line, without anything that the terminal would act upon or cannot encode."""
    shown = one_line(printable(text), _LONGEST)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def verdict_table(summary: RunSummary) -> RenderableType:
    """The verdicts of a run, one row a scenario, with the reason where it is not proven."""
    return _Verdicts(summary)


@dataclass(frozen=True)
class _Verdicts:
    summary: RunSummary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        write = _Writer(options.encoding, options.ascii_only)
        table = Table(box=None, expand=True, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
        table.add_column("verdict", no_wrap=True)
        table.add_column("rollback", ratio=1, overflow="fold")
        table.add_column("checks", justify="right", no_wrap=True)
        table.add_column("recovered", justify="right", no_wrap=True)
        for one in self.summary.scenarios:
            name = write.scenario(one, with_system=len(self.summary.facts.systems) > 1)
            table.add_row(write.verdict(one.outcome), name, _checks(one), _recovered(one))
        yield table


def closing_panel(summary: RunSummary, *, report: str = "", seal: str = "") -> RenderableType:
    """The run in four lines: how many are proven, what is wrong with it, where the report is, its seal."""
    return _Closing(summary, report, seal)


@dataclass(frozen=True)
class _Closing:
    summary: RunSummary
    report: str
    seal: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        write = _Writer(options.encoding, options.ascii_only)
        summary = self.summary
        lines = [Text(headline(summary.counts, finished=summary.finished), style="bold")]
        told = [f"{many} {outcome.value}" for outcome, many in summary.counts.items() if many]
        lines += [Text(", ".join(told))] if told else []
        lines += [write.text(f"on {copy.what}") for copy in summary.facts.copies[:3]]
        lines += [write.text(problem, style="bold yellow") for problem in summary.problems[:5]]
        if len(summary.problems) > 5:
            lines.append(Text(f"and {len(summary.problems) - 5} more problems, see the report"))
        lines += [write.text(f"report: {self.report}")] if self.report else []
        lines += [write.text(f"seal: {self.seal}")] if self.seal else []
        yield Panel(Group(*lines), title=write.verdict(summary.outcome), title_align="left", expand=True)


@dataclass(frozen=True)
class _Writer:
    """Puts texts into what one terminal can show."""

    encoding: str
    ascii_only: bool

    def text(self, text: str, *, style: str = "") -> Text:
        return Text(plain(text, self.encoding), style=style)

    def symbol(self, outcome: Outcome) -> str:
        return SYMBOLS[outcome][self.ascii_only]

    def verdict(self, outcome: Outcome) -> Text:
        return Text(f"{self.symbol(outcome)} {outcome.value}", style=STYLES[outcome])

    def scenario(self, one: ScenarioSummary, *, with_system: bool) -> Text:
        again = f" (attempt {one.attempt})" if one.attempt > 1 else ""
        system = f" [{one.system}]" if with_system else ""
        said = self.text(f"{one.name}{system}{again}")
        if one.outcome is not Outcome.PROVEN and one.reason:
            said.append("\n" + plain(one.reason, self.encoding), style="dim")
        return said


def _checks(one: ScenarioSummary) -> str:
    return f"{one.proven_checks}/{len(one.checks)}" if one.checks else "-"


def _recovered(one: ScenarioSummary) -> str:
    if one.rto_seconds is not None:
        return say_duration(one.rto_seconds)
    return "never" if one.recovery_claimed and one.incidents else "-"


def progress_line(event: Event, *, begun: Event | None = None, encoding: str = "utf-8") -> str | None:
    """What one event is worth saying while a drill runs, one line without colour; None for nothing.

    Args:
        begun: the event that announced the act which this one ends; it tells what was done to
            what, and how long it took. `Progress` keeps them.
        encoding: of the terminal; one that is not a Unicode encoding gets plain ASCII symbols.
    """
    said = _line(event, begun, ascii_only=not encoding.lower().startswith(("utf", "u8")))
    return None if said is None else plain_line(said, encoding)


def plain_line(text: str, encoding: str) -> str:
    """Like `plain`, but what it is indented by stays."""
    indent = len(text) - len(text.lstrip(" "))
    return " " * indent + plain(text, encoding)


def _line(event: Event, begun: Event | None, *, ascii_only: bool) -> str | None:
    data = event.data
    if event.act == "scenario.started":
        system = "".join(f" [{name}]" for name in reading.texts(data, "system"))
        return f"{reading.text(data, 'name', event.actor)}{system}"
    if event.act == "scenario.concluded":
        return _concluded(data, ascii_only=ascii_only)
    if event.act == "verify":
        outcome = reading.outcome(data.get("outcome"))
        symbol = SYMBOLS[outcome][ascii_only]
        return f"    {symbol} {outcome.value}: {reading.text(data, 'title')}: {reading.text(data, 'reason')}"
    if event.act == "step":
        return f"  {reading.text(data, 'name')}" if event.kind is Kind.BEGIN else None
    if event.kind not in _ENDS or (event.act == "heal" and event.kind is Kind.OK):
        return None
    return f"    {SYMBOLS[_ENDS[event.kind]][ascii_only]} {', '.join(_ended(event, begun))}"


def _concluded(data: JsonObject, *, ascii_only: bool) -> str:
    outcome = reading.outcome(data.get("outcome"))
    reason = reading.text(data, "reason")
    return f"  {SYMBOLS[outcome][ascii_only]} {outcome.value.upper()}{f': {reason}' if reason else ''}"


def _ended(event: Event, begun: Event | None) -> Iterator[str]:
    data = {**(begun.data if begun else {}), **event.data}
    yield say_act(event.act, event.kind.value)
    yield from say_details(data, event.kind.value)
    seconds = reading.number(data, "seconds")
    if seconds is None and begun is not None:
        seconds = (event.mono_ns - begun.mono_ns) / 1e9
    if seconds is not None:
        yield say_duration(seconds)


@dataclass
class Progress:
    """Turns events into lines as they come, and remembers what was begun."""

    encoding: str = "utf-8"
    _begun: dict[int, Event] = field(default_factory=dict)

    def line(self, event: Event) -> str | None:
        """See `progress_line`."""
        if event.kind is Kind.BEGIN:
            self._begun[event.seq] = event
        of = event.data.get("of")
        begun = self._begun.pop(of, None) if isinstance(of, int) else None
        return progress_line(event, begun=begun, encoding=self.encoding)
