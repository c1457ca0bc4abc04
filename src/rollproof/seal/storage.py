"""A copy of a sealed bundle in S3 that nobody can change for a time."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.model.seal import Seal
from rollproof.seal.layout import listing


def upload(folder: Path, settings: Seal) -> str:
    """Every file of a sealed bundle, each locked. Never of one that was not searched: only a seal gets here.

    Raises:
        BadInput: `compliance`, without saying that it is known that nobody can undo it.
        EnvironmentUnavailable: the bucket is not there, or does not lock objects.
    """
    if settings.lock == "compliance" and not settings.compliance_cannot_be_undone:
        raise BadInput(
            "a lock in compliance mode can be undone by nobody, the account's owner included",
            doing="uploading a sealed bundle",
            remedy="set compliance_cannot_be_undone = true in [tool.rollproof.seal], or lock by governance",
        )
    names, _ = listing(folder)
    target = f"{str(settings.upload).rstrip('/')}/{folder.name}"
    for name in names:
        put_object(f"{target}/{name}", (folder / name).read_bytes(), settings)
    return f"{len(names)} files copied to {target}"


def put_object(place: str, body: bytes, settings: Seal) -> None:
    """One object at `s3://bucket/key`, locked as configured. Raises EnvironmentUnavailable."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    client = boto3.client("s3", endpoint_url=settings.endpoint, region_name=settings.region)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    try:
        client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumSHA256=digest, **_lock(settings))
    except (BotoCoreError, ClientError) as error:
        raise EnvironmentUnavailable(
            f"S3 did not take the copy: {error}",
            where=place,
            remedy="see that the bucket is there, that it was made with object lock, and that s3:PutObject "
            "and s3:PutObjectRetention are allowed",
        ) from error


def _lock(settings: Seal) -> dict[str, Any]:
    if settings.lock == "none":
        return {}
    until = datetime.now(UTC) + timedelta(seconds=settings.retain)
    return {"ObjectLockMode": settings.lock.upper(), "ObjectLockRetainUntilDate": until}
