"""Telling those concerned, through SNS and SES, and reading back what arrived."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud, reader
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, NotApplicable, NotProvenHere, PreconditionNotMet
from rollproof.model.aws import Notifications
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

ARRIVAL_SECONDS = 20.0
"""How long a message may take from SNS to a queue that listens."""
_MAILBOX = "/_ministack/ses/messages"


@dataclass(frozen=True, slots=True)
class Sent:
    """One notification: `token` is in its text, so that it is known again when it is read back."""

    moment: str
    what: str
    token: str


class Mail:
    """A scenario's notifications: what was sent, and the queue that listens to the topic."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.sent: list[Sent] = []
        self.queue = ""
        self.heard: list[str] = []

    @property
    def spec(self) -> Notifications:
        """Raises NotApplicable when the system has no topic, and nobody to write to."""
        declared = self.drill.system.notifications
        if declared is None or not (declared.topic or (declared.sender and declared.stakeholders)):
            raise NotApplicable(f"system {self.drill.system.name} declares no notifications")
        return declared

    def topic_arn(self) -> str:
        """Raises PreconditionNotMet when there is no topic of the declared name in the account."""
        wanted = self.cloud.fill(str(self.spec.topic))
        with calling("looking for the topic", where=wanted):
            pages = self.cloud.client("sns").get_paginator("list_topics").paginate()
            found = [t["TopicArn"] for page in pages for t in page["Topics"]]
        for arn in found:
            if arn == wanted or arn.rpartition(":")[2] == wanted:
                return str(arn)
        raise PreconditionNotMet(
            f"there is no SNS topic {wanted}",
            where=f"{self.drill.system.source}: notifications.topic",
            remedy="deploy the stack that it is part of, or name the topic as it is",
        )


@dataclass(frozen=True)
class Listen(Act):
    """Subscribes a queue of the drill's own to the topic, so that what arrives can be read back."""

    name = "notifications.listen"

    def prepare(self, drill: Drill) -> None:
        mail = drill.use(Mail)
        if mail.spec.topic:
            mail.queue = f"rollproof-{secrets.token_hex(6)}"

    def undo(self, drill: Drill) -> JsonObject | None:
        cloud, mail = drill.use(Cloud), drill.use(Mail)
        if cloud.endpoint.private or not mail.queue:
            return None
        return {"kind": "sqs.queue", "name": mail.queue, "title": cloud.endpoint.account}

    def run(self, drill: Drill) -> JsonObject:
        mail = drill.use(Mail)
        _open_mailbox(mail)
        if not mail.queue:
            return {"found": "no topic is declared"}
        topic, sqs = mail.topic_arn(), mail.cloud.client("sqs")
        with calling("listening to the topic", where=topic):
            url = sqs.create_queue(QueueName=mail.queue)["QueueUrl"]
            wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            arn = wanted["Attributes"]["QueueArn"]
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _may_send(arn, topic)})
            mail.cloud.client("sns").subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
            )
        return {"name": mail.queue}


def _open_mailbox(mail: Mail) -> None:
    """In an account of the drill's own nobody can answer SES' question whether the sender is real."""
    if mail.cloud.endpoint.private and mail.spec.sender:
        with calling("making the sender known to SES", where=mail.spec.sender):
            mail.cloud.client("ses").verify_email_identity(EmailAddress=mail.spec.sender)
        mail.drill.recorder.note(
            "provided", {"name": "sender of mail", "found": "the suite made the sender known to SES here"}
        )


def _may_send(queue: str, topic: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class Notify(Act):
    """Tells those concerned, by every channel that the system declares.

    Attributes:
        moment: `before`, `during` or `after` the rollback.
        what: what is said, one sentence.
    """

    name = "notifications.send"
    moment: str
    what: str

    def describe(self, drill: Drill) -> JsonObject:
        return {"label": self.moment}

    def run(self, drill: Drill) -> JsonObject:
        mail = drill.use(Mail)
        sent = Sent(self.moment, self.what, secrets.token_hex(8))
        mail.sent.append(sent)
        subject = f"[{drill.system.name}] rollback: {self.what}"[:95]
        text = f"{self.what}\n\nsystem: {drill.system.name}\ndrill: {drill.scenario}\nreference: {sent.token}"
        channels: list[Json] = []
        if mail.spec.topic:
            topic = mail.topic_arn()
            with calling("telling those who follow the topic", where=topic):
                mail.cloud.client("sns").publish(TopicArn=topic, Subject=subject, Message=text)
            channels.append("topic")
        if mail.spec.sender and mail.spec.stakeholders:
            _send_mail(mail, subject, text)
            channels.append("mail")
        return {"label": self.moment, "items": channels, "digest": _digest(sent.token)}


def _send_mail(mail: Mail, subject: str, text: str) -> None:
    with calling("writing to the stakeholders"):
        mail.cloud.client("ses").send_email(
            Source=mail.spec.sender,
            Destination={"ToAddresses": list(mail.spec.stakeholders)},
            Message={"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}},
        )


@observer("notifications")
def read_back(drill: Drill) -> None:
    """Reads what arrived on each channel, and records for each notification whether it did.

    The journal has no address: mails are counted. Raises NotProvenHere where mail that was sent
    cannot be read back.
    """
    mail = drill.use(Mail)
    spec = mail.spec
    heard = _from_topic(mail) if spec.topic else None
    mails = _from_mailbox(mail) if spec.sender and spec.stakeholders else None
    items: list[Json] = []
    for sent in mail.sent:
        told = None if mails is None else sum(sent.token in text for _, text in mails)
        items.append(
            {
                "moment": sent.moment,
                "digest": _digest(sent.token),
                "topic": None if heard is None else any(sent.token in text for text in heard),
                "mails": told,
                "named": heard is None
                or all(_says(text, drill, sent) for text in heard if sent.token in text),
            }
        )
    drill.recorder.note(
        "notifications.read", {"items": items, "count": len(items), "reads": len(spec.stakeholders)}
    )


def _says(text: str, drill: Drill, sent: Sent) -> bool:
    """Whether whoever reads it learns which system it is about, and what is going on."""
    return drill.system.name in text and sent.what in text


def _from_topic(mail: Mail) -> list[str]:
    """Everything that arrived at the queue so far, waiting a while for what was sent last."""
    if not mail.queue:
        raise PreconditionNotMet(
            "nobody listened to the topic", remedy="add `Given those concerned can be reached`"
        )
    wanted = {sent.token for sent in mail.sent}

    def all_there() -> bool:
        mail.heard += _receive(mail)
        return all(any(token in text for text in mail.heard) for token in wanted)

    with suppress(AttemptFailed):  # what did not arrive is for the check to judge
        eventually(all_there, within=_patience(mail), what="what was sent to the topic arrives")
    return mail.heard


def _patience(mail: Mail) -> float:
    return 2.0 if mail.cloud.endpoint.private else ARRIVAL_SECONDS


def _receive(mail: Mail) -> list[str]:
    sqs = mail.cloud.client("sqs")
    with calling("reading what arrived at the topic", where=mail.queue):
        url = sqs.get_queue_url(QueueName=mail.queue)["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [str(message["Body"]) for message in messages]


def _from_mailbox(mail: Mail) -> list[tuple[str, str]]:
    """Recipient and text of each mail that the emulator took; one entry for each recipient."""
    endpoint = mail.cloud.endpoint
    if not endpoint.emulator.startswith("ministack") or endpoint.url is None:
        raise NotProvenHere(
            "mail that was sent cannot be read back here: no mailbox of a stakeholder can be opened"
        )
    try:
        answer = httpx.get(
            endpoint.url + _MAILBOX, params={"account": endpoint.account}, timeout=10.0, trust_env=False
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise AttemptFailed(f"the emulator's mailbox cannot be read: {error}") from error
    wanted = set(mail.spec.stakeholders)
    return [pair for pair in _mails(answer.json()) if pair[0] in wanted]


def _mails(data: Any) -> Iterator[tuple[str, str]]:
    """Every mail in the mailbox' answer, whatever it is wrapped in."""
    if isinstance(data, list):
        for item in data:
            yield from _mails(item)
    elif isinstance(data, dict):
        to = data.get("To") or data.get("to") or data.get("ToAddresses") or data.get("Destination")
        if to is not None:
            addresses = to.get("ToAddresses", []) if isinstance(to, dict) else to
            text = json.dumps(data)
            yield from ((str(address), text) for address in addresses)
        else:
            for item in data.values():
                yield from _mails(item)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:16]


@reader("notifications")
def read_notifications(cloud: Cloud) -> Fingerprint:
    """Each topic's subscriptions by protocol and a digest of the address, its policy and its display name."""
    mail = cloud.drill.use(Mail)
    if not mail.spec.topic:
        return Fingerprint.of([])
    arn, sns = mail.topic_arn(), cloud.client("sns")
    with calling("reading the topic", where=arn):
        attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        subscriptions = [one for page in pages for one in page["Subscriptions"]]
    topic = arn.rpartition(":")[2]
    told: JsonObject = {
        name: attributes.get(name)
        for name in ("Policy", "DisplayName", "KmsMasterKeyId")
        if attributes.get(name)
    }
    facts = [Fact("topic", topic, told)]
    for one in subscriptions:
        if str(one["Endpoint"]).rpartition(":")[2] != mail.queue:
            name = f"{topic} {one['Protocol']} {_digest(one['Endpoint'])}"
            facts.append(Fact("subscription", name, {}, f"topic {topic}"))
    return Fingerprint.of(facts)


@healer("sqs.queue")
def remove_queue(undo: JsonObject) -> str:
    """A listening queue in an account that stays: only the run that has the credentials can remove it."""
    raise AttemptFailed(
        f"the queue {undo['name']} was left in account {undo.get('title')}",
        doing="removing the queue that listened to the topic",
        remedy="delete it, and its subscription, with the account's own tools",
    )
