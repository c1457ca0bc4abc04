"""What a watch asks: every API path, function and service that answers when the system is well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from rollproof.components.aws.api import Apis, Place, paths_of
from rollproof.components.aws.clients import THROTTLED, Aws
from rollproof.components.aws.cloud import Cloud
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.workload.samples import Outcome

ANSWER_SECONDS = 31.0
"""API Gateway gives up after 30 s at the latest (its quotas)."""
SERVER_ERROR = 500


class Asking(Protocol):
    """One target being asked, again and again, on a connection that stays open."""

    def ask(self) -> Outcome: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be asked.

    Attributes:
        name: `API fibonacci /agents`, `function commands`, `service api /health`.
        function: key of the function behind it, where one is known.
        open: opens a connection of its own, for one thread.
    """

    name: str
    open: Callable[[], Asking] = field(repr=False)
    function: str = ""


def targets_of(drill: Drill) -> list[Target]:
    """Everything of the system that can be asked now.

    A function is called only where the system file gives a `payload`: no other event is known to be
    harmless.
    """
    return [*_services(drill), *(_in_account(drill) if drill.system.uses_aws else ())]


def _services(drill: Drill) -> Iterator[Target]:
    for name, spec in drill.system.service.items():
        url = drill.use(Services).urls.get(name)
        if url is not None:
            yield _http(f"service {name} {spec.health}", url + spec.health, {})


def _in_account(drill: Drill) -> Iterator[Target]:
    cloud = drill.use(Cloud)
    for key, place in drill.use(Apis).find().items():
        spec = drill.system.api[key]
        behind = spec.functions[0] if len(spec.functions) == 1 else ""
        for path in paths_of(spec):
            yield _http(f"API {key} {path}", place.url + path, _headers(place), function=behind)
    aws = Aws(cloud.endpoint, attempts=1)  # a try that is made again would hide that one was throttled
    for key, function in drill.system.function.items():
        if function.payload:
            name, alias = cloud.fill(function.name), function.alias
            calling = _Calling(aws, name, alias, json.dumps(function.payload).encode())
            yield Target(f"function {key}", lambda calling=calling: calling, function=key)  # type: ignore[misc]


def _headers(place: Place) -> dict[str, str]:
    return dict(place.headers)


def _http(name: str, url: str, headers: Mapping[str, str], *, function: str = "") -> Target:
    return Target(name, lambda: _Getting(url, headers), function)


class _Getting:
    """GETs one URL; follows no redirect, uses no proxy of the environment."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url, self._headers = url, dict(headers)
        self._client = httpx.Client(
            trust_env=False, timeout=ANSWER_SECONDS, verify=url.startswith("https:"), follow_redirects=False
        )

    def ask(self) -> Outcome:
        try:
            status = self._client.get(self._url, headers=self._headers).status_code
        except httpx.HTTPError:
            return "unanswered"
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return "throttled"
        return "ok" if status == httpx.codes.OK else "failed"

    def close(self) -> None:
        self._client.close()


class _Calling:
    """Calls a function as its alias says."""

    def __init__(self, aws: Aws, name: str, alias: str, payload: bytes) -> None:
        self._said: dict[str, Any] = {"FunctionName": name, "Payload": payload}
        if alias:
            self._said["Qualifier"] = alias
        self._client = aws.client("lambda")

    def ask(self) -> Outcome:
        try:
            answer = self._client.invoke(**self._said)
            body = answer["Payload"].read()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            return "throttled" if code in THROTTLED else "failed"
        except (BotoCoreError, OSError):
            return "unanswered"
        return "failed" if answer.get("FunctionError") or _status(body) >= SERVER_ERROR else "ok"

    def close(self) -> None:
        """Nothing: the client is shared."""


def _status(body: bytes) -> int:
    """What a function behind an API answers as `statusCode`; 0 when it says none."""
    try:
        said = json.loads(body)
    except ValueError:
        return 0
    status = said.get("statusCode") if isinstance(said, dict) else None
    return status if isinstance(status, int) else 0
