"""What a file is, by what is in it: its name says nothing."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rollproof.components.postgres.backups.found import TOC, unusable
from rollproof.errors import EnvironmentUnavailable

HEAD = 4096
"""bytes of a file that are looked at"""
GZIP = b"\x1f\x8b"
CUSTOM = b"PGDMP"
USTAR = b"ustar"
"""at byte 257 of a tar archive (POSIX.1-1988)"""
DATABASE_DUMP, CLUSTER_DUMP = b"-- PostgreSQL database dump", b"-- PostgreSQL database cluster dump"
DOING = "finding out what a backup is"
_UNPACK = "unpack it, or pack it with gzip"
_DECRYPT = "give drills one that is not, in a place that only they can read"
_DUMP = "take it with pg_dump"
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"Salted__", "it is encrypted (openssl)", _DECRYPT),
    (b"age-encryption.org/", "it is encrypted (age)", _DECRYPT),
    (b"-----BEGIN AGE ENCRYPTED", "it is encrypted (age)", _DECRYPT),
    (b"-----BEGIN PGP MESSAGE", "it is encrypted (OpenPGP)", _DECRYPT),
    (b"-----BEGIN PKCS7", "it is encrypted (PKCS #7)", _DECRYPT),
    (b"\x28\xb5\x2f\xfd", "it is packed with zstd", _UNPACK),
    (b"\xfd7zXZ\0", "it is packed with xz", _UNPACK),
    (b"BZh", "it is packed with bzip2", _UNPACK),
    (b"\x04\x22\x4d\x18", "it is packed with lz4", _UNPACK),
    (b"PK\x03\x04", "it is a ZIP archive", _UNPACK),
    (b"7z\xbc\xaf", "it is a 7z archive", _UNPACK),
    (b"PAR1", "it is Parquet, as exports of snapshots are", _DUMP),
    (b"SQLite format 3\0", "it is an SQLite database", _DUMP),
)
"""By how a file begins: what it is, and what to do."""
_OPENPGP = frozenset([0x84, 0x85, 0x8C, 0x8D, 0xC1, 0xC3])
"""First bytes of messages of OpenPGP (RFC 9580, 4.2 and 5): keys that a session key is encrypted with."""


class Form(Enum):
    """What pg_dump calls its output formats."""

    CUSTOM = "custom"
    DIRECTORY = "directory"
    TAR = "tar"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Content:
    """A backup that can be restored from a path on this machine.

    Attributes:
        packed: that it was packed with gzip as a whole; `path` is then what was in it.
    """

    form: Form
    path: Path
    packed: bool = False


def recognise(path: Path, *, name: str, unpack_to: Path) -> Content:
    """What a backup is; one that is packed as a whole is unpacked first.

    Raises EnvironmentUnavailable: empty, encrypted, packed otherwise, or none of pg_dump's.
    """
    if path.is_dir():
        return Content(Form.DIRECTORY, path)
    head = _head(path)
    if head.startswith(GZIP):
        _unpack(path, unpack_to, name)
        return Content(_form(unpack_to, _head(unpack_to), name), unpack_to, packed=True)
    return Content(_form(path, head, name), path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _unpack(path: Path, to: Path, name: str) -> None:
    try:
        with gzip.open(path, "rb") as packed, to.open("wb") as file:
            while block := packed.read(2**20):
                file.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _refused("it is cut off, or damaged: it cannot be unpacked", name, TAKE_AGAIN) from error
    except OSError as error:
        raise _refused(
            f"it cannot be unpacked ({error.strerror})", name, "free the space it needs"
        ) from error


TAKE_AGAIN = "see whether taking it was interrupted, or is not done yet; then take it again"


def _form(path: Path, head: bytes, name: str) -> Form:
    if not head:
        raise _refused("it is empty", name, TAKE_AGAIN)
    if head.startswith(CUSTOM):
        return Form.CUSTOM
    if head[257:262] == USTAR:
        return _of_tar(path, name)
    for begins, found, remedy in _MAGIC:
        if head.startswith(begins):
            raise _refused(found, name, remedy)
    return _of_text(head, name)


def _of_tar(path: Path, name: str) -> Form:
    """pg_dump's tar begins with its table of contents; that of a server's files has those."""
    if not _head(path).startswith(TOC.encode() + b"\0"):
        found = "it is a tar archive of something else than pg_dump's, such as a server's files"
        raise _refused(found, name, _DUMP)
    return Form.TAR


def _of_text(head: bytes, name: str) -> Form:
    if CLUSTER_DUMP in head:
        raise _refused(
            "it is of a whole server (pg_dumpall), whose roles and databases it would make",
            name,
            "take one of the database alone, with pg_dump",
        )
    if DATABASE_DUMP in head:
        return Form.PLAIN
    if head[0] in _OPENPGP:
        raise _refused("it is encrypted (OpenPGP)", name, _DECRYPT)
    raise _refused("it is nothing that pg_dump writes, or it is encrypted", name, _DUMP)


def _refused(found: str, name: str, remedy: str) -> EnvironmentUnavailable:
    return unusable(found, name, remedy, doing=DOING)
