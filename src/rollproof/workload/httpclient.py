"""A client that reads or writes by HTTP."""

from __future__ import annotations

import threading
import time
from urllib.parse import quote, urlsplit

import httpx

from rollproof.errors import PreconditionNotMet
from rollproof.model.sqltemplate import TOKEN
from rollproof.model.system import Traffic as TrafficSpec
from rollproof.privacy.known import remember_headers
from rollproof.workload.limits import Limits
from rollproof.workload.outcomes import Answer, cut_off, of_http_error, of_http_status


class HttpClient:
    """Asks one service, by a new connection each time, as a new visitor would.

    Goes to the given address only: no proxy of the environment is used and no redirect followed.
    """

    def __init__(self, spec: TrafficSpec, *, base_url: str, limits: Limits) -> None:
        assert spec.path is not None
        self.kind = spec.kind
        self.limits = limits
        self._method, self._path, self._body = spec.method, spec.path, spec.body
        self._base = _checked(base_url, spec)
        self._given_up = threading.Event()
        remember_headers(spec.headers)
        self._client = httpx.Client(
            timeout=httpx.Timeout(limits.operation, connect=limits.connect),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            headers={"User-Agent": "rollproof", **spec.headers},
            follow_redirects=False,
            trust_env=False,
            verify=self._base.startswith("https:"),  # loading certificates takes long; http needs none
        )

    @property
    def sends_token(self) -> bool:
        return TOKEN in self._path or filled(self._body, "") != self._body

    def perform(self, token: str) -> Answer:
        """Sends the request once. Never raises for what a server or a network does."""
        deadline = time.monotonic() + self.limits.longest
        url = self._base + self._path.replace(TOKEN, quote(token, safe=""))
        body = None if self._body is None else filled(self._body, token)
        try:
            with self._client.stream(self._method, url, json=body) as response:
                size = 0
                for chunk in response.iter_raw():
                    size += len(chunk)
                    if size > self.limits.body or time.monotonic() > deadline or self._given_up.is_set():
                        return cut_off(self.kind, "TooLarge" if size > self.limits.body else "Timeout")
                return of_http_status(self.kind, response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return of_http_error(self.kind, error)

    def abort(self) -> None:
        """Makes an operation under way end at its next bytes or time limit. For another thread."""
        self._given_up.set()

    def close(self) -> None:
        self._client.close()


def filled(value: object, token: str) -> object:
    """`value` with `{token}` replaced inside its texts, at any depth; keys stay."""
    match value:
        case str():
            return value.replace(TOKEN, token)
        case dict():
            return {key: filled(item, token) for key, item in value.items()}
        case list() | tuple():
            return [filled(item, token) for item in value]
    return value


def _checked(base_url: str, spec: TrafficSpec) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PreconditionNotMet(
            f"service {spec.service!r} has no address that can be asked by HTTP",
            doing=f"setting up the client {spec.name!r}",
        )
    return base_url.rstrip("/")
