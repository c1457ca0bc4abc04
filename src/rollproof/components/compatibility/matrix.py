"""Trying every combination of code, schema and rows, each for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rollproof.compatibility import judging
from rollproof.compatibility.model import CURRENT, HOMES, PREVIOUS, Cell, CellRun, Matrix
from rollproof.compatibility.shapes import changed_fields
from rollproof.components.compatibility import databases
from rollproof.components.compatibility.asking import (
    Asker,
    Heard,
    Question,
    as_write,
    discovered,
    questions_of,
)
from rollproof.components.compatibility.releases import Pair, digest_of, folder_of
from rollproof.components.compatibility.running import Processes, Running, expect_sound
from rollproof.components.postgres.admin import connected, create_database, undo_database
from rollproof.components.postgres.templates import Templates
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.drill.session import DrillSession
from rollproof.model.json import Json, JsonObject
from rollproof.model.system import System
from rollproof.workload.operations import Operation
from rollproof.workload.survival import find_lost_writes

ROWS = 5
"""how many times each release writes each kind of row before others are asked about them"""
ALONE, OLDER, NEWER, BACK = range(4)
"""The databases of a walk: the current release's own, to read its OpenAPI document; the previous schema; the
current one; the previous one again, after the current release has written."""


@dataclass
class Walk:
    """One walk through all cells."""

    drill: Drill
    names: Sequence[str]
    templates: Templates = field(init=False)
    pair: Pair = field(init=False)
    questions: list[Question] = field(init=False)
    heard: dict[Cell, list[Heard]] = field(default_factory=dict)
    runs: dict[Cell, CellRun] = field(default_factory=dict)
    tokens: dict[str, list[Operation]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.templates = self.drill.session.use(Templates, self.drill.system)
        self.pair = self.drill.use(Pair)
        self.questions = questions_of(self.drill.system, self.pair.services)
        self.processes = self.drill.use(Processes)

    def walk(self) -> Matrix:
        """All of it.

        Raises:
            EnvironmentUnavailable: a release is not healthy on its own schema.
            AttemptFailed: a migration could not be applied.
        """
        self._older()
        self._newer()
        self._back()
        runs = tuple(self._compared(run) for run in self.runs.values())
        return Matrix(self.pair.names, tuple(question.asked for question in self.questions), runs)

    def _older(self) -> None:
        """On the previous schema: the previous release at home, then the current one."""
        databases.make(self.templates, self.names[OLDER], self.pair.shipped[PREVIOUS])
        (older,) = self._start((PREVIOUS, OLDER, True))
        if self._discover(older):
            self._discover_in_newer()
        self._write(older, OLDER)
        self._ask(HOMES[PREVIOUS], older, OLDER)
        self.processes.stop(*older.values())
        create_database(self.templates.server, self.names[NEWER], template=self.names[OLDER])
        (newer,) = self._start((CURRENT, OLDER, False))
        self._ask(Cell(CURRENT, PREVIOUS, PREVIOUS), newer, OLDER)
        self.processes.stop(*newer.values())

    def _newer(self) -> None:
        """On the current schema: with rows of the previous release, then with rows of both."""
        databases.forward(self.templates, self.names[NEWER], tuple(reversed(self.pair.going)))
        older, newer = self._start((PREVIOUS, NEWER, False), (CURRENT, NEWER, True))
        self._ask(Cell(PREVIOUS, CURRENT, PREVIOUS), older, NEWER)
        self._ask(Cell(CURRENT, CURRENT, PREVIOUS), newer, NEWER)
        self._write(newer, NEWER)
        self._ask(Cell(PREVIOUS, CURRENT, CURRENT), older, NEWER)
        self._ask(HOMES[CURRENT], newer, NEWER)
        self.processes.stop(*older.values(), *newer.values())

    def _back(self) -> None:
        """On the previous schema again, gone back to from the current one, its rows still there."""
        create_database(self.templates.server, self.names[BACK], template=self.names[NEWER])
        cells = [Cell(PREVIOUS, PREVIOUS, CURRENT), Cell(CURRENT, PREVIOUS, CURRENT)]
        if why := databases.back(self.templates, self.names[BACK], self.pair.going):
            self.runs |= {cell: CellRun(cell, impossible=why) for cell in cells}
            return
        started = self._start((PREVIOUS, BACK, False), (CURRENT, BACK, False))
        for cell, running in zip(cells, started, strict=True):
            self._ask(cell, running, BACK)
        self.processes.stop(*(one for running in started for one in running.values()))

    def _start(self, *wanted: tuple[str, int, bool]) -> list[dict[str, Running]]:
        """Releases at databases, all at the same time: `(which, database, home)`."""
        launched = [
            {name: self._launch(name, which, place) for name in self.pair.services}
            for which, place, _ in wanted
        ]
        return [
            {name: self._settle(one, spec) for name, one in running.items()}
            for running, spec in zip(launched, wanted, strict=True)
        ]

    def _launch(self, name: str, which: str, place: int) -> Running:
        service, shipped = self.pair.services[name], self.pair.shipped[which]
        return self.processes.launch(name, service, shipped, self.names[place], throwaway=True)

    def _settle(self, running: Running, spec: tuple[str, int, bool]) -> Running:
        """Healthy, or twice not."""
        which, place, home = spec
        settled = self.processes.settle(running, home=home)
        if home:
            return expect_sound(settled, self.drill)
        if not settled.unhealthy:
            return settled
        self.processes.stop(settled)
        again = self._launch(running.service, which, place)
        return self.processes.settle(again, home=False)

    def _discover(self, running: Mapping[str, Running]) -> bool:
        """Adds what the services' documents tell of; whether there is, or should be, any document."""
        told = False
        for name, one in running.items():
            found = discovered(one, self.pair.services[name], self.questions)
            self.questions += found or []
            told |= found is not None or self.pair.services[name].openapi is not None
        return told

    def _discover_in_newer(self) -> None:
        """What only the current release's document tells of; asked on its own schema."""
        databases.make(self.templates, self.names[ALONE], self.pair.shipped[CURRENT])
        (alone,) = self._start((CURRENT, ALONE, True))
        self._discover(alone)
        self.processes.stop(*alone.values())

    def _asker(self, running: Mapping[str, Running], place: int) -> Asker:
        return Asker(self.templates.server, self.names[place], running)

    def _write(self, running: Mapping[str, Running], place: int) -> None:
        """Rows of this release."""
        asker = self._asker(running, place)
        for _ in range(ROWS):
            for question in self.questions:
                if question.adds:
                    self._remember(running, question, asker.ask(question, 0))

    def _remember(self, running: Mapping[str, Running], question: Question, heard: Heard) -> None:
        if heard.token:
            written = self.tokens.setdefault(running[question.service].digest, [])
            written.append(as_write(self.drill.system, question, heard.token))

    def _written(self, place: int) -> dict[str, int]:
        """How many rows of each code are in a database, by the code's digest."""
        with connected(self.templates.server, self.names[place], autocommit=False) as conn:
            return {
                digest: found.acknowledged - len(found.lost)
                for digest, writes in self.tokens.items()
                for found in [find_lost_writes(conn, self.drill.system.traffic, writes)]
            }

    def _ask(self, cell: Cell, running: Mapping[str, Running], place: int) -> None:
        written = self._written(place)
        self.heard[cell] = self._asker(running, place).ask_all(self.questions)
        self.runs[cell] = CellRun(
            cell,
            tuple(heard.answer for heard in self.heard[cell]),
            "+".join(sorted({one.digest for one in running.values()})),
            databases.listed(self.templates, self.names[place]),
            written,
        )

    def _compared(self, run: CellRun) -> CellRun:
        """With what has other values than at home; those of reads, for writes make their own."""
        reads = {question.asked.name for question in self.questions if not question.writes}
        home = self.heard[HOMES[run.cell.code]]
        answers = []
        for heard in self.heard.get(run.cell, ()):
            name = heard.answer.endpoint
            same = [one.values for one in home if one.answer.endpoint == name]
            well = heard.answer.status and heard.answer.status < 400 and not run.cell.home
            differs = changed_fields(same, heard.values) if well and same and name in reads else {}
            answers.append(replace(heard.answer, differs=differs))
        return replace(run, answers=tuple(answers))


class KnownMatrix:
    """What a run already knows of a system's matrix: asking again would take as long again."""

    def __init__(self, session: DrillSession, system: System) -> None:
        self.matrix: Matrix | None = None

    def unsteady(self) -> list[str]:
        return []


@dataclass(frozen=True)
class AskMatrix(Act):
    """Runs each release on each schema with rows of each, and asks every endpoint twice.

    Attributes:
        again: even when an earlier scenario of the run has done so.
    """

    name = "compatibility.ask"
    again: bool = True

    def prepare(self, drill: Drill) -> None:
        drill.use(Pair)
        drill.use(_Names)

    def describe(self, drill: Drill) -> JsonObject:
        names = drill.use(Pair).names
        return {"items": [names[PREVIOUS], names[CURRENT]]}

    def undo(self, drill: Drill) -> JsonObject:
        templates = drill.session.use(Templates, drill.system)
        return undo_database(templates.server, *drill.use(_Names).names)

    def run(self, drill: Drill) -> JsonObject:
        known = drill.session.use(KnownMatrix, drill.system)
        if self.again or known.matrix is None:
            known.matrix = Walk(drill, drill.use(_Names).names).walk()
        record(drill, known.matrix)
        return {"count": len(known.matrix.runs)}


class _Names:
    """Names of the walk's databases."""

    def __init__(self, drill: Drill) -> None:
        templates = drill.session.use(Templates, drill.system)
        self.names = [templates.fresh_name("cell") for _ in range(4)]


def record(drill: Drill, matrix: Matrix) -> None:
    """What was asked, cell by cell, and what the act itself makes of it."""
    put = drill.recorder.journal.attachments.put
    endpoints: list[Json] = [asked.to_json() for asked in matrix.endpoints]
    about: dict[str, Json] = {"names": dict(matrix.names), "endpoints": endpoints}
    drill.recorder.note("compatibility.matrix", {"answers": put(about), "count": len(matrix.runs)})
    for run in matrix.runs:
        said = {"label": run.cell.say(matrix.names), "answers": put(run.to_json()), "reason": run.impossible}
        drill.recorder.note("compatibility.cell", said)
    found = named(matrix)
    drill.recorder.note(
        "compatibility.found",
        {"answers": put(list(found)), "count": len(found), "orders": list(safe(matrix))},
    )


def named(matrix: Matrix) -> list[str]:
    """What breaks, one line each."""
    return [one.say(matrix.names) for one in judging.breaks(matrix)]


def safe(matrix: Matrix) -> list[str]:
    """The orders that nothing is in the way of."""
    return judging.safe_orders(matrix)


@observer("releases")
def look_at_releases(drill: Drill) -> None:
    """What the system file declares, read again: the endpoints, and each release's code and migrations."""
    pair = drill.use(Pair)
    asked = [question.asked.name for question in questions_of(drill.system, pair.services)]
    releases: dict[str, Json] = {
        which: {
            "digest": digest_of(folder_of(drill.system, shipped.release)),
            "listed": list(shipped.listed),
        }
        for which, shipped in pair.shipped.items()
    }
    declared: dict[str, Json] = {"releases": releases, "endpoints": list(asked)}
    drill.recorder.note(
        "compatibility.declared", {"answers": drill.recorder.journal.attachments.put(declared)}
    )
