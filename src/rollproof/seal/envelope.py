"""The DSSE envelope: a payload, its type, and signatures over both.

Written by securesystemslib. Read here, in thirty lines, for two reasons: a bundle must be checked without
its boto3 and its dozen kinds of signer being loaded; and only the very bytes that a writer makes are taken
for an envelope, so that there is no byte in the file that could be changed unseen.
Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, version 1.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollproof.model.json import Json, canonical, read_canonical

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

PAYLOAD = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload and who signed it: (key id, signature) pairs."""

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def to_bytes(self) -> bytes:
        signatures: list[Json] = [{"keyid": keyid, "sig": _text(sig)} for keyid, sig in self.signatures]
        return (
            canonical({"payload": _text(self.payload), "payloadType": PAYLOAD, "signatures": signatures})
            + b"\n"
        )

    @property
    def signed(self) -> bytes:
        """What a signature is over: DSSE's pre-authentication encoding."""
        kind = PAYLOAD.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)

    @classmethod
    def from_bytes(cls, body: bytes) -> Envelope:
        """Raises ValueError, KeyError or TypeError for anything but what `to_bytes` writes."""
        data = read_canonical(body.removesuffix(b"\n"))
        found = cls(
            _bytes(data["payload"]), tuple((one["keyid"], _bytes(one["sig"])) for one in data["signatures"])
        )
        if data["payloadType"] != PAYLOAD or not _named(found) or found.to_bytes() != body:
            raise ValueError("not an envelope as Rollproof writes it")
        return found


def sealed(payload: bytes, signer: Signer | None) -> Envelope:
    """The payload in an envelope; signed, where there is somebody to sign. Errors are the signer's own."""
    if signer is None:
        return Envelope(payload, ())
    from securesystemslib.dsse import Envelope as Dsse

    envelope = Dsse(payload, PAYLOAD, {})
    signature = envelope.sign(signer)
    return Envelope(payload, ((signature.keyid, bytes.fromhex(signature.signature)),))


def _named(envelope: Envelope) -> bool:
    return all(isinstance(keyid, str) for keyid, _ in envelope.signatures)


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not Base64") from error
