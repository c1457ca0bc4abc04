"""The caching edge itself: an HTTP server that stands before a distribution and keeps what it may keep.

Run by its path with `python -I -S`: standard library only, so that it is up at once. One line of JSON as
its only argument says which distribution it fronts and where the AWS API is. It caches as the Amazon
CloudFront Developer Guide says ("Manage how long content stays in the cache (expiration)", "How CloudFront
caches HTTP 4xx and 5xx status codes from your origin", "Invalidate files"), which is not what RFC 9111
says: a policy's minimum TTL outranks `no-cache`, errors are kept for ten seconds, and an object leaves
the cache when an invalidation names it.

It learns of invalidations by asking the API before each answer, so what was stored after an
invalidation is never taken for older than it.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

API = "/2020-05-31/distribution"
ERROR_SECONDS = 10.0
"""Error caching minimum TTL where the distribution sets none."""
ALWAYS_KEPT = frozenset({404, 414, 500, 501, 502, 503, 504})
"""Errors that are kept whatever the origin says; 400, 403, 405, 412 and 415 only when it gives an age."""
_KEPT_WITH_AGE = frozenset({400, 403, 405, 412, 415})
_HOP_BY_HOP = frozenset({"connection", "host", "if-none-match", "if-modified-since", "range"})
_OWN_HEADERS = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "age", "x-cache"}
)


@dataclass(frozen=True)
class Behavior:
    """How long, in seconds, answers under a path pattern are kept, and what else is part of the key."""

    pattern: str
    least: float
    usual: float
    most: float
    query: bool
    encodings: bool

    def covers(self, path: str) -> bool:
        return matches(self.pattern, path)


@dataclass
class Kept:
    """One stored answer. `until` and `stored` are of the monotonic clock."""

    path: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    stored: float
    until: float


@dataclass
class Asked:
    """What a visitor asks. Header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def encodings(self) -> str:
        """Normalised, as in the cache key: `br,gzip`, `br`, `gzip` or `identity`."""
        offered = {
            part.partition(";")[0].strip() for part in self.headers.get("accept-encoding", "").split(",")
        }
        return ",".join(name for name in ("br", "gzip") if name in offered) or "identity"


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


@dataclass
class Config:
    behaviors: list[Behavior] = field(default_factory=list)
    errors: dict[int, float] = field(default_factory=dict)
    """ErrorCachingMinTTL by status"""


def matches(pattern: str, path: str) -> bool:
    """CloudFront's path patterns: `*` for any characters, `?` for one; the leading slash may be left out."""
    text = pattern if pattern.startswith(("/", "*")) else "/" + pattern
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in text)
    return re.fullmatch("".join(parts), path, re.DOTALL) is not None


def invalidates(pattern: str, path: str) -> bool:
    """Whether an invalidation path names a path; `*` only counts as its last character, and case counts."""
    pattern = unquote(pattern if pattern.startswith("/") else "/" + pattern)
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path == pattern


def kept_for(headers: list[tuple[str, str]], behavior: Behavior, now: float) -> float:
    """Seconds that an answer without error is kept; 0 when it is not."""
    control = _directives(headers)
    if control.keys() & {"no-cache", "no-store", "private"}:
        return behavior.least
    age = _age(control, headers, now)
    if age is None:
        return max(behavior.least, behavior.usual)
    return max(behavior.least, min(age, behavior.most))


def error_kept_for(
    status: int, headers: list[tuple[str, str]], errors: dict[int, float], now: float
) -> float:
    """Seconds that an error is kept; 0 when it is not."""
    age = _age(_directives(headers), headers, now)
    if (
        status not in ALWAYS_KEPT
        and status not in errors
        and not (status in _KEPT_WITH_AGE and age is not None)
    ):
        return 0.0
    return max(errors.get(status, ERROR_SECONDS), age or 0.0)


def _directives(headers: list[tuple[str, str]]) -> dict[str, str]:
    text = ",".join(value for name, value in headers if name.lower() == "cache-control")
    pairs = (part.strip().partition("=") for part in text.split(",") if part.strip())
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _age(control: dict[str, str], headers: list[tuple[str, str]], now: float) -> float | None:
    for name in ("s-maxage", "max-age"):
        if control.get(name, "").isdigit():
            return float(control[name])
    expires = next((value for name, value in headers if name.lower() == "expires"), None)
    if expires is None:
        return None
    try:
        return max(0.0, parsedate_to_datetime(expires).timestamp() - now)
    except (TypeError, ValueError):
        return 0.0


class Api:
    """The few questions that the edge asks. Its credentials are an emulator's: the account and no secret."""

    def __init__(self, endpoint: str, account: str, region: str, distribution: str) -> None:
        split = urlsplit(endpoint)
        self._host, self._port = split.hostname or "127.0.0.1", split.port or 80
        self._headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/cloudfront/"
            "aws4_request, SignedHeaders=host, Signature=0",
            "Host": "cloudfront.amazonaws.com",
        }
        self.account = self._headers["Authorization"]
        self._distribution = distribution
        self._local = threading.local()

    def connection(self) -> http.client.HTTPConnection:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        found: http.client.HTTPConnection = self._local.connection
        return found

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """Asks once more on a fresh connection when the kept one has been closed meanwhile."""
        for last in (False, True):
            connection = self.connection()
            try:
                connection.request(method, target, body=body or None, headers=headers)
                found = connection.getresponse()
                return Answer(found.status, found.getheaders(), found.read())
            except (http.client.HTTPException, OSError):
                connection.close()
                self._local.connection = None
                if last:
                    raise
        raise AssertionError

    def get(self, path: str) -> ET.Element | None:
        answer = self.send("GET", path, self._headers)
        if answer.status != 200:
            return None
        root = ET.fromstring(answer.body)  # noqa: S314  the emulator's own answer
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def invalidations(self) -> list[tuple[str, str]]:
        """Ids and statuses, all pages."""
        found: list[tuple[str, str]] = []
        marker = ""
        while True:
            more = f"?Marker={marker}" if marker else ""
            root = self.get(f"{API}/{self._distribution}/invalidation{more}")
            if root is None:
                return found
            summaries = root.iter("InvalidationSummary")
            found += [(_text(one, "Id"), _text(one, "Status")) for one in summaries]
            marker = _text(root, "NextMarker")
            if _text(root, "IsTruncated") != "true" or not marker:
                return found

    def paths(self, invalidation: str) -> list[str]:
        root = self.get(f"{API}/{self._distribution}/invalidation/{invalidation}")
        return [] if root is None else [one.text or "" for one in root.iter("Path")]

    def config(self) -> Config | None:
        root = self.get(f"{API}/{self._distribution}/config")
        if root is None:
            return None
        config = Config()
        for element in [*root.iter("CacheBehavior"), *root.iter("DefaultCacheBehavior")]:
            config.behaviors.append(self._behavior(element))
        for element in root.iter("CustomErrorResponse"):
            least = _text(element, "ErrorCachingMinTTL")
            config.errors[int(_text(element, "ErrorCode") or 0)] = float(least or ERROR_SECONDS)
        return config

    def _behavior(self, element: ET.Element) -> Behavior:
        pattern = _text(element, "PathPattern") or "*"
        policy = self.get(f"/2020-05-31/cache-policy/{_text(element, 'CachePolicyId')}/config")
        source = element if policy is None else policy
        query = source.find(".//QueryStringBehavior")
        forwarded = element.find("ForwardedValues/QueryString")
        return Behavior(
            pattern,
            float(_text(source, "MinTTL") or 0),
            float(_text(source, "DefaultTTL") or 86400),
            float(_text(source, "MaxTTL") or 31536000),
            query=(query is not None and query.text != "none")
            or (policy is None and forwarded is not None and forwarded.text == "true"),
            encodings=any(
                _text(source, f".//EnableAcceptEncoding{name}") == "true" for name in ("Gzip", "Brotli")
            ),
        )


def _text(element: ET.Element, path: str) -> str:
    found = element.find(path)
    return (found.text or "").strip() if found is not None else ""


class Edge:
    """One edge location."""

    def __init__(self, api: Api, domain: str) -> None:
        self._api, self._domain = api, domain
        self._kept: dict[str, Kept] = {}
        self._seen: set[str] = set()
        self._config = Config()
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self._learn()
            if asked.method not in {"GET", "HEAD"}:
                return self._ask(asked, asked.method, {})
            return self._from_cache(asked)

    def _learn(self) -> None:
        """Drops what invalidations that have completed since the last answer name."""
        for one, status in self._api.invalidations():
            if one in self._seen or status != "Completed":
                continue
            self._seen.add(one)
            paths = self._api.paths(one)
            gone = [key for key, kept in self._kept.items() if any(invalidates(p, kept.path) for p in paths)]
            for key in gone:
                del self._kept[key]

    def _from_cache(self, asked: Asked) -> Answer:
        if not self._config.behaviors:
            self._config = self._api.config() or self._config
        kept, now = self._kept.get(self._key(asked)), time.monotonic()
        if kept is not None and now < kept.until:
            cached = "Hit" if kept.status < 400 else "Error"
            return _served(kept, asked.method, cached, int(now - kept.stored))
        return self._fetch(asked, kept)

    def _fetch(self, asked: Asked, kept: Kept | None) -> Answer:
        found = self._ask(asked, "GET", _validators(kept))
        self._config = self._api.config() or self._config
        now, path = time.monotonic(), asked.path
        if kept is not None and kept.status < 400 and found.status >= 500:
            return _served(kept, asked.method, "Hit", int(now - kept.stored))
        if kept is not None and found.status == 304:
            kept.stored, kept.until = now, now + self._seconds(path, kept.status, kept.headers)
            return _served(kept, asked.method, "RefreshHit", 0)
        seconds = self._seconds(path, found.status, found.headers)
        fresh = Kept(path, found.status, found.headers, found.body, now, now + seconds)
        self._kept.pop(self._key(asked), None)
        if seconds > 0:
            self._kept[self._key(asked)] = fresh
        return _served(fresh, asked.method, "Miss" if found.status < 400 else "Error", None)

    def _seconds(self, path: str, status: int, headers: list[tuple[str, str]]) -> float:
        if status >= 400:
            return error_kept_for(status, headers, self._config.errors, time.time())
        behavior = self._behavior(path)
        return kept_for(headers, behavior, time.time()) if behavior is not None else 0.0

    def _behavior(self, path: str) -> Behavior | None:
        return next((one for one in self._config.behaviors if one.covers(path)), None)

    def _key(self, asked: Asked) -> str:
        behavior = self._behavior(asked.path)
        query = urlsplit(asked.target).query if behavior is None or behavior.query else ""
        return json.dumps([asked.path, query, asked.encodings if behavior and behavior.encodings else ""])

    def _ask(self, asked: Asked, method: str, more: dict[str, str]) -> Answer:
        """The distribution's own answer, as if a visitor had come over HTTPS."""
        headers = {name: value for name, value in asked.headers.items() if name not in _HOP_BY_HOP}
        headers |= {"host": self._domain, "x-forwarded-proto": "https", "accept-encoding": asked.encodings}
        headers["authorization"] = self._api.account
        return self._api.send(method, asked.target, headers | more, asked.body)


def _validators(kept: Kept | None) -> dict[str, str]:
    if kept is None or kept.status >= 400:
        return {}
    known = {name.lower(): value for name, value in kept.headers}
    pairs = (("if-none-match", "etag"), ("if-modified-since", "last-modified"))
    return {asked: known[name] for asked, name in pairs if name in known}


def _served(kept: Kept, method: str, cached: str, age: int | None) -> Answer:
    headers = [pair for pair in kept.headers if pair[0].lower() not in _OWN_HEADERS]
    headers += [("X-Cache", f"{cached} from cloudfront"), ("Content-Length", str(len(kept.body)))]
    headers += [("Age", str(age))] if age is not None else []
    return Answer(kept.status, headers, kept.body if method == "GET" else b"")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    edge: Edge

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = self.edge.answer(Asked(self.command, self.path, headers, body))
        except (http.client.HTTPException, OSError, ET.ParseError) as error:
            said = f"the edge cannot reach the distribution: {type(error).__name__}".encode()
            answer = Answer(502, [("X-Cache", "Error from cloudfront")], said)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        names = set()
        for name, value in answer.headers:
            if name.lower() not in {"connection", "transfer-encoding", "keep-alive"}:
                self.send_header(name, value)
                names.add(name.lower())
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Silent: what visitors ask is in the journal."""


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(Handler, f"do_{_method}", Handler._handle)


def main() -> None:
    asked = json.loads(sys.argv[1])
    api = Api(asked["endpoint"], asked["account"], asked["region"], asked["distribution"])
    Handler.edge = Edge(api, asked["domain"])
    server = ThreadingHTTPServer(("127.0.0.1", int(asked["port"])), Handler)
    server.daemon_threads = True
    server.serve_forever(poll_interval=0.5)


if __name__ == "__main__":
    main()
