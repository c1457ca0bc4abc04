"""Signatures as OpenSSH makes them for files (`ssh-keygen -Y sign`), by keys that stay in an agent.

Source: PROTOCOL.sshsig of OpenSSH.
"""

from __future__ import annotations

import base64
import hashlib
import struct

MAGIC = b"SSHSIG"
NAMESPACE = b"rollproof"
"""OpenSSH signs for a purpose, so that a signature for one thing is none for another"""
_HASHES = {b"sha512": hashlib.sha512, b"sha256": hashlib.sha256}


def parts(blob: bytes, data: bytes) -> tuple[bytes, bytes]:
    """The plain Ed25519 signature in `blob`, and what it must be over if `blob` signs `data`.

    Raises ValueError for another version, purpose, hash or kind of key, and for a blob cut short.
    """
    if blob[:10] != MAGIC + struct.pack(">I", 1):
        raise ValueError("not an SSH signature of version 1")
    fields, rest = [], blob[10:]
    for _ in range(5):
        field, rest = _string(rest)
        fields.append(field)
    _, namespace, reserved, hash_name, signature = fields
    if rest or namespace != NAMESPACE or hash_name not in _HASHES:
        raise ValueError("an SSH signature for another purpose")
    kind, rest = _string(signature)
    plain, rest = _string(rest)
    if rest or kind != b"ssh-ed25519":
        raise ValueError("not a signature by an Ed25519 key")
    digest = _HASHES[hash_name](data).digest()
    return plain, MAGIC + b"".join(map(_framed, (namespace, reserved, hash_name, digest)))


def unarmoured(text: bytes) -> bytes:
    """The blob between `-----BEGIN SSH SIGNATURE-----` and its end. Raises ValueError when it is none."""
    lines = text.strip().splitlines()
    if (
        not lines
        or lines[0] != b"-----BEGIN SSH SIGNATURE-----"
        or lines[-1] != b"-----END SSH SIGNATURE-----"
    ):
        raise ValueError("not an SSH signature")
    return base64.b64decode(b"".join(lines[1:-1]), validate=True)


def _string(body: bytes) -> tuple[bytes, bytes]:
    if len(body) < 4:
        raise ValueError("an SSH signature cut short")
    (length,) = struct.unpack(">I", body[:4])
    if len(body) < 4 + length:
        raise ValueError("an SSH signature cut short")
    return body[4 : 4 + length], body[4 + length :]


def _framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body
