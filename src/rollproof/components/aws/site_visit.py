"""Asking a site as a visitor does: through the edge, or CloudFront itself, never at the bucket."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from rollproof.components.aws.site_build import sha256
from rollproof.model.json import Json

THREADS = 4
ANSWER_SECONDS = 30.0
COMPARED = (
    "content-type",
    "cache-control",
    "expires",
    "content-encoding",
    "content-language",
    "content-disposition",
    "location",
    "access-control-allow-origin",
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-embedder-policy",
    "cross-origin-resource-policy",
)
"""Headers of an answer that a browser acts on; dates, ids and whether a cache answered are left out."""


INTEGRITY = ("sha256", "sha384", "sha512")
"""Subresource Integrity (W3C) knows these."""


def _digest(name: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(name, body).digest()).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one path was answered with.

    Attributes:
        status: 0 when there was no answer.
        headers: those in `COMPARED`, lower-case.
        cached: what X-Cache says; `age` the seconds that a cache has had it, None when none had.
        error: why there was no answer.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    cached: str = ""
    age: int | None = None
    error: str = ""

    def to_json(self, *, digests: bool = False) -> dict[str, Json]:
        """`digests`: also those that an `integrity` attribute may name."""
        more: dict[str, Json] = (
            {"digests": {name: _digest(name, self.body) for name in INTEGRITY}} if digests else {}
        )
        return {
            **more,
            "status": self.status,
            "sha256": sha256(self.body),
            "bytes": len(self.body),
            "headers": dict(self.headers),
            "cached": self.cached,
            "age": self.age,
            "error": self.error,
        }


class Visitor:
    """Asks one site's paths, as a browser that offers no compression: what is compared are bytes."""

    def __init__(self, base: str) -> None:
        """`base`: where the site is asked, such as `http://127.0.0.1:41000` or `https://d1.cloudfront.net`."""
        self._client = httpx.Client(
            base_url=base,
            trust_env=False,
            timeout=ANSWER_SECONDS,
            headers={"accept-encoding": "identity", "user-agent": "rollproof"},
        )

    def close(self) -> None:
        self._client.close()

    def ask(self, path: str, *, query: str = "") -> Answer:
        """One path, decoded; no redirect is followed and nothing is decompressed."""
        try:
            with self._client.stream("GET", quote(path) + (f"?{query}" if query else "")) as answer:
                body = b"".join(answer.iter_raw())
        except httpx.HTTPError as error:
            return Answer(0, b"", {}, error=type(error).__name__)
        headers = {name: answer.headers[name] for name in COMPARED if name in answer.headers}
        age = answer.headers.get("age", "")
        return Answer(
            answer.status_code,
            body,
            headers,
            answer.headers.get("x-cache", ""),
            int(age) if age.isdigit() else None,
        )

    def ask_all(self, paths: Iterable[str]) -> dict[str, Answer]:
        """Every path, a few at once."""
        wanted = list(paths)
        with ThreadPoolExecutor(THREADS) as pool:
            return dict(zip(wanted, pool.map(self.ask, wanted), strict=True))
