"""Keys: the public ones that a checker brings along, and the private ones that sign.

A key is called by the SHA-256 of its public part in DER, which anyone can work out:
`openssl pkey -pubin -in KEY -outform DER | sha256sum`. Nowhere is a key made up on the way: a signature by
a key that nobody knew before says nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from rollproof.errors import BadInput
from rollproof.seal import sshsig
from rollproof.seal.statement import Key

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
ED25519, P256, SSHSIG = "ed25519", "ecdsa-sha2-nistp256", "sshsig-ed25519"
PASSPHRASE = "ROLLPROOF_KEY_PASSPHRASE"  # noqa: S105  the variable's name
"""variable that holds the passphrase of a private key that has one"""
_KINDS = "an Ed25519 or ECDSA P-256 key, as PEM or as OpenSSH writes it"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key and where it came from."""

    keyid: str
    public: Public
    source: str

    @property
    def scheme(self) -> str:
        return ED25519 if isinstance(self.public, ed25519.Ed25519PublicKey) else P256

    @property
    def pem(self) -> str:
        return self.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def named(self, *, scheme: str = "") -> Key:
        """As a statement names it."""
        return Key(self.keyid, scheme or self.scheme, self.pem)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`: plain, or as OpenSSH signs files."""
        try:
            if isinstance(self.public, ec.EllipticCurvePublicKey):
                self.public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
            elif signature.startswith(sshsig.MAGIC):
                plain, over = sshsig.parts(signature, data)
                self.public.verify(plain, over)
            else:
                self.public.verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


def public_key(public: object, source: str) -> PublicKey:
    """Raises BadInput for a kind of key that is not used here."""
    on_curve = isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1)
    if not isinstance(public, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) or (
        isinstance(public, ec.EllipticCurvePublicKey) and not on_curve
    ):
        raise BadInput("a key of a kind that is not used for seals", where=source, remedy=f"use {_KINDS}")
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(hashlib.sha256(der).hexdigest(), public, source)


def key_named(key: Key) -> PublicKey:
    """The public key that a statement carries, of which nobody has said that it is anybody's.

    Raises BadInput when it is none, or is called by another key's id.
    """
    found = next(_read(key.public.encode(), "the statement"), None)
    if found is None or found.keyid != key.keyid:
        raise BadInput("the key in the statement is not the one that it is called by")
    return found


def public_keys(places: Iterable[Path]) -> list[PublicKey]:
    """All public keys in files, and in the files of folders.

    A file holds PEM keys, or a key a line as in `authorized_keys` and `allowed_signers`.

    Raises BadInput for a file that cannot be read or holds no key, and for a private key.
    """
    return [key for place in places for path in _files(place) for key in _of_file(path)]


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    return sorted(path for path in place.iterdir() if path.suffix in {".pub", ".pem"} and path.is_file())


def _of_file(path: Path) -> list[PublicKey]:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise BadInput(f"the keys cannot be read ({error.strerror})", where=str(path)) from error
    if b"PRIVATE KEY" in body:
        raise BadInput(
            "this is a private key", where=str(path), remedy="name its public part; nobody else needs more"
        )
    if not (found := list(_read(body, str(path)))):
        raise BadInput("there is no public key in this file", where=str(path), remedy=f"name {_KINDS}")
    return found


def _read(body: bytes, source: str) -> Iterator[PublicKey]:
    try:
        if b"-----BEGIN PUBLIC KEY-----" in body:
            for part in body.split(b"-----BEGIN PUBLIC KEY-----")[1:]:
                public = serialization.load_pem_public_key(b"-----BEGIN PUBLIC KEY-----" + part)
                yield public_key(public, source)
            return
        for line in body.splitlines():
            words = line.split()
            at = next((n for n, word in enumerate(words) if word.startswith((b"ssh-", b"ecdsa-"))), None)
            if at is not None and not line.startswith(b"#"):
                _expect_unconditional(words[:at], source)
                public = serialization.load_ssh_public_key(b" ".join(words[at : at + 2]))
                yield public_key(public, source)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput("this is no public key", where=source, remedy=f"name {_KINDS}") from error


def _expect_unconditional(before: list[bytes], source: str) -> None:
    """What stands before a key in `allowed_signers` may limit it; a limit that is not kept is none."""
    limits = (b"cert-authority", b"valid-after=", b"valid-before=", b"namespaces=", b"@")
    told = [word for one in before for word in one.lower().split(b",") if word.startswith(limits)]
    if any(word not in {b'namespaces="rollproof"', b"namespaces=rollproof"} for word in told):
        raise BadInput(
            "a key with conditions, which are not looked at here",
            where=source,
            remedy="name a file with the keys that are good today, without conditions",
        )


def signer_of(key: str, *, root: Path, endpoint: str | None = None, region: str | None = None) -> Signer:
    """Who signs with a key.

    Args:
        key: a file with a private key, relative to `root`; `env:NAME` for a variable that holds one;
            `agent:FILE` for a key of ssh-agent, by its public part; `awskms:KEY` for a key of AWS KMS.
        endpoint, region: of KMS; the account is the one that boto3 finds.

    Raises:
        BadInput: there is no such key, or it is of a kind that is not used here.
        EnvironmentUnavailable: KMS, or the agent, does not answer.
    """
    if key.startswith("awskms:"):
        from rollproof.seal.kms import kms_signer

        return kms_signer(key.removeprefix("awskms:"), endpoint=endpoint, region=region)
    if key.startswith("agent:"):
        from rollproof.seal.agent import AgentSigner

        path = root / key.removeprefix("agent:")
        return AgentSigner(path, _of_file(path)[0])
    body, source = _private_text(key, root)
    return _local_signer(private_key(body, source), source)


def _private_text(key: str, root: Path) -> tuple[bytes, str]:
    if key.startswith("env:"):
        name = key.removeprefix("env:")
        if not (text := os.environ.get(name, "")):
            raise BadInput(f"the variable {name} holds no key", remedy="set it, or name a file")
        return text.encode(), f"variable {name}"
    path = root / key
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        raise BadInput(
            f"the key cannot be read ({error.strerror})",
            where=str(path),
            remedy="make one with `rollproof keygen`, or name another",
        ) from error


def private_key(body: bytes, source: str) -> Private:
    """A private key from PEM or OpenSSH's form. Raises BadInput when it is none that can be used."""
    passphrase = os.environ.get(PASSPHRASE, "").encode() or None
    load = (
        serialization.load_ssh_private_key
        if b"OPENSSH PRIVATE KEY" in body
        else serialization.load_pem_private_key
    )
    try:
        key = load(body.strip() + b"\n", passphrase)
    except TypeError as error:
        remedy = f"put it into the variable {PASSPHRASE}" if passphrase is None else f"unset {PASSPHRASE}"
        raise BadInput(
            "the key's passphrase is missing or not needed", where=source, remedy=remedy
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput("this is no private key, or its passphrase is another", where=source) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise BadInput("a key of a kind that is not used for seals", where=source, remedy=f"use {_KINDS}")
    return key


def _local_signer(private: Private, source: str) -> Signer:
    from securesystemslib.signer import CryptoSigner, SSlibKey

    keyid = public_key(private.public_key(), source).keyid
    return CryptoSigner(private, SSlibKey.from_crypto(private.public_key(), keyid=keyid))


def signing_key(signer: Signer) -> Key:
    """The public part of who signs, as a statement names it."""
    from rollproof.seal.agent import AgentSigner

    if isinstance(signer, AgentSigner):
        return signer.key.named(scheme=SSHSIG)
    public = signer.public_key._crypto_key()  # type: ignore[attr-defined]  # of SSlibKey, which has no other way
    return public_key(public, "the signer").named()
