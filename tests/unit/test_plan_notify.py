"""Who is told of a drill, by real servers on this machine: what arrives, and that no secret is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fleet_support import run_of
from plan_support import plan_of
from receivers import certificate, http_receiver, mail_receiver

from rollproof.errors import BadInput
from rollproof.evidence import summarise
from rollproof.journal import read_journal
from rollproof.model.plan import Notify, Plan
from rollproof.plans.message import Message, of_missed, of_run
from rollproof.plans.notify import recipients, tell

TOKEN = "T0K3N-in-the-path"  # noqa: S105  # of nothing


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return plan_of(tmp_path)


@pytest.fixture
def refuted(plan: Plan, tmp_path: Path) -> Message:
    run = run_of(tmp_path, "20261122T050000Z-00000a", ["shop"], outcome="refuted")
    return of_run(plan, summarise(read_journal(run / "journal.ndjson")))


def told(plan: Plan, message: Message, environ: dict[str, str], *whom: dict[str, object]) -> list[str]:
    all_of_them = tuple(Notify.model_validate({"who": "the team", **one}) for one in whom)
    return tell(recipients(plan.model_copy(update={"notify": all_of_them}), environ), message)


def test_slack_gets_the_verdict_and_no_text_can_mention_anyone(plan: Plan, refuted: Message) -> None:
    with http_receiver() as slack:
        message = Message(
            refuted.occasion, refuted.subject, (*refuted.lines, "<!channel> & co"), refuted.facts
        )
        hook = {"channel": "slack", "url_env": "HOOK"}
        assert told(plan, message, {"HOOK": f"{slack.url}/services/{TOKEN}"}, hook) == []
    [body] = [json.loads(body) for body in slack.bodies]
    assert body["text"].startswith("*Rollproof drill weekly: refuted*\n")
    assert "run: 20261122T050000Z-00000a" in body["text"]
    assert "&lt;!channel&gt; &amp; co" in body["text"]


def test_teams_gets_an_adaptive_card(plan: Plan, refuted: Message) -> None:
    with http_receiver() as teams:
        assert told(plan, refuted, {"HOOK": teams.url}, {"channel": "teams", "url_env": "HOOK"}) == []
    [attachment] = json.loads(teams.bodies[0])["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    blocks = attachment["content"]["body"]
    assert blocks[0]["text"] == "Rollproof drill weekly: refuted"
    assert {"title": "environment", "value": "embedded"} in blocks[-1]["facts"]


def mail(server: str, **more: object) -> dict[str, object]:
    whom = {"sender": "drills@example.org", "to": ["a@example.org"]}
    return {"channel": "email", "server": server, **whom, **more}


SIGNING_IN = {"user_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"}


def test_mail_arrives(plan: Plan, refuted: Message) -> None:
    with mail_receiver() as (server, letters):
        assert told(plan, refuted, {}, mail(server, tls="none")) == []
    assert "Subject: Rollproof drill weekly: refuted" in letters[0]
    assert "To: a@example.org" in letters[0]


def test_a_password_goes_over_tls_to_a_server_that_is_trusted(
    plan: Plan, refuted: Message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = certificate(tmp_path)
    environ = {"MAIL_USER": "u", "MAIL_PASSWORD": TOKEN}
    with mail_receiver(TOKEN, context) as (server, letters):
        [stranger] = told(plan, refuted, environ, mail(server, **SIGNING_IN))
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        assert told(plan, refuted, environ, mail(server, **SIGNING_IN)) == []
        [refused] = told(plan, refuted, {**environ, "MAIL_PASSWORD": "wrong"}, mail(server, **SIGNING_IN))
    assert len(letters) == 1
    assert stranger.endswith("the mail server refused (SSLCertVerificationError)")
    assert refused.endswith("the mail server refused (SMTPAuthenticationError 535)")


def test_what_cannot_be_delivered_is_said_without_its_address(plan: Plan, refuted: Message) -> None:
    with http_receiver() as slack, mail_receiver() as (server, letters):
        slack.status = 403
        failures = told(
            plan,
            refuted,
            {"HOOK": f"{slack.url}/{TOKEN}", "DOWN": f"http://127.0.0.1:9/{TOKEN}"},
            {"channel": "slack", "url_env": "HOOK"},
            {"channel": "teams", "url_env": "DOWN"},
            mail(server),
        )
    assert failures == [
        "the team was not told by slack: the webhook answered 403",
        "the team was not told by teams: the webhook cannot be reached (ConnectError)",
        "the team was not told by email: the mail server refused (SMTPNotSupportedError)",
    ]
    assert letters == []


def test_only_those_are_told_who_asked_for_it(plan: Plan, refuted: Message) -> None:
    with http_receiver() as slack:
        hook = {"channel": "slack", "url_env": "HOOK"}
        environ = {"HOOK": slack.url}
        assert (
            told(plan, refuted, environ, {**hook, "on": ["proven"]}, {**hook, "on": ["refuted", "missed"]})
            == []
        )
        missed = of_missed(plan, datetime(2026, 11, 22, 3, tzinfo=UTC), "the machine was off")
        assert told(plan, missed, environ, {**hook, "on": ["refuted"]}, {**hook, "on": ["missed"]}) == []
    assert len(slack.bodies) == 2
    assert "The drill did not begin: the machine was off" in slack.bodies[1].decode()


@pytest.mark.parametrize(
    ("environ", "said"),
    [({}, "this variable is not set"), ({"HOOK": " "}, "this variable is not set"),
     ({"HOOK": f"http://hooks.example/{TOKEN}"}, "does not hold the https address"),
     ({"HOOK": TOKEN}, "does not hold the https address")],
)  # fmt: skip
def test_a_variable_that_is_no_use_is_named_before_anything_is_drilled(
    plan: Plan, environ: dict[str, str], said: str
) -> None:
    whom = Notify(who="the team", channel="slack", url_env="HOOK")
    with pytest.raises(BadInput) as error:
        recipients(plan.model_copy(update={"notify": (whom,)}), environ)
    assert said in str(error.value)
    assert error.value.where == "HOOK"
    assert TOKEN not in str(error.value)
