"""What a watch asks: every API path, function and service that answers when the system is well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from rollproof.components.aws.api import Apis, paths_of
from rollproof.components.aws.clients import THROTTLED, Aws
from rollproof.components.aws.cloud import Cloud
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.model.system import Service
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
        name: `api.shop /orders`, `function.mailer`, `service.web /health`.
        group: `api.shop`, `function.mailer`, `service.web`: what belongs together is asked in turn.
        function: key of the function behind it, where one is known.
        open: opens a connection of its own, for one thread.
    """

    name: str
    group: str
    open: Callable[[], Asking] = field(repr=False)
    function: str = ""


def targets_of(drill: Drill) -> list[Target]:
    """Everything of the system that can be asked now.

    A function is called only where the system file gives a `payload`: no other event is known to be
    harmless; and not when it stands behind an API that is asked.
    """
    return [*_services(drill), *(_in_account(drill) if drill.system.uses_aws else ())]


def _services(drill: Drill) -> Iterator[Target]:
    for name, spec in drill.system.service.items():
        url = drill.use(Services).urls.get(name)
        if url is not None:
            yield _http(f"service.{name}", spec.health, url, {})
            for path, headers in _endpoints(spec):
                yield _http(f"service.{name}", path, url, headers)


def _endpoints(spec: Service) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Paths of a service that answer 200 to a GET whenever it is well, as its endpoints are declared."""
    for endpoint in spec.endpoint:
        whole = "{" not in endpoint.path and endpoint.body is None and not endpoint.may_fail
        if endpoint.method == "GET" and endpoint.status == httpx.codes.OK and whole:
            yield endpoint.path, endpoint.headers


def _in_account(drill: Drill) -> Iterator[Target]:
    cloud, served = drill.use(Cloud), set[str]()
    for key, place in drill.use(Apis).find().items():
        spec = drill.system.api[key]
        behind = spec.functions[0] if len(spec.functions) == 1 else ""
        for path in paths_of(spec):
            yield _http(f"api.{key}", path, place.url, place.headers, function=behind)
        served |= set(spec.functions)
    aws = Aws(cloud.endpoint, attempts=1)  # a try that is made again would hide that one was throttled
    for key, function in drill.system.function.items():
        if function.payload and key not in served:
            name, alias = cloud.fill(function.name), function.alias
            calling = _Calling(aws, name, alias, json.dumps(function.payload).encode())
            yield Target(f"function.{key}", f"function.{key}", partial(_same, calling), key)


def _http(group: str, path: str, base: str, headers: Mapping[str, str], *, function: str = "") -> Target:
    return Target(f"{group} {path}", group, partial(_Getting, base + path, headers), function)


def _same(calling: _Calling) -> _Calling:
    return calling


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
