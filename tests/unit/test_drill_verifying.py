"""Then verifies: whatever goes wrong in judging or observing, the verdict says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollproof.drill.drill import Drill, observer
from rollproof.drill.session import DrillSession
from rollproof.errors import (
    AttemptFailed,
    BadInput,
    EnvironmentUnavailable,
    JournalError,
    NotProvenHere,
    PreconditionNotMet,
    RollproofError,
)
from rollproof.journal import Kind
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown
from tests.unit.drill_support import (
    FAILED,
    LOST,
    WORLD,
    FakeAct,
    FakeCrash,
    begin_drill,
    fake_check,
    kinds_of,
    session_in,
)

observations: list[str] = []
"""what the fake observers were asked for"""


@observer("fake.world")
def _observe(drill: Drill) -> None:
    observations.append("fake.world")
    drill.recorder.note("observe", {"label": "fake", "count": len(WORLD.things)})


@observer("fake.two")
def _observe_two(drill: Drill) -> None:
    drill.look("fake.world")
    observations.append("fake.two")


TROUBLE: dict[str, Exception] = {}


@observer("fake.trouble")
def _observe_trouble(drill: Drill) -> None:
    if "error" in TROUBLE:
        raise TROUBLE["error"]


@pytest.fixture(autouse=True)
def _fresh_world() -> None:
    WORLD.clear()
    observations.clear()
    TROUBLE.clear()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DrillSession]:
    with session_in(tmp_path / "run") as session:
        yield session


@pytest.fixture
def drill(session: DrillSession) -> Drill:
    return begin_drill(session)


class TestThen:
    @pytest.mark.parametrize(
        ("verdict", "kind"),
        [(proven("so it is"), Kind.OK), (refuted("it is not", "a"), Kind.FAIL), (unknown("?"), Kind.UNKNOWN)],
    )
    def test_records_its_verdict_and_never_raises(self, drill: Drill, verdict: Verdict, kind: Kind) -> None:
        assert drill.verify(fake_check(verdict), ledger="a.b") == verdict
        (event,) = drill.history.all("verify")
        assert event.kind is kind
        assert event.data["check"] == "fake-check"
        assert event.data["params"] == {"ledger": "a.b"}
        assert Verdict.from_json(event.data) == verdict

    @pytest.mark.parametrize(
        "error", [FakeCrash(), ZeroDivisionError(), AssertionError(), KeyError("x"), FAILED]
    )
    def test_whose_check_crashes_is_unknown(self, drill: Drill, error: Exception) -> None:
        def crash(history: object) -> Verdict:
            raise error

        assert drill.verify(fake_check(crash)).outcome is Outcome.UNKNOWN
        assert kinds_of(drill, "verify") == [Kind.UNKNOWN]

    @pytest.mark.parametrize("answer", [None, True, "proven", Outcome.PROVEN])
    def test_whose_check_answers_with_no_verdict_is_unknown(self, drill: Drill, answer: object) -> None:
        assert drill.verify(fake_check(lambda history: answer)).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize("outcome", [Outcome.NOT_APPLICABLE, Outcome.NOT_PROVEN_HERE, "proven-ish"])
    def test_whose_check_answers_with_another_outcome_is_unknown(
        self, drill: Drill, outcome: Outcome
    ) -> None:
        assert drill.verify(fake_check(Verdict(outcome, "?"))).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        "error",
        [
            AttemptFailed("a lock was held"),
            EnvironmentUnavailable("the server is gone"),
            PreconditionNotMet("nothing was staged"),
            JournalError("an attachment is missing"),
            BadInput("x"),
            FakeCrash(),
            KeyError("x"),
        ],
    )
    def test_whose_observation_fails_is_unknown_with_the_reason(self, drill: Drill, error: Exception) -> None:
        TROUBLE["error"] = error
        verdict = drill.verify(fake_check(proven("by luck"), sees=("fake.trouble",)))
        assert verdict.outcome is Outcome.UNKNOWN
        told = error.found if isinstance(error, RollproofError) else type(error).__name__
        assert told in verdict.reason
        assert drill.history.all("verify")[0].data["status"] == "unseen"

    def test_for_which_nobody_offers_the_observation_is_unknown(self, drill: Drill) -> None:
        verdict = drill.verify(fake_check(proven("by luck"), sees=("fake.nobody",)))
        assert verdict.outcome is Outcome.UNKNOWN

    def test_that_cannot_be_proven_here_says_so(self, drill: Drill) -> None:
        TROUBLE["error"] = NotProvenHere("the emulator fakes it")
        with pytest.raises(NotProvenHere):
            drill.verify(fake_check(proven("by luck"), sees=("fake.trouble",)))
        assert drill.verdicts == []

    def test_is_not_stopped_from_ending_by_an_interrupt(self, drill: Drill) -> None:
        def interrupt(history: object) -> Verdict:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            drill.verify(fake_check(interrupt))

    def test_sees_what_was_observed_for_it(self, drill: Drill) -> None:
        drill.attempt(FakeAct())
        check = fake_check(
            lambda history: proven(f"{[e.data['count'] for e in history.all('observe')]}"),
            sees=("fake.world",),
        )
        assert drill.verify(check).reason == "[1]"


class TestLooking:
    def test_once_is_enough_while_nothing_was_done(self, drill: Drill) -> None:
        drill.attempt(FakeAct())
        for _ in range(3):
            drill.verify(fake_check(proven("ok"), sees=("fake.world",)))
        assert observations == ["fake.world"]

    @pytest.mark.parametrize("error", [None, FAILED, LOST])
    def test_again_after_another_act_however_it_ended(
        self, drill: Drill, error: AttemptFailed | None
    ) -> None:
        drill.look("fake.world")
        drill.attempt(FakeAct(error=error))
        drill.look("fake.world")
        drill.look("fake.world")
        assert observations == ["fake.world"] * 2

    def test_again_after_an_interrupted_act(self, drill: Drill) -> None:
        drill.look("fake.world")
        with pytest.raises(KeyboardInterrupt):
            drill.attempt(FakeAct(error=KeyboardInterrupt()))
        drill.look("fake.world")
        assert observations == ["fake.world"] * 2

    def test_an_observation_shares_what_another_has_seen(self, drill: Drill) -> None:
        drill.verify(fake_check(proven("ok"), sees=("fake.world", "fake.two")))
        assert observations == ["fake.world", "fake.two"]

    def test_a_failed_one_is_made_again(self, drill: Drill) -> None:
        TROUBLE["error"] = AttemptFailed("not now")
        check = fake_check(proven("ok"), sees=("fake.trouble",))
        assert drill.verify(check).outcome is Outcome.UNKNOWN
        TROUBLE.clear()
        assert drill.verify(check).outcome is Outcome.PROVEN
