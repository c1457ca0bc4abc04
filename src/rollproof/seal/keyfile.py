"""Making a key: once, by a person, for good; never on the way."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from rollproof.errors import BadInput
from rollproof.seal.keys import PASSPHRASE, public_key


def make_key(path: Path) -> str:
    """Writes an Ed25519 key as PEM (PKCS 8), and its public part beside it; the key's id.

    Protected by the passphrase in the variable ROLLPROOF_KEY_PASSPHRASE where it is set.
    Raises BadInput when a file is there already, or cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    public = public_key(private.public_key(), str(path))
    passphrase = os.environ.get(PASSPHRASE, "").encode()
    how: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how), mode=0o600)
        _write_new(path.with_name(f"{path.name}.pub"), public.pem.encode(), mode=0o644)
    except FileExistsError as error:
        raise BadInput(
            "this file is there already",
            where=str(error.filename),
            remedy="a key is not made anew over an old one",
        ) from error
    except OSError as error:
        raise BadInput(f"the key cannot be written ({error.strerror})", where=str(path)) from error
    return public.keyid


def _write_new(path: Path, body: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
