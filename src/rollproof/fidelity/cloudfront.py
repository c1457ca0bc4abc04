"""What CloudFront before an S3 bucket does, and whether this endpoint does it too."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from rollproof.components.aws.clients import Aws, calling
from rollproof.fidelity.registry import Finding, experiment

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
_GUIDE = "Amazon CloudFront Developer Guide"


@dataclass(frozen=True)
class _Distribution:
    """A bucket with a distribution before it, for one experiment."""

    aws: Aws
    bucket: str
    id: str
    domain: str

    @property
    def s3(self) -> Any:
        return self.aws.client("s3")

    def put(self, body: str, key: str = "index.html") -> None:
        with calling("putting an object for an experiment", where=self.bucket):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode(), ContentType="text/html")

    def ask(self, path: str = "/index.html") -> tuple[int, str]:
        """Status and body, of the endpoint when there is one, else of CloudFront itself."""
        base = self.aws.endpoint.url or f"https://{self.domain}"
        scope = f"{self.aws.endpoint.access_key}/20260101/{self.aws.endpoint.region}/cloudfront/aws4_request"
        headers = {"host": self.domain, "x-forwarded-proto": "https"}
        if self.aws.endpoint.url:
            headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        answer = httpx.get(base + path, headers=headers, timeout=30.0, trust_env=False)
        return answer.status_code, answer.text


@contextmanager
def _distribution(aws: Aws, prefix: str) -> Iterator[_Distribution]:
    """Made for an experiment and removed after it."""
    s3, cloudfront = aws.client("s3"), aws.client("cloudfront")
    bucket = f"{prefix}-{secrets.token_hex(4)}"
    with calling("making a bucket and a distribution for an experiment", where=bucket):
        s3.create_bucket(Bucket=bucket)
        access = cloudfront.create_origin_access_control(
            OriginAccessControlConfig={
                "Name": bucket,
                "OriginAccessControlOriginType": "s3",
                "SigningBehavior": "always",
                "SigningProtocol": "sigv4",
            }
        )["OriginAccessControl"]["Id"]
        config = _config(bucket, aws.endpoint.region, access)
        made = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
        s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, made["ARN"]))
    try:
        yield _Distribution(aws, bucket, made["Id"], made["DomainName"])
    finally:
        _remove(aws, bucket, made["Id"], access)


def _config(bucket: str, region: str, access: str) -> dict[str, Any]:
    origin = {
        "Id": "files",
        "DomainName": f"{bucket}.s3.{region}.amazonaws.com",
        "OriginPath": "",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": access,
    }
    return {
        "CallerReference": bucket,
        "Comment": "an experiment of Rollproof",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "files",
            "ViewerProtocolPolicy": "allow-all",
            "CachePolicyId": CACHING_OPTIMIZED,
        },
    }


def _policy(bucket: str, arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _remove(aws: Aws, bucket: str, distribution: str, access: str) -> None:
    """Disabled first, as CloudFront asks for."""
    s3, cloudfront = aws.client("s3"), aws.client("cloudfront")
    with calling("removing what an experiment made", where=bucket):
        found = cloudfront.get_distribution_config(Id=distribution)
        config = {**found["DistributionConfig"], "Enabled": False}
        done = cloudfront.update_distribution(
            Id=distribution, DistributionConfig=config, IfMatch=found["ETag"]
        )
        cloudfront.delete_distribution(Id=distribution, IfMatch=done["ETag"])
        etag = cloudfront.get_origin_access_control(Id=access)["ETag"]
        cloudfront.delete_origin_access_control(Id=access, IfMatch=etag)
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        s3.delete_bucket(Bucket=bucket)


_AWS = Finding(True, "this is CloudFront itself: nothing stands in for it, so nothing was tried")
"""A distribution takes minutes to come and to go there, and what is claimed is AWS' own word."""


@experiment(
    "cloudfront-caches",
    "an edge serves what it has kept until that has expired or an invalidation names it",
    source=f"{_GUIDE}: Manage how long content stays in the cache; Invalidate files to remove content",
)
def caches(aws: Aws, prefix: str) -> Finding:
    if aws.endpoint.url is None:
        return _AWS
    with _distribution(aws, prefix) as made:
        made.put("old")
        first = made.ask()
        made.put("new")
        second = made.ask()
    if first != (200, "old"):
        return Finding(None, f"the distribution answered {first[0]} where an object was")
    if second == (200, "old"):
        return Finding(True, "an object that had been changed was still served as it was before")
    return Finding(False, "an object that had been changed was served anew at once: nothing is ever kept")


@experiment(
    "cloudfront-origin-path",
    "a distribution serves from another folder once its origin path says so",
    source=f"{_GUIDE}: Origin settings, Origin path",
)
def origin_path(aws: Aws, prefix: str) -> Finding:
    if aws.endpoint.url is None:
        return _AWS
    with _distribution(aws, prefix) as made:
        made.put("one", "one/page.html")
        made.put("two", "two/page.html")
        served = [_served_from(made, folder) for folder in ("/one", "/two", "/one")]
    if served == [(200, "one"), (200, "two"), (200, "one")]:
        return Finding(True, "each origin path in turn served its own folder's object")
    return Finding(False, f"the origin paths /one, /two, /one were answered {[s for s, _ in served]}")


def _served_from(made: _Distribution, path: str) -> tuple[int, str]:
    client = made.aws.client("cloudfront")
    with calling("switching an origin path for an experiment", where=made.id):
        found = client.get_distribution_config(Id=made.id)
        config = found["DistributionConfig"]
        config["Origins"]["Items"][0]["OriginPath"] = path
        client.update_distribution(Id=made.id, DistributionConfig=config, IfMatch=found["ETag"])
    return made.ask("/page.html")


@experiment(
    "cloudfront-needs-bucket-policy",
    "a distribution cannot read a bucket whose policy does not let it",
    source=f"{_GUIDE}: Restrict access to an Amazon S3 origin",
)
def needs_policy(aws: Aws, prefix: str) -> Finding:
    if aws.endpoint.url is None:
        return _AWS
    with _distribution(aws, prefix) as made:
        made.put("page")
        allowed = made.ask()
        with calling("taking a policy away for an experiment", where=made.bucket):
            made.s3.delete_bucket_policy(Bucket=made.bucket)
        refused = made.ask()
    if allowed[0] == 200 and refused[0] == 403:
        return Finding(True, "200 with the policy, 403 without it")
    return Finding(False, f"{allowed[0]} with the bucket's policy, {refused[0]} without it")


@experiment(
    "s3-versions",
    "a deleted or overwritten object comes back, headers and all, by copying its earlier version",
    source="Amazon S3 User Guide: Restoring previous versions",
)
def versions(aws: Aws, prefix: str) -> Finding:
    s3, bucket = aws.client("s3"), f"{prefix}-{secrets.token_hex(4)}"
    with calling("trying versions of objects", where=bucket):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        try:
            found = _overwritten_and_deleted(s3, bucket)
        finally:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
            s3.delete_bucket(Bucket=bucket)
    return found


def _overwritten_and_deleted(s3: Any, bucket: str) -> Finding:
    first = s3.put_object(
        Bucket=bucket, Key="a", Body=b"old", ContentType="text/css", CacheControl="no-cache"
    )["VersionId"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"new", ContentType="text/html")
    s3.delete_object(Bucket=bucket, Key="a")
    s3.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a", "VersionId": first})
    back = s3.get_object(Bucket=bucket, Key="a")
    seen = (back["Body"].read(), back["ContentType"], back.get("CacheControl"))
    if seen == (b"old", "text/css", "no-cache"):
        return Finding(True, "bytes, content type and cache header of the first version were back")
    return Finding(False, "what came back was not what the first version was")
