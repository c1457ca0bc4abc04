"""How a scenario's verdicts, its healing and its early end become one outcome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.errors import (
    EnvironmentUnavailable,
    RollproofError,
)
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown
from tests.unit.drill_support import (
    FAKE_SYSTEM,
    WORLD,
    FakeAct,
    FakeCrash,
    FakeSteadiness,
    begin_drill,
    fake_check,
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


class TestConcluding:
    @pytest.mark.parametrize(
        ("verdicts", "outcome"),
        [
            ([], Outcome.UNKNOWN),
            ([proven("a"), proven("b")], Outcome.PROVEN),
            ([proven("a"), unknown("b")], Outcome.UNKNOWN),
            ([unknown("a"), refuted("b"), proven("c")], Outcome.REFUTED),
        ],
    )
    def test_the_worst_verdict_is_the_outcome(
        self, drill: Drill, verdicts: list[Verdict], outcome: Outcome
    ) -> None:
        for verdict in verdicts:
            drill.verify(fake_check(verdict))
        assert drill.conclude()[0] is outcome
        (event,) = drill.history.all("scenario.concluded")
        assert event.data["outcome"] == outcome.value

    def test_a_scenario_without_a_verdict_says_so(self, drill: Drill) -> None:
        drill.attempt(FakeAct())
        assert drill.conclude() == (Outcome.UNKNOWN, "no Then gave a verdict")

    def test_twice_is_recorded_and_healed_once(self, drill: Drill) -> None:
        drill.attempt(FakeAct())
        drill.verify(fake_check(proven("a")))
        first = drill.conclude()
        drill.verify(fake_check(refuted("too late")))
        assert drill.conclude() == first
        assert len(drill.history.all("scenario.concluded")) == 1
        assert WORLD.removed == ["thing"]

    @pytest.mark.parametrize("skipped", [Outcome.NOT_APPLICABLE, Outcome.NOT_PROVEN_HERE])
    def test_a_skipped_scenario_keeps_its_outcome_and_reason(self, drill: Drill, skipped: Outcome) -> None:
        assert drill.conclude(skipped=skipped, reason="no script") == (skipped, "no script")

    def test_a_skip_hides_no_bad_verdict(self, session: DrillSession) -> None:
        for verdict, expected in (
            (proven("a"), Outcome.NOT_APPLICABLE),
            (unknown("b"), Outcome.UNKNOWN),
            (refuted("c"), Outcome.REFUTED),
        ):
            drill = begin_drill(session)
            drill.verify(fake_check(verdict))
            assert drill.conclude(skipped=Outcome.NOT_APPLICABLE, reason="x")[0] is expected

    def test_a_scenario_that_ended_early_is_unknown_however_good_its_verdicts_were(
        self, drill: Drill
    ) -> None:
        drill.verify(fake_check(proven("a")))
        drill.failure = "the scenario was ended by KeyError"
        assert drill.conclude() == (Outcome.UNKNOWN, "the scenario was ended by KeyError")

    def test_a_scenario_that_ended_early_stays_refuted(self, drill: Drill) -> None:
        drill.verify(fake_check(refuted("rows are gone")))
        drill.failure = "the scenario was ended by KeyError"
        assert drill.conclude() == (Outcome.REFUTED, "rows are gone")

    def test_what_is_not_healed_is_unknown_and_named(self, drill: Drill) -> None:
        drill.attempt(FakeAct(undo_kind="fake.of-another-version"))
        drill.verify(fake_check(proven("a")))
        outcome, why = drill.conclude()
        assert outcome is Outcome.UNKNOWN
        assert why.startswith("not healed: ")
        assert "fake.of-another-version" in why

    def test_what_is_not_healed_hides_no_refuted_claim_and_is_told_beside_it(self, drill: Drill) -> None:
        drill.attempt(FakeAct("stuck"))
        WORLD.stuck["stuck"] = RollproofError("the server does not answer")
        drill.verify(fake_check(refuted("rows are gone")))
        outcome, why = drill.conclude()
        assert outcome is Outcome.REFUTED
        assert "rows are gone" in why
        assert "not healed" in why
        assert "the server does not answer" in why

    def test_what_is_not_healed_makes_a_skip_unknown(self, drill: Drill) -> None:
        drill.attempt(FakeAct("stuck"))
        WORLD.stuck["stuck"] = RollproofError("x")
        assert drill.conclude(skipped=Outcome.NOT_APPLICABLE, reason="y")[0] is Outcome.UNKNOWN

    def test_an_environment_that_is_not_what_it_was_is_unknown(self, session: DrillSession) -> None:
        steadiness = session.use(FakeSteadiness, FAKE_SYSTEM)
        steadiness.findings = ["database x was left behind"]
        drill = begin_drill(session)
        drill.verify(fake_check(proven("a")))
        assert drill.conclude() == (Outcome.UNKNOWN, "not healed: database x was left behind")

    @pytest.mark.parametrize("error", [EnvironmentUnavailable("the server is gone"), FakeCrash()])
    def test_an_environment_that_cannot_be_looked_at_is_unknown(
        self, session: DrillSession, error: Exception
    ) -> None:
        session.use(FakeSteadiness, FAKE_SYSTEM).error = error
        drill = begin_drill(session)
        drill.verify(fake_check(proven("a")))
        outcome, why = drill.conclude()
        assert outcome is Outcome.UNKNOWN
        assert "could not be seen" in why
        assert len(drill.history.all("scenario.concluded")) == 1
