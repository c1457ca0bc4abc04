"""Builds of a site: the files of a release's folder, and what a bucket serves, with what its pages name."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import mimetypes
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

from rollproof.components.aws.site_place import Place
from rollproof.components.aws.site_references import (
    HTML,
    SCRIPT,
    Reference,
    kind_of,
    literals,
    local_path,
    references,
)
from rollproof.components.aws.site_store import Store, Stored
from rollproof.errors import BadInput
from rollproof.model.json import Json

PAGE_CACHE = "no-cache"
HASHED_CACHE = "public, max-age=31536000, immutable"
OTHER_CACHE = "public, max-age=0, must-revalidate"
_TYPES = mimetypes.MimeTypes(filenames=())
for _suffix, _type in {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".avif": "image/avif",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".xml": "application/xml",
}.items():
    _TYPES.add_type(_type, _suffix)
_HASH = re.compile(r"[.\-_]([A-Za-z0-9_-]{8,64})(?=\.[A-Za-z0-9.]+$)")
_SIZE = re.compile(r"\d+x\d+")


@dataclass(frozen=True)
class BuiltFile:
    """One file to publish. `path` is relative, with forward slashes; `headers` by lower-case name."""

    path: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str]

    @property
    def page(self) -> bool:
        return kind_of(self.path, self.headers.get("content-type", "")) == HTML


def built_files(folder: Path, cache: Mapping[str, str]) -> list[BuiltFile]:
    """Every file of a build's folder, hidden ones left out but for `.well-known`.

    Raises BadInput when there is no such folder, or nothing in it.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder))
    if not found:
        raise BadInput(
            "there are no built files",
            doing="reading the build of a site",
            where=str(folder),
            remedy="build the frontend, or correct `builds` of the [site.*]",
        )
    return [built_file(path.relative_to(folder).as_posix(), path.read_bytes(), cache) for path in found]


def _hidden(path: Path, folder: Path) -> bool:
    return any(p.startswith(".") and p != ".well-known" for p in path.relative_to(folder).parts)


def built_file(path: str, body: bytes, cache: Mapping[str, str]) -> BuiltFile:
    """A file with the headers that it is published with."""
    content_type = type_of(path)
    fitting = (value for pattern, value in cache.items() if fnmatch.fnmatch(path, pattern))
    usual = (
        PAGE_CACHE if kind_of(path, content_type) == HTML else HASHED_CACHE if hashed(path) else OTHER_CACHE
    )
    return BuiltFile(path, body, {"content-type": content_type, "cache-control": next(fitting, usual)})


def type_of(path: str) -> str:
    """The media type that a file is served with, texts as UTF-8; the same on every machine."""
    found, encoding = _TYPES.guess_type(path, strict=False)
    if found is None or encoding is not None:
        return "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") else found


def hashed(path: str) -> bool:
    """Whether a file's name holds a digest of its content, as bundlers write it.

    Eight characters or more with a letter and a digit, no picture's size and no date; a name that only
    might hold one counts as plain, which costs a visitor a revalidation and nobody a stale file.
    """
    found = _HASH.search(path.rpartition("/")[2])
    token = found[1].rpartition("-")[2] if found and len(found[1].rpartition("-")[2]) >= 8 else ""
    token = token or (found[1] if found else "")
    has_both = any(c.isdigit() for c in token) and any(c.isalpha() for c in token)
    return has_both and not _SIZE.fullmatch(token)


@dataclass(frozen=True, slots=True)
class Named:
    """What a file of a build names: both as decoded paths that the site serves."""

    by: str
    path: str
    kind: str
    integrity: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Build:
    """What a site's bucket offers at one moment, by decoded path.

    Attributes:
        root: the path of the page that `/` is answered with; empty for none.
        files: of every path its facts, as `Stored.to_json` without the metadata.
        names: all that its pages name, and what that names in turn.
    """

    root: str
    files: Mapping[str, Mapping[str, Json]]
    pages: tuple[str, ...]
    names: tuple[Named, ...]

    def to_json(self) -> dict[str, Json]:
        return {
            "root": self.root,
            "files": {path: dict(said) for path, said in self.files.items()},
            "pages": list(self.pages),
            "names": [[n.by, n.path, n.kind, n.integrity, n.optional] for n in self.names],
        }

    def wanted(self) -> list[str]:
        """Every path that a visitor may ask because of this build."""
        root = ["/"] if self.root in self.files else []
        return list(dict.fromkeys([*root, *self.pages, *(named.path for named in self.names)]))


def captured(store: Store, place: Place) -> Build:
    """The build that a bucket offers now, under what the distribution serves. Raises AttemptFailed."""
    offered = {
        path: stored
        for stored in store.objects(place.bucket, place.folder)
        if (path := place.path_of(stored.key)) is not None
    }
    pages = tuple(path for path, stored in offered.items() if _kind(path, stored) == HTML)
    names = tuple(_walk(store, place, offered, pages))
    return Build(
        f"/{place.root}" if place.root else "",
        {path: _facts(stored) for path, stored in offered.items()},
        pages,
        names,
    )


def _facts(stored: Stored) -> dict[str, Json]:
    return {name: value for name, value in stored.to_json().items() if name != "metadata"}


def _kind(path: str, stored: Stored) -> str:
    return kind_of(path, stored.headers.get("content-type", ""))


def _walk(
    store: Store, place: Place, offered: Mapping[str, Stored], pages: tuple[str, ...]
) -> Iterator[Named]:
    seen, pending = set(pages), list(pages)
    while pending:
        path = pending.pop(0)
        if (stored := offered.get(path)) is None:
            continue
        for reference in _named_by(store, place, path, stored, offered):
            target = local_path(reference.target, frozenset(place.hosts))
            if target is None or not place.serves(target):
                continue
            yield Named(path, target, reference.kind, reference.integrity, reference.optional)
            if target not in seen and not reference.optional:
                seen.add(target)
                pending.append(target)


def _named_by(
    store: Store, place: Place, path: str, stored: Stored, offered: Mapping[str, Stored]
) -> list[Reference]:
    kind, text = _kind(path, stored), _plain(store.text(stored.sha256), stored)
    if not kind or text is None:
        return []
    at = place.url(path)
    found = references(text, kind=kind, url=at)
    if kind == SCRIPT:
        known = {one.target for one in found}
        listed = {
            url for text in literals(text) for url in (urljoin(at, text), urljoin(place.url("/"), text))
        }
        hosts = frozenset(place.hosts)
        found += [
            Reference(url, "listed")
            for url in sorted(listed - known)
            if (target := local_path(url, hosts)) in offered and target not in (path, "/")
        ]
    return found


def _plain(text: bytes | None, stored: Stored) -> bytes | None:
    """A text as it was before it was compressed; None for a coding that cannot be undone here."""
    match stored.headers.get("content-encoding", "").lower():
        case "" | "identity" | "aws-chunked":
            return text
        case "gzip" if text is not None:
            try:
                return gzip.decompress(text)
            except (OSError, EOFError, zlib.error):
                return None
        case _:
            return None


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
