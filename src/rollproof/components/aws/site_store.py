"""What a bucket holds: every object with its bytes' digest and its headers, and every version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.site_references import kind_of
from rollproof.drill.drill import Drill
from rollproof.model.json import Json

THREADS = 8
"""Requests to S3 at once; boto3's clients keep ten connections."""
_CHUNK = 2**20
_TEXT_BYTES = 4 * 2**20
"""A text beyond this size is not kept, and so not searched for what it names."""
_HEADERS = {
    "content-type": "ContentType",
    "cache-control": "CacheControl",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-disposition": "ContentDisposition",
    "expires": "ExpiresString",
    "location": "WebsiteRedirectLocation",
}
SETTABLE = {name: field for name, field in _HEADERS.items() if name != "expires"}
"""Headers of an object and what S3 calls them when one is put."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a key, or a delete marker. `at`: when it was made, seconds since 1970."""

    key: str
    id: str
    latest: bool
    deleted: bool
    at: float


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as it is served.

    Attributes:
        version: its id; `null` in a bucket that keeps none.
        sha256: of its bytes, in hex.
        headers: lower-case names of those that are set.
    """

    key: str
    version: str
    sha256: str
    size: int
    headers: Mapping[str, str]
    metadata: Mapping[str, str]

    def to_json(self) -> dict[str, Json]:
        return {
            "sha256": self.sha256,
            "bytes": self.size,
            **{name: self.headers.get(name) for name in _HEADERS},
            "metadata": dict(sorted(self.metadata.items())),
        }


class Store:
    """Reads buckets. A version never changes, so none is read twice; what has no version always is."""

    def __init__(self, drill: Drill) -> None:
        self._cloud = drill.use(Cloud)
        self._known: dict[tuple[str, str, str], Stored] = {}
        self._texts: dict[str, bytes] = {}

    @property
    def client(self) -> Any:
        return self._cloud.client("s3")

    def keeps_versions(self, bucket: str) -> bool:
        """Whether versioning is switched on now. Raises AttemptFailed when the bucket cannot be asked."""
        with calling("asking whether a bucket keeps versions", where=bucket):
            status = self.client.get_bucket_versioning(Bucket=bucket).get("Status")
        return bool(status == "Enabled")

    def versions(self, bucket: str, prefix: str = "") -> Iterator[Version]:
        """Every version and delete marker, page by page; a key's newest first."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        with calling("listing the versions of objects", where=bucket):
            for page in pages:
                yield from _versions(page.get("Versions", ()), deleted=False)
                yield from _versions(page.get("DeleteMarkers", ()), deleted=True)

    def objects(self, bucket: str, prefix: str = "") -> list[Stored]:
        """Every object as it is now, in order of keys. Raises AttemptFailed."""
        if self.keeps_versions(bucket):
            listed = [v for v in self.versions(bucket, prefix) if v.latest and not v.deleted]
            wanted = [(version.key, version.id) for version in listed]
        else:
            wanted = [(key, "") for key in self._keys(bucket, prefix)]
        return sorted(self.read(bucket, wanted), key=lambda stored: stored.key)

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        with calling("listing the objects of a bucket", where=bucket):
            for page in pages:
                yield from (item["Key"] for item in page.get("Contents", ()))

    def read(self, bucket: str, wanted: Iterable[tuple[str, str]]) -> list[Stored]:
        """Keys with their version ids, each read once; an empty id is whatever is there now."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(lambda one: self._one(bucket, *one), wanted))

    def _one(self, bucket: str, key: str, version: str) -> Stored:
        if known := self._known.get((bucket, key, version)):
            return known
        more = {"VersionId": version} if version else {}
        with calling("reading an object", where=f"s3://{bucket}/{key}"):
            answer = self.client.get_object(Bucket=bucket, Key=key, **more)
            stored = self._take_in(key, answer)
        if version not in ("", "null"):
            self._known[bucket, key, version] = stored
        return stored

    def _take_in(self, key: str, answer: Mapping[str, Any]) -> Stored:
        headers = {name: str(answer[field]) for name, field in _HEADERS.items() if answer.get(field)}
        keep = bool(kind_of(key, headers.get("content-type", ""))) and answer["ContentLength"] <= _TEXT_BYTES
        digest, size, text = hashlib.sha256(), 0, b""
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            text += chunk if keep else b""
        if keep:
            self._texts[digest.hexdigest()] = text
        version = str(answer.get("VersionId") or "null")
        return Stored(key, version, digest.hexdigest(), size, headers, dict(answer.get("Metadata", {})))

    def text(self, sha256: str) -> bytes | None:
        """The bytes of a text that was read, as stored; None for what was not kept."""
        return self._texts.get(sha256)


def _versions(items: Iterable[Mapping[str, Any]], *, deleted: bool) -> Iterator[Version]:
    for item in items:
        at = item["LastModified"].timestamp()
        yield Version(item["Key"], item["VersionId"], bool(item["IsLatest"]), deleted, at)
