"""Given requires and When attempts: what each records, raises and lets through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.errors import (
    AttemptFailed,
    BadInput,
    EnvironmentUnavailable,
    MigrationError,
    NotApplicable,
    NotProvenHere,
    PreconditionNotMet,
    RollproofError,
)
from rollproof.journal import Kind, read_journal
from rollproof.model.json import JsonObject
from tests.unit.drill_support import (
    FAILED,
    LOST,
    WORLD,
    FakeAct,
    FakeCrash,
    begin_drill,
    kinds_of,
    session_in,
)


@pytest.fixture(autouse=True)
def _fresh_world() -> None:
    WORLD.clear()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DrillSession]:
    with session_in(tmp_path / "run") as session:
        yield session


@pytest.fixture
def drill(session: DrillSession) -> Drill:
    return begin_drill(session)


class TestGiven:
    def test_returns_what_the_act_says_and_records_begin_and_ok(self, drill: Drill) -> None:
        assert drill.require(FakeAct(result={"rows": 3})) == {"rows": 3}
        begun, ended = drill.history.all("fake.make")
        assert (begun.kind, begun.data["item"]) == (Kind.BEGIN, "thing")
        assert (ended.kind, ended.data) == (Kind.OK, {"of": begun.seq, "rows": 3})

    def test_that_fails_raises_precondition_not_met_with_everything_that_was_said(self, drill: Drill) -> None:
        with pytest.raises(PreconditionNotMet) as caught:
            drill.require(FakeAct(error=FAILED))
        error = caught.value
        assert (error.found, error.doing, error.where, error.remedy, error.facts) == (
            FAILED.found,
            FAILED.doing,
            FAILED.where,
            FAILED.remedy,
            FAILED.facts,
        )
        assert kinds_of(drill, "fake.make") == [Kind.BEGIN, Kind.FAIL]

    def test_that_nobody_can_tell_of_raises_as_well_and_is_recorded_as_unknown(self, drill: Drill) -> None:
        with pytest.raises(PreconditionNotMet):
            drill.require(FakeAct(error=LOST))
        assert kinds_of(drill, "fake.make") == [Kind.BEGIN, Kind.UNKNOWN]

    @pytest.mark.parametrize("error", [BadInput("x"), EnvironmentUnavailable("x"), NotApplicable("x")])
    def test_lets_every_other_error_through(self, drill: Drill, error: RollproofError) -> None:
        with pytest.raises(type(error)) as caught:
            drill.require(FakeAct(error=error))
        assert caught.value is error


class TestWhen:
    def test_that_succeeds_is_true(self, drill: Drill) -> None:
        assert drill.attempt(FakeAct()) is True
        assert kinds_of(drill, "fake.make") == [Kind.BEGIN, Kind.OK]

    def test_that_fails_is_an_event_and_false(self, drill: Drill) -> None:
        assert drill.attempt(FakeAct(error=FAILED)) is False
        ended = drill.history.all("fake.make")[-1]
        assert ended.kind is Kind.FAIL
        assert ended.data["found"] == FAILED.found
        assert ended.data["where"] == FAILED.where
        assert ended.data["facts"] == FAILED.facts

    def test_that_nobody_can_tell_of_is_unknown_never_failed(self, drill: Drill) -> None:
        assert drill.attempt(FakeAct(error=LOST)) is False
        assert kinds_of(drill, "fake.make") == [Kind.BEGIN, Kind.UNKNOWN]

    @pytest.mark.parametrize(
        "error",
        [
            BadInput("the script is no SQL"),
            MigrationError("the script is no SQL"),
            EnvironmentUnavailable("no server"),
            PreconditionNotMet("the fault did not take hold"),
            NotApplicable("no script"),
            NotProvenHere("faked"),
        ],
    )
    def test_that_could_not_even_be_tried_propagates_and_is_on_record(
        self, drill: Drill, error: RollproofError
    ) -> None:
        with pytest.raises(type(error)):
            drill.attempt(FakeAct(error=error))
        assert kinds_of(drill, "fake.make") == [Kind.BEGIN, Kind.FAIL]

    @pytest.mark.parametrize("error", [BadInput("x"), AttemptFailed("x"), NotApplicable("x")])
    def test_whose_preparation_fails_never_began(self, drill: Drill, error: RollproofError) -> None:
        if isinstance(error, AttemptFailed):
            assert drill.attempt(FakeAct(prepared=error)) is False
        else:
            with pytest.raises(type(error)):
                drill.attempt(FakeAct(prepared=error))
        assert drill.history.all("fake.make") == []
        assert WORLD.things == set()

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), FakeCrash()])
    def test_that_is_interrupted_is_unknown_and_the_interrupt_goes_on(
        self, drill: Drill, error: BaseException
    ) -> None:
        with pytest.raises(type(error)):
            drill.attempt(FakeAct(error=error))
        ended = drill.history.all("fake.make")[-1]
        assert ended.kind is Kind.UNKNOWN
        assert ended.data["found"] == f"interrupted by {type(error).__name__}"

    def test_is_on_disk_with_its_undo_before_anything_is_done(self, drill: Drill) -> None:
        path = drill.recorder.journal.path
        seen: list[JsonObject] = []

        def look(drill: Drill) -> None:
            assert "begun" in WORLD.things
            seen.extend(read_journal(path).events[-1].data for _ in "x")

        drill.attempt(FakeAct(thing="begun", during=look))
        assert seen == [{"item": "begun", "undo": {"kind": "fake.thing", "thing": "begun"}}]

    def test_an_act_without_a_run_says_whose_it_is(self, drill: Drill) -> None:
        class Hollow(Act):
            name = "fake.hollow"

        with pytest.raises(NotImplementedError, match="Hollow has no run"):
            drill.attempt(Hollow())


class TestInterventions:
    def test_step_in_around_every_act_the_first_one_innermost(self, session: DrillSession) -> None:
        order: list[str] = []

        class Around:
            def __init__(self, name: str) -> None:
                self.name = name

            def around(self, drill: Drill, act: Act, run: Callable[[], JsonObject]) -> JsonObject:
                order.append(f"{self.name} before")
                result = run()
                order.append(f"{self.name} after")
                return {**result, "count": 7}

        drill = begin_drill(session, interventions=[Around("inner"), Around("outer")])
        assert drill.require(FakeAct(during=lambda drill: order.append("act"))) == {"count": 7}
        assert order == ["outer before", "inner before", "act", "inner after", "outer after"]


class TestParts:
    def test_a_scenario_has_one_of_each_kind_and_another_scenario_its_own(
        self, session: DrillSession
    ) -> None:
        class FakePart:
            def __init__(self, drill: Drill) -> None:
                self.drill = drill

        one, two = begin_drill(session), begin_drill(session)
        assert one.use(FakePart) is one.use(FakePart)
        assert one.use(FakePart).drill is one
        assert two.use(FakePart) is not one.use(FakePart)
