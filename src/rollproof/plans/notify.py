"""Telling people: one sender for each channel. Secrets come from the environment and go nowhere else."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import httpx

from rollproof.errors import BadInput, EnvironmentUnavailable, RollproofError
from rollproof.model.plan import Notify, Plan
from rollproof.plans.message import Message

_SECONDS = 20.0
_LONGEST_SUBJECT = 100
"""characters; SNS takes no more"""
_LONGEST_TEXT = 20_000

Send = Callable[[Message], None]
"""Hands a message over. Raises EnvironmentUnavailable when it was not taken."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone to be told, with all that is needed to do so."""

    who: str
    channel: str
    on: tuple[str, ...]
    send: Send


def recipients(plan: Plan, environ: Mapping[str, str]) -> list[Recipient]:
    """Everyone whom the plan names, ready to be told.

    Raises BadInput before anything is drilled when a variable that a channel needs is not set.
    """
    return [
        Recipient(one.who, one.channel, tuple(one.on), _SENDERS[one.channel](one, environ))
        for one in plan.notify
    ]


def tell(everyone: Sequence[Recipient], message: Message) -> list[str]:
    """Sends a message to all whom it concerns; what could not be sent, one line each."""
    failures = []
    for one in everyone:
        if message.occasion not in one.on:
            continue
        try:
            one.send(message)
        except RollproofError as error:
            failures.append(f"{one.who} was not told by {one.channel}: {error.found}")
    return failures


def _variable(name: str | None, environ: Mapping[str, str], *, who: str) -> str:
    value = environ.get(name or "", "").strip()
    if not value:
        raise BadInput(
            "this variable is not set, and the plan needs it to notify someone",
            doing=f"getting ready to tell {who}",
            where=str(name),
            remedy="set it in the environment that the plan runs in; it never belongs in the file",
        )
    return value


def _webhook(one: Notify, environ: Mapping[str, str]) -> str:
    url = _variable(one.url_env, environ, who=one.who)
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise BadInput(
            "this variable does not hold the https address of a webhook",
            doing=f"getting ready to tell {one.who}",
            where=str(one.url_env),
            remedy="copy the address from the channel's settings, from https:// on",
        )
    return url


def _slack(one: Notify, environ: Mapping[str, str]) -> Send:
    url = _webhook(one, environ)
    return lambda message: _post(url, {"text": f"*{_escaped(message.subject)}*\n{_escaped(message.text)}"})


def _escaped(text: str) -> str:
    """Slack's own rule: these three characters, and nothing else, so that no text can mention anyone."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:_LONGEST_TEXT]


def _teams(one: Notify, environ: Mapping[str, str]) -> Send:
    """An Adaptive Card, which is what the webhooks of Teams' Workflows take."""
    url = _webhook(one, environ)

    def send(message: Message) -> None:
        blocks: list[dict[str, object]] = [
            {"type": "TextBlock", "text": message.subject, "weight": "Bolder", "size": "Medium", "wrap": True}
        ]
        blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in message.lines]
        facts = [{"title": name, "value": value} for name, value in message.facts]
        blocks.append({"type": "FactSet", "facts": facts})
        card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        _post(url, {"type": "message", "attachments": [attachment]})

    return send


def _post(url: str, body: object) -> None:
    """The address is a secret: no error may carry it."""
    try:
        answer = httpx.post(url, json=body, timeout=_SECONDS)
    except httpx.HTTPError as error:
        raise EnvironmentUnavailable(f"the webhook cannot be reached ({type(error).__name__})") from None
    if not answer.is_success:
        raise EnvironmentUnavailable(f"the webhook answered {answer.status_code}")


def _sns(one: Notify, environ: Mapping[str, str]) -> Send:
    def send(message: Message) -> None:
        subject, text = message.subject[:_LONGEST_SUBJECT], message.text[:_LONGEST_TEXT]
        _aws(one, "sns", lambda sns: sns.publish(TopicArn=one.topic, Subject=subject, Message=text))

    return send


def _ses(one: Notify, environ: Mapping[str, str]) -> Send:
    def send(message: Message) -> None:
        body = {"Text": {"Data": message.text, "Charset": "UTF-8"}}
        content = {"Subject": {"Data": message.subject, "Charset": "UTF-8"}, "Body": body}
        arguments = {
            "FromEmailAddress": one.sender,
            "Destination": {"ToAddresses": list(one.to)},
            "Content": {"Simple": content},
        }
        _aws(one, "sesv2", lambda ses: ses.send_email(**arguments))

    return send


def _aws(one: Notify, service: str, call: Callable[[Any], object]) -> None:
    """With the caller's own credentials: the people to be told are told from a real account."""
    from rollproof.components.aws.callers import call_as_caller

    region = one.region or _region(one.topic)
    call_as_caller(service, call, profile=one.profile, region=region, endpoint=one.endpoint, seconds=_SECONDS)


def _region(topic: str | None) -> str | None:
    """A topic's ARN says where it is: `arn:aws:sns:sa-east-1:123456789012:drills`."""
    parts = (topic or "").split(":")
    return parts[3] if len(parts) > 5 else None


def _email(one: Notify, environ: Mapping[str, str]) -> Send:
    login = None
    if one.user_env:
        user = _variable(one.user_env, environ, who=one.who)
        login = user, _variable(one.password_env, environ, who=one.who)
    host, _, port = str(one.server).partition(":")

    def send(message: Message) -> None:
        try:
            with _connected(one, host, int(port)) as smtp:
                if login:
                    smtp.login(*login)
                smtp.send_message(_letter(one, message))
        except (smtplib.SMTPException, OSError) as error:
            code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
            raise EnvironmentUnavailable(f"the mail server refused ({type(error).__name__}{code})") from None

    return send


def _connected(one: Notify, host: str, port: int) -> smtplib.SMTP:
    if one.tls == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=ssl.create_default_context())
    smtp = smtplib.SMTP(host, port, timeout=_SECONDS)
    if one.tls == "starttls":
        try:
            smtp.starttls(context=ssl.create_default_context())
        except BaseException:
            smtp.close()
            raise
    return smtp


def _letter(one: Notify, message: Message) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = message.subject
    letter["From"] = str(one.sender)
    letter["To"] = ", ".join(one.to)
    letter.set_content(message.text)
    return letter


_SENDERS: dict[str, Callable[[Notify, Mapping[str, str]], Send]] = {
    "sns": _sns,
    "ses": _ses,
    "slack": _slack,
    "teams": _teams,
    "email": _email,
}
