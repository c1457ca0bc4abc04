"""Whatever acts did is undone in reverse order, also after failures and interrupts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.drill.drill import Drill
from rollproof.drill.healing import healer, outstanding
from rollproof.drill.session import DrillSession
from rollproof.errors import (
    AttemptFailed,
    BadInput,
    RollproofError,
)
from rollproof.journal import Kind, read_journal
from tests.unit.drill_support import (
    FAILED,
    LOST,
    WORLD,
    FakeAct,
    FakeCrash,
    begin_drill,
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


class TestHealing:
    def test_undoes_in_reverse_order(self, drill: Drill) -> None:
        for thing in "abc":
            drill.attempt(FakeAct(thing))
        assert drill.heal() == []
        assert WORLD.removed == ["c", "b", "a"]
        assert WORLD.things == set()

    def test_undoes_what_failed_or_was_interrupted_as_well(self, drill: Drill) -> None:
        drill.attempt(FakeAct("failed", error=FAILED))
        drill.attempt(FakeAct("lost", error=LOST))
        with pytest.raises(KeyboardInterrupt):
            drill.attempt(FakeAct("interrupted", error=KeyboardInterrupt()))
        assert drill.heal() == []
        assert WORLD.things == set()

    @pytest.mark.parametrize(
        "error",
        [RollproofError("the server does not answer"), FakeCrash("secret"), KeyError("x"), OSError(5, "I/O")],
    )
    def test_goes_on_after_a_failure_whatever_it_is_and_tells_it(
        self, drill: Drill, error: Exception
    ) -> None:
        for thing in "abc":
            drill.attempt(FakeAct(thing))
        WORLD.stuck["b"] = error
        (failure,) = drill.heal()
        assert WORLD.removed == ["c", "b", "a"]
        assert WORLD.things == {"b"}
        assert failure.startswith("fake.make (event ")
        assert "secret" not in failure
        WORLD.stuck.clear()
        assert drill.heal() == []
        assert WORLD.removed == ["c", "b", "a", "b"]

    def test_does_nothing_twice(self, drill: Drill) -> None:
        drill.attempt(FakeAct())
        drill.heal()
        drill.heal()
        assert WORLD.removed == ["thing"]

    def test_is_on_record_with_what_it_found(self, drill: Drill) -> None:
        drill.attempt(FakeAct())
        drill.heal()
        begun, ended = drill.history.all("heal")
        assert ended.data == {"of": begun.seq, "healed": begun.data["healed"], "found": "thing removed"}

    def test_an_act_without_undo_data_is_not_undone(self, drill: Drill) -> None:
        drill.attempt(FakeAct(undo_kind=""))
        assert outstanding(drill.history.events) == []

    def test_what_nobody_knows_how_to_undo_is_named(self, drill: Drill) -> None:
        drill.attempt(FakeAct("known"))
        drill.attempt(FakeAct(undo_kind="fake.of-another-version"))
        (failure,) = drill.heal()
        assert "fake.of-another-version" in failure
        assert "known" in WORLD.removed

    def test_closers_run_newest_first_before_anything_is_undone_and_only_once(self, drill: Drill) -> None:
        drill.attempt(FakeAct())
        for name in "ab":
            drill.on_heal(lambda name=name: WORLD.removed.append(f"closer {name}"))  # type: ignore[misc]  # bound early
        drill.heal()
        drill.heal()
        assert WORLD.removed == ["closer b", "closer a", "thing"]

    @pytest.mark.parametrize("error", [AttemptFailed("it would not stop"), FakeCrash(), OSError(5, "I/O")])
    def test_a_closer_that_fails_keeps_nothing_from_being_undone(
        self, drill: Drill, error: Exception
    ) -> None:
        drill.attempt(FakeAct())
        drill.on_heal(lambda: WORLD.removed.append("the other closer"))

        def fail() -> None:
            raise error

        drill.on_heal(fail)
        assert len(drill.heal()) == 1
        assert WORLD.removed == ["the other closer", "thing"]

    def test_two_healers_for_one_kind_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"two healers for fake\.thing"):
            healer("fake.thing")(lambda undo: "")

    def test_the_end_of_a_run_undoes_what_no_scenario_did(self, tmp_path: Path) -> None:
        with session_in(tmp_path / "run") as session:
            begin_drill(session).attempt(FakeAct())
        assert WORLD.things == set()
        assert read_journal(tmp_path / "run" / "journal.ndjson").events[-1].act == "run.finished"

    def test_only_the_scenarios_own_acts_are_undone_with_it(self, session: DrillSession) -> None:
        one, two = begin_drill(session, "a::one[fake]"), begin_drill(session, "a::two[fake]")
        one.attempt(FakeAct("one"))
        two.attempt(FakeAct("two"))
        one.heal()
        assert WORLD.things == {"two"}


_ENDINGS: dict[str, BaseException | None] = {
    "ok": None,
    "failed": FAILED,
    "lost": LOST,
    "bad input": BadInput("x"),
    "interrupted": KeyboardInterrupt(),
    "crashed": FakeCrash(),
}


@given(endings=st.lists(st.sampled_from(sorted(_ENDINGS)), max_size=8))
def test_whatever_acts_were_tried_and_however_they_ended_all_is_undone_in_reverse_order(
    tmp_path_factory: pytest.TempPathFactory, endings: list[str]
) -> None:
    WORLD.clear()
    with session_in(tmp_path_factory.mktemp("run")) as session:
        drill = begin_drill(session)
        for number, ending in enumerate(endings):
            with suppress(BadInput, KeyboardInterrupt, FakeCrash):
                drill.attempt(FakeAct(f"{number}", error=_ENDINGS[ending]))
        assert drill.heal() == []
        assert WORLD.things == set()
        assert WORLD.removed == [f"{number}" for number in reversed(range(len(endings)))]
        assert outstanding(drill.history.events) == []
        begins = [e.seq for e in drill.history.events if e.kind is Kind.BEGIN]
        closed = [e.data["of"] for e in drill.history.events if "of" in e.data]
        assert sorted(begins) == sorted(closed)  # type: ignore[type-var]  # numbers
