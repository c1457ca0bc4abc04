"""APIs of API Gateway: where they are, how they answer, and what they *are* as facts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import httpx

from rollproof.components import service
from rollproof.components.aws.apifacts import facts_of
from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud, reader
from rollproof.components.aws.digests import Digests
from rollproof.components.aws.doorway import Doorway, emulator_headers
from rollproof.components.aws.stack import outputs_of
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, SystemFileError
from rollproof.model.aws import Api
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json

ANSWER_SECONDS = 31.0
"""API Gateway itself gives up after 29 s for a REST API and 30 s for an HTTP API (its quotas)."""
_ID_IN_URL = re.compile(r"(?:https?://|/execute-api/|^)([a-z0-9]{8,10})(?=\.execute-api\.|/)")
_ID = re.compile(r"[a-z0-9]{8,10}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an API answers.

    Attributes:
        url: base of its paths, without a slash at the end.
        headers: what a request needs besides; only an emulator asks for any.
    """

    key: str
    id: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one GET.

    Attributes:
        status: None when nobody answered.
        error: the exception's name then.
        ms: milliseconds until the whole answer was there.
    """

    path: str
    status: int | None
    ms: float
    error: str = ""

    @property
    def well(self) -> bool:
        return self.status == 200

    @property
    def said(self) -> str:
        return f"{self.path} answers {self.status}" if self.status else f"{self.path}: {self.error}"


class Apis:
    """The APIs that a scenario has met: one that was there once has to answer from then on.

    Attributes:
        known: where each is, by key.
        found: paths besides the declared ones that answered 200 while all was well.
    """

    def __init__(self, drill: Drill) -> None:
        self.cloud = drill.use(Cloud)
        self.known: dict[str, Place] = {}
        self.found: dict[str, list[str]] = {}

    def find(self) -> dict[str, Place]:
        """Every declared API whose stack is there. What was found before stays, with its address."""
        for key, spec in self.cloud.system.api.items():
            if key not in self.known and (place := located(self.cloud, key, spec)) is not None:
                self.known[key] = place
        return self.known

    def paths(self, key: str) -> tuple[str, ...]:
        """What is asked of an API: its health first, then the declared paths, then those that were found."""
        return (*paths_of(self.cloud.system.api[key]), *self.found.get(key, []))

    def answers(self, key: str) -> list[Answer]:
        return [ask(self.known[key], path) for path in self.paths(key)]

    def discover(self, facts: Fingerprint) -> None:
        """Takes on each GET route that needs nothing and answers 200 now: it has to do so later, too."""
        for fact in facts.facts.values():
            key, _, route = fact.name.partition(" ")
            method, _, path = route.partition(" ")
            if fact.kind != "route" or method != "GET" or "{" in path or key not in self.known:
                continue
            if (
                path not in {known.partition("?")[0] for known in self.paths(key)}
                and ask(self.known[key], path).well
            ):
                self.found.setdefault(key, []).append(path)


def located(cloud: Cloud, key: str, spec: Api) -> Place | None:
    """Where a declared API is; None when its stack is not deployed.

    Raises SystemFileError: neither its id nor a stack's output with it or its URL is declared.
    """
    if spec.id is not None:
        return place_of(cloud, key, spec, cloud.fill(spec.id))
    if spec.stack is None or spec.output is None or spec.stack not in cloud.system.stack:
        raise SystemFileError(
            f"nobody knows where API {key} is",
            where=f"{cloud.system.source}: api.{key}",
            remedy="give its `id`, or a declared `stack` and the `output` that holds its URL or id",
        )
    try:
        outputs = outputs_of(cloud, cloud.fill(cloud.system.stack[spec.stack].name))
    except AttemptFailed:
        return None
    if spec.output not in outputs:
        raise SystemFileError(
            f"stack {spec.stack} has no output {spec.output}",
            where=f"{cloud.system.source}: api.{key}.output",
            remedy=f"name one of: {', '.join(outputs) or 'none, so add one to its template'}",
        )
    return place_of(cloud, key, spec, _id_in(outputs[spec.output], f"{cloud.system.source}: api.{key}"))


def _id_in(output: str, where: str) -> str:
    """The API's id in a URL of any of the usual forms, or the output itself."""
    if _ID.fullmatch(output):
        return output
    if found := _ID_IN_URL.search(output):
        return found[1]
    raise SystemFileError(
        "the output holds neither an API's id nor its URL",
        where=where,
        remedy="name an output with the id, or with https://<id>.execute-api.<region>.amazonaws.com",
    )


def place_of(cloud: Cloud, key: str, spec: Api, api_id: str) -> Place:
    """On AWS its own host; on an emulator the path that ministack and LocalStack have for it."""
    endpoint = cloud.endpoint
    if endpoint.url is None:
        suffix = "" if spec.stage == "$default" else f"/{spec.stage}"
        domain = "amazonaws.com.cn" if endpoint.region.startswith("cn-") else "amazonaws.com"
        return Place(key, api_id, f"https://{api_id}.execute-api.{endpoint.region}.{domain}{suffix}")
    url = f"{endpoint.url}/_aws/execute-api/{api_id}/{spec.stage}"
    return Place(key, api_id, url, emulator_headers(endpoint))


def ask(place: Place, path: str) -> Answer:
    """One GET, on a connection of its own, following no redirect. Never raises for what a network does."""
    started = time.monotonic()
    try:
        with httpx.Client(trust_env=False, timeout=ANSWER_SECONDS, verify=_verify(place)) as client:
            status: int | None = client.get(place.url + path, headers=dict(place.headers)).status_code
            error = ""
    except httpx.HTTPError as failed:
        status, error = None, type(failed).__name__
    return Answer(path, status, (time.monotonic() - started) * 1e3, error)


def _verify(place: Place) -> bool:
    return place.url.startswith("https:")  # loading certificates takes long; http needs none


def paths_of(spec: Api) -> tuple[str, ...]:
    """The paths that are declared; the health first."""
    return tuple(dict.fromkeys((spec.health, *spec.paths)))


def answers_of(cloud: Cloud, place: Place) -> list[Answer]:
    """How an API answers on its declared paths."""
    return [ask(place, path) for path in paths_of(cloud.system.api[place.key])]


def event_of(spec: Api, path: str) -> dict[str, object]:
    """The event that API Gateway makes of a GET, as far as handlers look at it (payload 1.0 or 2.0)."""
    parts = urlsplit(path)
    query = dict(parse_qsl(parts.query))
    if spec.kind == "http":
        http = {"method": "GET", "path": parts.path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
        return {
            "version": "2.0",
            "routeKey": f"GET {parts.path}",
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "headers": {},
            "queryStringParameters": query,
            "requestContext": {"http": http, "stage": spec.stage, "routeKey": f"GET {parts.path}"},
            "isBase64Encoded": False,
        }
    return {
        "resource": parts.path,
        "path": parts.path,
        "httpMethod": "GET",
        "headers": {},
        "queryStringParameters": query or None,
        "pathParameters": None,
        "requestContext": {"httpMethod": "GET", "path": parts.path, "stage": spec.stage},
        "body": None,
        "isBase64Encoded": False,
    }


@service.verifier
def _verify_apis(drill: Drill, ran: list[str]) -> list[str]:
    """Health and declared paths of each API that was met; of none when the drill is not in an account."""
    problems: list[str] = []
    for key, _ in _places(drill):
        spec = drill.system.api[key]
        for answer in drill.use(Apis).answers(key):
            ran.append(f"{'health' if answer.path == spec.health else answer.path} of API {key}")
            problems += [] if answer.well else [f"API {key}: {answer.said}"]
    return problems


@service.told_to_smoke
def _where_apis_are(drill: Drill) -> Mapping[str, str]:
    """`API_URL_<KEY>`; where only requests with an emulator's header get through, a door that adds it."""
    told = {}
    for key, place in _places(drill):
        url = drill.use(Doorway).url(place.url, place.headers) if place.headers else place.url
        told[f"API_URL_{key.upper().replace('-', '_')}"] = url
    return told


def _places(drill: Drill) -> list[tuple[str, Place]]:
    return list(drill.use(Apis).find().items()) if drill.system.api and drill.uses(Cloud) else []


@observer("apis")
def look_at_apis(drill: Drill) -> None:
    """Asks every API that was met for its health and its declared paths, once."""
    apis = drill.use(Apis)
    items: list[Json] = [
        {"api": key, "path": answer.path, "status": answer.status, "error": answer.error}
        for key in apis.find()
        for answer in apis.answers(key)
    ]
    drill.recorder.note("apis.asked", {"items": items})


@reader("api")
def read_apis(cloud: Cloud) -> Fingerprint:
    """Routes, integrations, authorisers, stages and throttling of every API that was met.

    An API that was met and is gone has no facts any more: that is the difference.
    """
    facts = []
    for key, place in cloud.drill.use(Apis).find().items():
        try:
            facts += list(_facts(cloud, key, place))
        except AttemptFailed as error:
            if error.facts.get("code") != "NotFoundException":
                raise
    return Fingerprint.of(facts)


def _facts(cloud: Cloud, key: str, place: Place) -> Iterator[Fact]:
    spec = cloud.system.api[key]
    with calling("reading what an API is", where=f"{key} ({place.id})"):
        yield from facts_of(cloud, spec, place.id, name=key, digests=cloud.drill.use(Digests))
