"""Signing with a key that never leaves AWS KMS."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import serialization
from securesystemslib.signer import AWSSigner, Signature, SSlibKey

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.seal.keys import public_key

_ALGORITHM = "ECDSA_SHA_256"


class KmsSigner(AWSSigner):
    """securesystemslib's signer with a client of its own: theirs knows no endpoint but AWS'."""

    def __init__(self, key_id: str, public: SSlibKey, client: Any) -> None:
        self.aws_key_id = key_id
        self._public_key = public
        self.client = client
        self.aws_algo = _ALGORITHM

    def sign(self, payload: bytes) -> Signature:
        try:
            return super().sign(payload)
        except (BotoCoreError, ClientError) as error:
            raise _unavailable(self.aws_key_id, error) from error


def kms_signer(key_id: str, *, endpoint: str | None, region: str | None) -> KmsSigner:
    """Raises BadInput for a key that is not ECC_NIST_P256, EnvironmentUnavailable when KMS says no."""
    client = boto3.client("kms", endpoint_url=endpoint, region_name=region)
    try:
        found = client.get_public_key(KeyId=key_id)
    except (BotoCoreError, ClientError) as error:
        raise _unavailable(key_id, error) from error
    if _ALGORITHM not in found["SigningAlgorithms"]:
        raise BadInput(
            "this key of KMS cannot sign with ECDSA and SHA-256",
            where=key_id,
            remedy="make one with --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY",
        )
    public = serialization.load_der_public_key(found["PublicKey"])
    keyid = public_key(public, key_id).keyid
    return KmsSigner(key_id, SSlibKey.from_crypto(public, keyid=keyid), client)


def _unavailable(key_id: str, error: Exception) -> EnvironmentUnavailable:
    return EnvironmentUnavailable(
        f"KMS does not sign: {error}",
        where=key_id,
        remedy="see that the key is there and that kms:Sign and kms:GetPublicKey are allowed",
    )
