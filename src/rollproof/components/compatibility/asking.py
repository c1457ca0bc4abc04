"""Asking a release: each endpoint, declared or discovered, and what became of the rows that it wrote."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import httpx
import psycopg

from rollproof.compatibility.model import ROUNDS, START, Answer, Asked
from rollproof.compatibility.openapi import USUAL_PATHS, readable_paths
from rollproof.compatibility.shapes import Place, shape_of, values_of
from rollproof.components.compatibility.running import Running, log_since, log_size, missing_in
from rollproof.components.postgres.admin import connected
from rollproof.environments.base import PostgresServer
from rollproof.model.sqltemplate import TOKEN
from rollproof.model.system import Service, System
from rollproof.workload.httpclient import filled
from rollproof.workload.operations import Operation

FOUND = "{found}"
_LARGEST = 4 * 2**20


@dataclass(frozen=True)
class Question:
    """One endpoint as it is asked.

    Attributes:
        traffic: name of the traffic whose `verify` finds its rows again; empty when none does.
    """

    asked: Asked
    service: str
    method: str
    path: str
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    find: str | None = None
    traffic: str = ""

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def adds(self) -> bool:
        """Whether rows come of it that the other release may meet."""
        return self.method in ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class Heard:
    """An answer and its values, which stay in memory; the values never reach a journal."""

    answer: Answer
    values: Mapping[Place, object] = field(default_factory=dict, repr=False)
    token: str = ""


def questions_of(system: System, services: Mapping[str, Service]) -> list[Question]:
    """Health, the declared traffic by HTTP and the declared endpoints; reads before writes."""
    found = [question for name, service in services.items() for question in _of(system, name, service)]
    many = len(services) > 1
    named = [
        replace(q, asked=replace(q.asked, name=f"{q.service}: {q.asked.name}")) if many else q for q in found
    ]
    return sorted(named, key=lambda question: (question.writes, question.method == "DELETE"))


def _of(system: System, name: str, service: Service) -> Iterator[Question]:
    yield Question(Asked("health", compare="status"), name, "GET", service.health)
    for entry in system.traffic:
        if entry.service == name and entry.path is not None:
            yield Question(
                Asked(entry.name, 0),
                name,
                entry.method,
                entry.path,
                body=entry.body,
                headers=entry.headers,
                traffic=entry.name if entry.kind == "write" else "",
            )
    for one in service.endpoint:
        yield Question(
            Asked(one.name, one.status, one.compare, one.may_fail),
            name,
            one.method,
            one.path,
            body=one.body,
            headers=one.headers,
            find=one.find,
        )


def discovered(running: Running, service: Service, known: Sequence[Question]) -> list[Question] | None:
    """Endpoints of the service's OpenAPI document that answer 200 without more; None where it has none."""
    asked = {question.path for question in known if question.method == "GET"}
    with running.client() as client:
        for place in [service.openapi] if service.openapi else USUAL_PATHS:
            document = _json(_get(client, place))
            paths = [path for path in readable_paths(document) if path not in asked]
            answering = [path for path in dict.fromkeys(paths) if _status(_get(client, path)) == 200]
            if document is not None:
                return [Question(Asked(f"GET {path}", 0), running.service, "GET", path) for path in answering]
    return None


def _get(client: httpx.Client, path: str) -> httpx.Response | None:
    try:
        return client.get(path)
    except httpx.HTTPError:
        return None


def _status(response: httpx.Response | None) -> int:
    return response.status_code if response is not None else 0


def _json(response: httpx.Response | None) -> object:
    if response is None or response.status_code != 200 or len(response.content) > _LARGEST:
        return None
    try:
        return json.loads(response.content)
    except ValueError:
        return None


@dataclass(frozen=True)
class Asker:
    """Asks the services of one release in one database."""

    server: PostgresServer
    database: str
    running: Mapping[str, Running]

    def ask_all(self, questions: Sequence[Question]) -> list[Heard]:
        """Each in every round; where a service does not start, that is the answer."""
        dead = {name: one.unhealthy for name, one in self.running.items() if one.unhealthy}
        heard = []
        for number in range(1, ROUNDS + 1):
            heard += [Heard(Answer(f"{START}: {name}", number, error=why)) for name, why in dead.items()]
            heard += [self.ask(q, number) for q in questions]
        return heard

    def ask(self, question: Question, number: int) -> Heard:
        """Once, with a token of its own."""
        name, running = question.asked.name, self.running[question.service]
        if running.unhealthy:
            return Heard(Answer(name, number, left_out="the service does not start"))
        token, found = uuid.uuid4().hex, self._find(question)
        if found is None:
            return Heard(Answer(name, number, left_out="there is nothing to ask about"))
        before = log_size(running)
        with running.client() as client:
            response = self._send(client, question, token, found)
        if isinstance(response, httpx.HTTPError):
            return Heard(Answer(name, number, error=type(response).__name__))
        content = _json_of(response)
        cause = missing_in(log_since(running, before)) if response.status_code >= 500 else ""
        answer = Answer(
            name, number, status=response.status_code, error=cause, shape=shape_of(content), left_out=""
        )
        return Heard(answer, values_of(content), token if response.is_success and question.traffic else "")

    def _send(
        self, client: httpx.Client, question: Question, token: str, found: str
    ) -> httpx.Response | httpx.HTTPError:
        path = question.path.replace(TOKEN, quote(token, safe="")).replace(FOUND, quote(found, safe=""))
        body = None if question.body is None else _with_found(filled(dict(question.body), token), found)
        headers = {"User-Agent": "rollproof", **question.headers}
        try:
            return client.request(question.method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            return error

    def _find(self, question: Question) -> str | None:
        """What the question is about; None when there is no such thing, or no table of it, here."""
        if question.find is None:
            return ""
        with connected(self.server, self.database) as conn:
            conn.execute("SET default_transaction_read_only = on")
            try:
                row = conn.execute(question.find.encode()).fetchone()
            except psycopg.Error:
                return None
        return None if row is None or row[0] is None else str(row[0])


def _with_found(value: object, found: str) -> object:
    """`{found}` replaced; where it is the whole text and a whole number, as a number."""
    match value:
        case str() if value == FOUND and found.isdecimal():
            return int(found)
        case str():
            return value.replace(FOUND, found)
        case dict():
            return {key: _with_found(item, found) for key, item in value.items()}
        case list() | tuple():
            return [_with_found(item, found) for item in value]
    return value


def _json_of(response: httpx.Response) -> object:
    """The answer; of one that is no JSON, its kind in place of its text."""
    if not response.content:
        return None
    try:
        return json.loads(response.content)
    except ValueError:
        return response.headers.get("content-type", "").partition(";")[0]


def as_write(system: System, question: Question, token: str) -> Operation:
    """A write that was acknowledged, as it can be looked for."""
    entry = next(one for one in system.traffic if one.name == question.traffic)
    now = time.monotonic_ns()
    return Operation(
        client=entry.name,
        name=entry.name,
        kind="write",
        started_ns=now,
        ended_ns=now,
        outcome="ok",
        token=token,
        table=entry.table,
    )
