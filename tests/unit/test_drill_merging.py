"""The journals of several workers become one whose order does not depend on who did what when."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollproof.checks.judging import judge_again
from rollproof.checks.kinds import kinds_agree
from rollproof.checks.writes import no_acknowledged_write_lost
from rollproof.drill.drill import record_verdict
from rollproof.drill.healing import outstanding
from rollproof.drill.merging import merge_parts
from rollproof.drill.recovery import JOURNAL, heal_unfinished
from rollproof.errors import JournalError
from rollproof.journal import Event, Journal, Kind, Recorder, read_journal
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.drill_support import WORLD

Stories = Sequence[tuple[str, int]]
"""Scenario ids, and of how many steps each is."""


def part_of(folder: Path, worker: str, *, finished: bool = True) -> Journal:
    journal = Journal(folder / "parts" / worker / JOURNAL, run=folder.name)
    Recorder(journal, "run").note("run.started", {"worker": worker})
    return journal


def end(journal: Journal) -> None:
    Recorder(journal, "run").note("run.finished", {"outcome": "proven", "findings": []})
    journal.close()


def tell(journal: Journal, scenario: str, steps: int) -> None:
    """A whole scenario: acts with undo, a client beside them, a verdict, healing."""
    recorder = Recorder(journal, scenario)
    recorder.note("scenario.started", {"scenario": scenario})
    begun = []
    for step in range(steps):
        begun.append(
            recorder.begin("fake.make", {"item": step, "undo": {"kind": "fake.thing", "thing": "x"}})
        )
        recorder.for_client("clients").note("client.note", {"count": step})
        recorder.close(begun[-1], Kind.OK, {"item": step})
    for event in reversed(begun):
        healing = recorder.begin("heal", {"healed": event.seq})
        recorder.close(healing, Kind.OK, {"healed": event.seq})
    recorder.note("scenario.concluded", {"outcome": "proven"})


def merged(folder: Path, schedule: Sequence[Stories]) -> list[Event]:
    """What becomes of workers that did these scenarios, each in this order."""
    for number, stories in enumerate(schedule):
        journal = part_of(folder, f"gw{number}")
        for scenario, steps in stories:
            tell(journal, scenario, steps)
        end(journal)
    merge_parts(folder)
    return list(read_journal(folder / JOURNAL).events)


def essence(events: Sequence[Event]) -> list[tuple[Json, ...]]:
    """The scenarios' events without times and numbers; what they refer to in words."""
    by_seq = {event.seq: event for event in events}

    def said(event: Event) -> Json:
        refers = {name: by_seq[int(str(event.data[name]))] for name in ("of", "healed") if name in event.data}
        rest = {name: value for name, value in event.data.items() if name not in refers}
        told = {
            name: [one.actor, one.kind.value, one.act, one.data.get("item")] for name, one in refers.items()
        }
        return [rest, told]

    return [(e.actor, e.kind.value, e.act, said(e)) for e in events if "::" in e.actor]


IDS = [
    "features/a.feature::one[sys]",
    "features/a.feature::one[sys2]",
    "features/a.feature::one",
    "features/a.feature::two[row 1/2-sys]",
    "features/a.feature::two[x]/y]",
    "tests/b.py::test_it",
]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_order_does_not_depend_on_who_did_what_when(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1))
    steps = {scenario: data.draw(st.integers(0, 3)) for scenario in chosen}

    def schedule() -> list[Stories]:
        order = data.draw(st.permutations(chosen))
        workers = data.draw(st.integers(1, 3))
        who = [data.draw(st.integers(0, workers - 1)) for _ in order]
        return [
            [(scenario, steps[scenario]) for scenario, at in zip(order, who, strict=True) if at == number]
            for number in range(workers)
        ]

    one = merged(tmp_path_factory.mktemp("one"), schedule())
    other = merged(tmp_path_factory.mktemp("other"), schedule())
    assert essence(one) == essence(other)
    actors = [actor for actor, _ in itertools.groupby(event.actor for event in one if "::" in event.actor)]
    begun = [actor for actor in actors if actor in chosen]
    assert [actor for actor, _ in itertools.groupby(begun)] == sorted(chosen)


def test_runs_begin_first_and_finish_last(tmp_path: Path) -> None:
    events = merged(tmp_path, [[("a::one", 1)], [("a::two", 1)]])
    acts = [event.act for event in events]
    assert acts[:3] == ["parts.merged", "run.started", "run.started"]
    assert acts[-2:] == ["run.finished", "run.finished"]


def test_references_point_at_the_same_events_as_before(tmp_path: Path) -> None:
    events = merged(tmp_path, [[("a::two", 3)], [("a::one", 2)]])
    by_seq = {event.seq: event for event in events}
    for event in events:
        if event.kind in (Kind.OK, Kind.FAIL, Kind.UNKNOWN):
            begun = by_seq[int(str(event.data["of"]))]
            assert (begun.kind, begun.actor, begun.act) == (Kind.BEGIN, event.actor, event.act)
            assert begun.data.get("item") == event.data.get("item")
        if event.act == "heal":
            healed = by_seq[int(str(event.data["healed"]))]
            assert (healed.kind, healed.act, healed.actor) == (Kind.BEGIN, "fake.make", event.actor)
    assert outstanding(events) == []


def test_times_actors_and_data_stay_what_they_were(tmp_path: Path) -> None:
    merged(tmp_path, [[("a::one", 1)]])
    part = read_journal(tmp_path / "parts" / "gw0" / JOURNAL).events
    whole = read_journal(tmp_path / JOURNAL).events[1:]
    as_told = sorted((e.at, e.mono_ns, e.run, e.actor, e.kind, e.act) for e in part)
    assert sorted((e.at, e.mono_ns, e.run, e.actor, e.kind, e.act) for e in whole) == as_told


def test_the_merge_says_where_each_part_ended(tmp_path: Path) -> None:
    first = merged(tmp_path, [[("a::one", 1)], []])[0]
    parts = {name: read_journal(tmp_path / "parts" / name / JOURNAL) for name in ("gw0", "gw1")}
    assert first.data["parts"] == {name: part.events[-1].hash for name, part in parts.items()}


def test_attachments_come_along(tmp_path: Path) -> None:
    for worker in ("gw0", "gw1"):
        journal = part_of(tmp_path, worker)
        names = [journal.attachments.put(value) for value in ("shared", worker)]
        Recorder(journal, f"a::{worker}").note("observe", {"items": list(names)})
        end(journal)
    merge_parts(tmp_path)
    history = read_journal(tmp_path / JOURNAL)
    items = [event.data["items"] for event in history.all("observe")]
    assert [[history.attachment(name) for name in some] for some in items if isinstance(some, list)] == [
        ["shared", "gw0"],
        ["shared", "gw1"],
    ]


def test_a_merged_journal_is_judged_again_as_its_parts_were(tmp_path: Path) -> None:
    for worker, scenario, disagreement in (("gw0", "a::two", ""), ("gw1", "a::one", "it drops a column")):
        journal = part_of(tmp_path, worker)
        recorder = Recorder(journal, scenario)
        recorder.note("scenario.started", {"scenario": scenario})
        said = {"migration": "001", "disagreement": disagreement}
        begun = recorder.begin("history.walk", {})
        recorder.note("migration.kind", said)
        recorder.close(begun, Kind.OK, {"count": 1})
        for check in (kinds_agree, no_acknowledged_write_lost):
            record_verdict(recorder, check, check.judge(recorder.history, {}), {})
        end(journal)
    merge_parts(tmp_path)
    judged = judge_again(read_journal(tmp_path / JOURNAL))
    assert [(one.scenario, one.check, one.recorded) for one in judged] == [
        ("a::one", "kinds-agree", Outcome.REFUTED),
        ("a::one", "no-acknowledged-write-lost", Outcome.UNKNOWN),
        ("a::two", "kinds-agree", Outcome.PROVEN),
        ("a::two", "no-acknowledged-write-lost", Outcome.UNKNOWN),
    ]
    assert all(one.again.outcome is one.recorded for one in judged)


def test_without_parts_there_is_nothing_to_do(tmp_path: Path) -> None:
    merge_parts(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_there_is_left_alone(tmp_path: Path) -> None:
    merged(tmp_path, [[("a::one", 1)]])
    before = (tmp_path / JOURNAL).read_bytes()
    merge_parts(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_an_altered_part_is_refused_and_no_journal_is_made(tmp_path: Path) -> None:
    journal = part_of(tmp_path, "gw0")
    tell(journal, "a::one", 2)
    end(journal)
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"item":1', b'"item":7', 1))
    with pytest.raises(JournalError) as caught:
        merge_parts(tmp_path)
    assert caught.value.where.startswith(f"{journal.path}:")
    assert not (tmp_path / JOURNAL).exists()


def test_a_merge_that_was_killed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """Stands for kill -9 in the middle of merging."""

    def die(self: Journal, event: Event, *, data: object) -> Event:
        if len(self.events) > 3:
            raise Killed
        return append(self, event, data=data)  # type: ignore[arg-type]  # handed on

    append = Journal.append
    reports = tmp_path / "reports"
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", die)
        with pytest.raises(Killed):
            merged(reports / "r1", [[("a::one", 2)], [("a::two", 1)]])
    assert not (reports / "r1" / JOURNAL).exists()
    assert heal_unfinished(reports) == []
    merge_parts(reports / "r1")
    assert read_journal(reports / "r1" / JOURNAL).events[-1].act == "run.finished"


def test_a_worker_that_was_killed_is_healed_from_its_part_after_the_merge(tmp_path: Path) -> None:
    WORLD.clear()
    reports = tmp_path / "reports"
    dead = part_of(reports / "r1", "gw0")
    undo: dict[str, Json] = {"kind": "fake.thing", "thing": "left"}
    Recorder(dead, "a::one").begin("fake.make", {"undo": undo})
    dead.close()
    end(part_of(reports / "r1", "gw1"))
    WORLD.things.add("left")
    merge_parts(reports / "r1")
    assert [one.name for one in heal_unfinished(reports)] == ["r1 (gw0)"]
    assert WORLD.things == set()
    assert heal_unfinished(reports) == []


def test_a_part_with_no_event_at_all_is_merged_as_nothing(tmp_path: Path) -> None:
    Journal(tmp_path / "parts" / "gw0" / JOURNAL, run="r1").close()
    end(part_of(tmp_path, "gw1"))
    merge_parts(tmp_path)
    assert len(read_journal(tmp_path / JOURNAL).events) == 3
