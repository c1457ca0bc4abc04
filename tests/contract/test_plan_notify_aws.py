"""Notices by SNS and SES, on a real emulator: what arrives is what counts."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import httpx
import pytest

from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.journal import Journal, Recorder
from rollproof.model.plan import Notify, Plan, PlanBody
from rollproof.model.system import System
from rollproof.plans.message import Message
from rollproof.plans.notify import recipients, tell

MESSAGE = Message("refuted", "Rollproof drill weekly: refuted", ("1 refuted",), (("run", "r"),))
REGION = "us-east-1"


def test_sns_and_ses_deliver_and_a_refusal_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ACCESS_KEY_ID": "123456789012",
        "SECRET_ACCESS_KEY": "x",
        "DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    system = System.model_validate({"system": {"name": "tests"}})
    with (
        Journal(tmp_path / "journal.ndjson", run="tests") as journal,
        EmbeddedEnvironment().open(system, Recorder(journal, "run")) as opened,
    ):
        url = str(opened.aws(account="123456789012").url)
        sns, sqs = (boto3.client(name, endpoint_url=url, region_name=REGION) for name in ("sns", "sqs"))
        topic = sns.create_topic(Name="drills")["TopicArn"]
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        mail = boto3.client("sesv2", endpoint_url=url, region_name=REGION)
        mail.create_email_identity(EmailIdentity="drills@example.org")
        whom = (
            Notify(who="a", channel="sns", topic=topic, endpoint=url),
            Notify(who="b", channel="ses", sender="drills@example.org", to=("t@example.org",), endpoint=url),
            Notify(who="c", channel="sns", topic=topic.replace("drills", "gone"), endpoint=url),
            Notify(who="d", channel="sns", topic=topic, endpoint="http://127.0.0.1:9"),
        )
        plan = Plan(plan=PlanBody(name="weekly", systems=("s",), features=("f",)), notify=whom)
        failures = tell(recipients(plan, {}), MESSAGE)
        [heard] = sqs.receive_message(QueueUrl=queue)["Messages"]
        sent = httpx.get(f"{url}/_ministack/ses/messages", params={"account": "123456789012"}).json()
    assert json.loads(heard["Body"])["Subject"] == MESSAGE.subject
    assert json.loads(heard["Body"])["Message"] == MESSAGE.text
    assert MESSAGE.subject in json.dumps(sent)
    assert failures == [
        "c was not told by sns: sns answered NotFound",
        "d was not told by sns: sns could not be called (EndpointConnectionError)",
    ]
