"""Changing what a site serves: objects put, restored and removed, the origin path, invalidations."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of
from rollproof.components.aws.site_build import BuiltFile
from rollproof.components.aws.site_store import SETTABLE, THREADS
from rollproof.errors import AttemptFailed
from rollproof.waiting import eventually

_GONE = frozenset({"NoSuchVersion", "NoSuchKey", "404"})


def put_files(s3: Any, bucket: str, folder: str, files: Sequence[BuiltFile]) -> None:
    """Uploads a build: what pages name first, pages last, so that no page is served before its assets.

    Raises AttemptFailed; what was put until then stays.
    """
    assets = [file for file in files if not file.page]
    pages = sorted((file for file in files if file.page), key=lambda file: -file.path.count("/"))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda file: _put(s3, bucket, folder, file), assets))
    for page in pages:
        _put(s3, bucket, folder, page)


def _put(s3: Any, bucket: str, folder: str, file: BuiltFile) -> None:
    headers = {SETTABLE[name]: value for name, value in file.headers.items() if name in SETTABLE}
    with calling("publishing a build", where=f"s3://{bucket}/{folder}{file.path}"):
        s3.put_object(Bucket=bucket, Key=folder + file.path, Body=file.body, **headers)


def copy_files(s3: Any, bucket: str, source: str, target: str, paths: Iterable[str]) -> None:
    """Copies objects from one folder of a bucket to another, headers and metadata with them."""
    for path in paths:
        with calling("carrying over what held pages name", where=f"s3://{bucket}/{target}{path}"):
            found = {"Bucket": bucket, "Key": source + path}
            s3.copy_object(Bucket=bucket, Key=target + path, CopySource=found, MetadataDirective="COPY")


def restore_versions(s3: Any, bucket: str, wanted: Mapping[str, str], *, last: Iterable[str]) -> None:
    """Makes an earlier version of each key the newest again, headers and metadata with it.

    Args:
        wanted: version id by key.
        last: keys that come after all others: the pages.

    Raises AttemptFailed when a version is not there any more, or is too large to be copied at once.
    """
    late = set(last)
    early = [key for key in wanted if key not in late]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda key: _restore(s3, bucket, key, wanted[key]), early))
    for key in sorted(late & wanted.keys(), key=lambda key: -key.count("/")):
        _restore(s3, bucket, key, wanted[key])


def _restore(s3: Any, bucket: str, key: str, version: str) -> None:
    try:
        with calling("restoring a version of an object", where=f"s3://{bucket}/{key}"):
            source = {"Bucket": bucket, "Key": key, "VersionId": version}
            s3.copy_object(Bucket=bucket, Key=key, CopySource=source, MetadataDirective="COPY")
    except AttemptFailed as error:
        if code_of(error) in _GONE:
            raise AttemptFailed(
                f"version {version} is not there any more",
                doing=error.doing,
                where=error.where,
                remedy="publish the previous release's build instead, and keep noncurrent versions longer",
                facts=error.facts,
            ) from error
        raise


def remove(s3: Any, bucket: str, keys: Sequence[str]) -> None:
    """Deletes keys, a thousand a call; in a bucket with versions each gets a delete marker."""
    for at in range(0, len(keys), 1000):
        objects = [{"Key": key} for key in keys[at : at + 1000]]
        with calling("removing objects", where=bucket):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            first = errors[0]
            raise AttemptFailed(
                f"{len(errors)} objects could not be removed, such as {first.get('Key')}: "
                f"{first.get('Code')}: {first.get('Message')}",
                doing="removing objects",
                where=bucket,
                facts={"code": str(first.get("Code"))},
            )


def serve_from(aws: Aws, distribution: str, origin: str, folder: str, *, limit: float) -> bool:
    """Lets an origin serve from another folder, and waits until every edge has that. False: it already did.

    Raises AttemptFailed: refused, changed by somebody else meanwhile, or not deployed within `limit` seconds.
    """
    client = aws.client("cloudfront")
    with calling("reading the configuration of a distribution", where=distribution):
        found = client.get_distribution_config(Id=distribution)
    config = copy.deepcopy(found["DistributionConfig"])
    path = f"/{folder.strip('/')}" if folder.strip("/") else ""
    for one in config["Origins"]["Items"]:
        if one["Id"] == origin:
            if one.get("OriginPath", "") == path:
                return False
            one["OriginPath"] = path
    with calling("switching the origin path of a distribution", where=distribution):
        client.update_distribution(Id=distribution, DistributionConfig=config, IfMatch=found["ETag"])
    _wait_for(
        lambda: client.get_distribution(Id=distribution)["Distribution"]["Status"],
        "Deployed",
        limit=limit,
        every=_every(aws),
        what=f"distribution {distribution} is deployed",
    )
    return True


def invalidate(aws: Aws, distribution: str, paths: Sequence[str], *, limit: float) -> str:
    """Has every edge drop what it keeps of these paths, and waits for it; the invalidation's id.

    Raises AttemptFailed: refused, or not completed within `limit` seconds.
    """
    client = aws.client("cloudfront")
    batch = {
        "Paths": {"Quantity": len(paths), "Items": list(paths)},
        "CallerReference": f"rollproof-{secrets.token_hex(8)}",
    }
    with calling("invalidating what edges keep", where=distribution):
        made = client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    number = str(made["Invalidation"]["Id"])
    _wait_for(
        lambda: client.get_invalidation(DistributionId=distribution, Id=number)["Invalidation"]["Status"],
        "Completed",
        limit=limit,
        every=_every(aws),
        what=f"invalidation {number} of {distribution} has completed",
    )
    return number


def _every(aws: Aws) -> float:
    """Seconds between two questions: an emulator may be asked often, AWS throttles."""
    return 0.02 if aws.endpoint.url else 5.0


def _wait_for(ask: Any, wanted: str, *, limit: float, every: float, what: str) -> None:
    def there() -> bool:
        with calling("waiting for CloudFront", where=what):
            return bool(ask() == wanted)

    eventually(there, within=limit, every=every, what=what)


def invalidations(aws: Aws, distribution: str) -> dict[str, tuple[str, list[str]]]:
    """Status and paths of every invalidation that CloudFront still lists, by id."""
    client = aws.client("cloudfront")
    found: dict[str, tuple[str, list[str]]] = {}
    with calling("listing invalidations", where=distribution):
        pages = client.get_paginator("list_invalidations").paginate(DistributionId=distribution)
        for page in pages:
            for one in page["InvalidationList"].get("Items", ()):
                about = client.get_invalidation(DistributionId=distribution, Id=one["Id"])["Invalidation"]
                paths = about["InvalidationBatch"]["Paths"].get("Items", [])
                found[one["Id"]] = (about["Status"], list(paths))
    return found
