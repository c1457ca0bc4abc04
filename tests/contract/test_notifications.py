"""Telling those concerned, on a real emulator: what arrives is what counts, not that a call succeeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import rollproof.components.healers  # noqa: F401  they register themselves
from rollproof.checks.notified import stakeholders_notified
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.notifications import Listen, Notify
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import NotApplicable, PreconditionNotMet
from rollproof.model.json import JsonObject
from rollproof.model.system import System
from rollproof.model.verdict import Outcome

TOLD = {
    "topic": "rollbacks-{env}",
    "sender": "drill@example.org",
    "stakeholders": ["one@example.org", "two@example.org"],
}


class Step(Act):
    """An act that does nothing, under the name of one that would."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, drill: Drill) -> JsonObject:
        return {}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


def system(**told: object) -> System:
    data: dict[str, object] = {"system": {"name": "shop"}, "notifications": told or TOLD}
    return System.model_validate(data)


@pytest.fixture
def make(session: DrillSession) -> Callable[..., Drill]:
    def made(topic: str = "rollbacks-embedded", **told: object) -> Drill:
        drill = session.drill(f"a.feature::{len(session.journal.events)}", system(**told), about={})
        if topic:
            drill.use(Cloud).client("sns").create_topic(Name=topic)
        return drill

    return made


def tell(drill: Drill, *steps: str) -> None:
    """`before`, `after`… are told; other words are acts of that name."""
    drill.require(Listen())
    for step in steps:
        drill.attempt(Notify(step, f"word {step}") if step in ("before", "during", "after") else Step(step))


WHOLE = ("before", "function.roll_back", "during", "service.verify", "after")


def test_told_first_and_last_is_proven_by_what_arrived(make: Callable[..., Drill]) -> None:
    drill = make()
    tell(drill, *WHOLE)
    verdict = drill.verify(stakeholders_notified)
    assert verdict.outcome is Outcome.PROVEN, verdict
    assert verdict.numbers["addresses"] == 2


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("function.roll_back", "service.verify", "after"), "nobody was told before"),
        (("function.roll_back", "before", "service.verify", "after"), "only when the rollback had begun"),
        (("before", "function.roll_back", "after", "service.verify"), "before the service had been verified"),
        (("before", "function.roll_back", "after"), "nobody had verified the service"),
        (("before", "function.roll_back", "service.verify"), "nobody was told after"),
    ],
)
def test_told_at_the_wrong_moment_is_refuted(
    make: Callable[..., Drill], steps: tuple[str, ...], said: str
) -> None:
    drill = make()
    tell(drill, *steps)
    verdict = drill.verify(stakeholders_notified)
    assert verdict.outcome is Outcome.REFUTED
    assert said in verdict.reason


def test_a_topic_that_nobody_listens_to_any_more_is_refuted(make: Callable[..., Drill]) -> None:
    drill = make()
    drill.require(Listen())
    sns = drill.use(Cloud).client("sns")
    for one in sns.list_subscriptions()["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    for step in WHOLE:
        drill.attempt(Notify(step, f"word {step}") if "." not in step else Step(step))
    verdict = drill.verify(stakeholders_notified)
    assert verdict.outcome is Outcome.REFUTED
    assert "did not arrive at the topic" in verdict.reason


def test_no_address_and_no_text_enters_the_journal(make: Callable[..., Drill], session: DrillSession) -> None:
    drill = make()
    tell(drill, *WHOLE)
    drill.verify(stakeholders_notified)
    texts = [path.read_text(errors="replace") for path in session.folder.rglob("*") if path.is_file()]
    assert not any("one@example.org" in text for text in texts)


def test_a_topic_that_does_not_exist_is_named(make: Callable[..., Drill]) -> None:
    with pytest.raises(PreconditionNotMet, match="there is no SNS topic rollbacks-embedded"):
        make(topic="").require(Listen())


def test_a_system_that_tells_nobody_is_not_asked(make: Callable[..., Drill]) -> None:
    with pytest.raises(NotApplicable, match="declares no notifications"):
        make(stakeholders=["one@example.org"]).require(Listen())
