"""What a service answers, as facts that two releases of it can be told apart by."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping

import httpx

from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill
from rollproof.workload.httpclient import HttpClient
from rollproof.workload.limits import Limits

ROUNDS = 3
"""How often each question is asked: what is answered now so, now so, is told apart from what is certain."""
DIFFERS = "differs"
WELL = "ok"
LONGEST_BODY = 65536
"""characters of a health answer that are looked at"""

_NAME = re.compile(r"(?!.*\d{5})[A-Za-z_$@][\w$@:-]{0,60}", re.ASCII)
"""What fields are called; `{"Ana Maria": …}` is an answer that has rows for names."""

Facts = Mapping[str, str]


def ask(drill: Drill, urls: Mapping[str, str], *, rounds: int = ROUNDS) -> dict[str, str]:
    """What every question was answered, or `differs`; never a value of the answers, but a release's name.

    The questions are each service's health and the declared traffic by HTTP, writes as well: they go to
    the drill's own database.
    """
    facts: dict[str, str] = {}
    for _ in range(rounds):
        for question, answer in _once(drill, urls):
            facts[question] = answer if facts.get(question, answer) == answer else DIFFERS
    return facts


def failing(facts: Facts) -> frozenset[str]:
    """Questions that are certain to be answered badly."""
    return frozenset(name for name in asked(facts) if facts[name] not in (WELL, DIFFERS))


def unsure(facts: Facts) -> frozenset[str]:
    """Questions that are answered now well, now badly."""
    return frozenset(name for name in asked(facts) if facts[name] == DIFFERS)


def asked(facts: Facts) -> frozenset[str]:
    """The questions among the facts; the others are parts of an answer."""
    return frozenset(name for name in facts if " says " not in name)


def health_of(service: str) -> str:
    """The question that a service's health is."""
    return f"health of {service}"


def _once(drill: Drill, urls: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, url in urls.items():
        yield from _health(drill, name, url)
    for spec in drill.system.traffic:
        if spec.service is not None and spec.service in urls:
            client = HttpClient(spec, base_url=urls[spec.service], limits=Limits())
            try:
                answer = client.perform(uuid.uuid4().hex)
            finally:
                client.close()
            yield spec.name, WELL if answer.outcome == "ok" else answer.error or answer.outcome


def _health(drill: Drill, name: str, url: str) -> Iterator[tuple[str, str]]:
    question = health_of(name)
    secure = url.startswith("https:")  # loading certificates takes long; http needs none
    try:
        health = drill.system.service[name].health
        answer = httpx.get(url + health, timeout=Limits().operation, verify=secure, trust_env=False)
    except httpx.HTTPError as error:
        yield question, type(error).__name__
        return
    yield question, WELL if answer.status_code == 200 else str(answer.status_code)
    known = {release.name for release in drill.system.release}
    for field, value in leaves(_json(answer.text), drill.use(Bench).digester):
        text = str(value)
        yield f"{question} says {field}", text if text in known else drill.use(Bench).digester(text)


def _json(text: str) -> object:
    try:
        return json.loads(text[:LONGEST_BODY])
    except ValueError:
        return text[:LONGEST_BODY]


def leaves(value: object, digester: Callable[[str], str], path: str = "") -> Iterator[tuple[str, object]]:
    """What stands in an answer, by the names that lead to it; of a name that looks like data a digest."""
    if isinstance(value, dict):
        for key, item in value.items():
            name = str(key) if _NAME.fullmatch(str(key)) else digester(str(key))
            yield from leaves(item, digester, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, digester, f"{path}[{number}]")
    else:
        yield path or "body", value
