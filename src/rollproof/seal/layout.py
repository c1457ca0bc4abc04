"""What lies in a bundle: which files the seal covers, and which lie beside it."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEAL = "seal.json"
"""the DSSE envelope"""
CHECKSUM = "seal.sha256"
"""SHA-256 of the envelope, as `sha256sum --check` reads it"""
TIMESTAMP = "seal.tsr"
"""the answer of a time-stamp authority (RFC 3161)"""
SIGNATURES = "signatures"
"""folder of the sign-offs, which come after the seal"""
LEASE = ".lease"
"""the empty file by which a run holds its folder"""
_BESIDE = frozenset({SEAL, CHECKSUM, TIMESTAMP})
_CHUNK = 1 << 20
_LARGEST_SEAL = 64 << 20
"""bytes of a seal or a sign-off, which are read whole before anybody knows who made them"""
_LARGEST = 1 << 30
"""bytes of one file; Rollproof writes none that is near it, and a file with holes may claim any size"""


@dataclass(frozen=True, slots=True)
class Strange:
    """Something in a bundle that is no plain file in a plain place."""

    name: str
    why: str


def covered(name: str) -> bool:
    """Whether the seal must list a file of this name."""
    return name not in _BESIDE and not name.startswith(f"{SIGNATURES}/")


def unreadable(path: Path) -> str:
    """Why a file beside bundles is not to be opened: no plain one, or of a size to choke on; or empty.

    A pipe would be waited for, and a link leads wherever somebody wants. Nothing is wrong with none at all.
    """
    if path.is_symlink():
        return "a symbolic link, which can lead anywhere"
    if not path.exists():
        return ""
    if not path.is_file():
        return "no plain file"
    return "larger than 1 GiB" if path.stat().st_size > _LARGEST else ""


def listing(folder: Path) -> tuple[list[str], list[Strange]]:
    """Names of all files of a bundle, sorted, with `/` between folders; and what is no plain file."""
    names: list[str] = []
    strange: list[Strange] = []
    for entry, name in _walk(folder):
        if entry.is_symlink():
            strange.append(Strange(name, "a symbolic link, which can lead anywhere"))
        elif not entry.is_file(follow_symlinks=False):
            strange.append(Strange(name, "neither a file nor a folder"))
        elif entry.stat(follow_symlinks=False).st_size > _LARGEST:
            strange.append(Strange(name, "larger than 1 GiB"))
        elif not covered(name) and entry.stat(follow_symlinks=False).st_size > _LARGEST_SEAL:
            strange.append(Strange(name, "larger than 64 MiB"))
        elif not (name.rpartition("/")[2] == LEASE and entry.stat().st_size == 0):
            names.append(name)
    return sorted(names), strange + list(_ambiguous(names))


def _walk(folder: Path) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Not by recursion: whoever made a bundle decides how deep its folders go."""
    waiting = [(str(folder), "")]
    while waiting:
        path, prefix = waiting.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{prefix}{entry.name}/"))
                else:
                    yield entry, prefix + entry.name


def _ambiguous(names: list[str]) -> Iterator[Strange]:
    """Names that another file system, or a reader's eye, may take for one another."""
    seen: dict[str, str] = {}
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            yield Strange(name.encode("utf-8", "backslashreplace").decode(), "a name that is not UTF-8")
            continue
        if any(unicodedata.category(letter) in {"Cc", "Cf"} for letter in name) or "\\" in name:
            yield Strange(name.encode("unicode_escape").decode(), "a name with letters that cannot be seen")
        plain = unicodedata.normalize("NFKC", name).casefold()
        if plain in seen:
            yield Strange(name, f"a name that is easily taken for {seen[plain]}")
        seen[plain] = name


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex. Raises OSError when it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
