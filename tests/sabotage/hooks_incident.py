"""Saboteurs of deciding, telling those concerned, recording and mending."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollproof.components import followup
from rollproof.components.aws import notifications, releasehistory
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.releases import RollBackRelease
from rollproof.decision import acts
from rollproof.decision.matrix import decide, matrix_of
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed

assert followup


def _patched(drill: Drill, target: object, name: str, value: object) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(target, name, value)
    drill.on_heal(patch.undo)


def _matrix_of(drill: Drill, *, last: bool) -> None:
    """The system's matrix with its last row gone, or its first-fitting rows behind the general ones."""
    matrix = matrix_of(drill.system)
    rows = matrix.decision[:-1] if last else tuple(reversed(matrix.decision))
    update = {"decision": rows, "contact": matrix.contact, "severity": matrix.severity}
    drill.system = drill.system.model_copy(update=update)


def general_rows_first(drill: Drill, act: Act) -> None:
    """Somebody sorted the matrix: rows that fit anything now stand above those that fit a cause."""
    _matrix_of(drill, last=False)


def a_row_is_missing(drill: Drill, act: Act) -> None:
    _matrix_of(drill, last=True)


def decides_by_heart(drill: Drill, act: Act) -> None:
    """Whoever decides does not look at the matrix."""
    _patched(drill, acts, "decide", lambda matrix, answers: replace(decide(matrix, answers), action="hotfix"))


def misjudges(drill: Drill, act: Act) -> None:
    """The incident is taken for one that is only looked into; it is rolled back all the same."""
    real = acts.decide
    _patched(drill, acts, "decide", lambda matrix, answers: real(matrix, replace(answers, symptom="slow")))
    assert isinstance(act, acts.DecideIncident)
    object.__setattr__(act, "answers", replace(act.answers, symptom="slow", cause="unknown"))


def rolls_back_first(drill: Drill, act: Act) -> None:
    """Rolled back before anybody decided."""
    drill.attempt(RollBackRelease())


def wrong_topic(drill: Drill, act: Act) -> None:
    """A topic of the same account that nobody follows."""
    arn = drill.use(Cloud).client("sns").create_topic(Name="somebody-elses")["TopicArn"]
    _patched(drill, notifications.Mail, "topic_arn", lambda mail: arn)


def forgets_an_address(drill: Drill, act: Act) -> None:
    told = drill.system.notifications
    assert told is not None
    fewer = told.model_copy(update={"stakeholders": told.stakeholders[:1]})
    real = notifications._send_mail

    def send(mail: notifications.Mail, subject: str, text: str) -> None:
        whole = mail.drill.system
        mail.drill.system = whole.model_copy(update={"notifications": fewer})
        try:
            real(mail, subject, text)
        finally:
            mail.drill.system = whole

    _patched(drill, notifications, "_send_mail", send)


def empty_message(drill: Drill, act: Act) -> None:
    """Something arrives, and says neither which system nor what is going on."""
    sns = drill.use(Cloud).client("sns")
    real = sns.publish
    _patched(
        drill,
        sns,
        "publish",
        lambda **said: real(**{**said, "Message": said["Message"].split("reference:")[1]}),
    )


def branch_at_the_broken_release(drill: Drill, act: Act) -> None:
    history = drill.use(releasehistory.ReleaseHistory)
    history.repository.git("branch", "--force", history.branch, "main")


def tag_is_deleted(drill: Drill, act: Act) -> None:
    history = drill.use(releasehistory.ReleaseHistory)
    history.repository.git("tag", "--delete", history.branch.replace("/", "-"))


def deploys_something_unmerged(drill: Drill, act: Act) -> None:
    history = drill.use(releasehistory.ReleaseHistory)
    (history.tree / "afterthought.txt").write_text("never reviewed")
    history.repository.commit("straight to main")


def fails(drill: Drill, act: Act) -> None:
    raise AttemptFailed("it did not work")
