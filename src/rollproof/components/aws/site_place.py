"""Where a site is: its bucket, its distribution, and what that serves from where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.stack import outputs_of
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.aws import Site

_ID = re.compile(r"^E[A-Z0-9]{6,}$")


@dataclass(frozen=True)
class Place:
    """A site as it is served at one moment.

    Attributes:
        distribution: its id.
        hosts: names that it answers to, lower case; the first is its own.
        origin: id of the origin whose files come from the bucket.
        config: the distribution's whole configuration, as CloudFront gives it.
        etag: of that configuration.
        status: `Deployed` once every edge has it.
    """

    name: str
    spec: Site
    bucket: str
    distribution: str
    hosts: tuple[str, ...]
    origin: str
    config: Mapping[str, Any]
    etag: str
    status: str

    @property
    def domain(self) -> str:
        return self.hosts[0]

    @property
    def enabled(self) -> bool:
        return bool(self.config.get("Enabled"))

    @property
    def folder(self) -> str:
        """Key prefix that the distribution serves from: empty, or with a slash at its end."""
        path = str(_origin(self.config, self.origin).get("OriginPath") or "").strip("/")
        return f"{path}/" if path else ""

    @property
    def home(self) -> str:
        """Key prefix that builds are published under, whatever is served now; as `folder`."""
        prefix = self.spec.prefix.strip("/")
        return f"{prefix}/" if prefix else ""

    @property
    def root(self) -> str:
        """The default root object; empty for none."""
        return str(self.config.get("DefaultRootObject") or "").lstrip("/")

    def path_of(self, key: str) -> str | None:
        """The decoded path that a key is served under; None for what the distribution does not serve."""
        if not key.startswith(self.folder) or not self.serves("/" + key[len(self.folder) :]):
            return None
        return "/" + key[len(self.folder) :]

    def serves(self, path: str) -> bool:
        """Whether the behaviour that a path falls under has the bucket as its origin."""
        behaviors = (self.config.get("CacheBehaviors") or {}).get("Items") or []
        found = next((one for one in behaviors if _covers(str(one["PathPattern"]), path)), None)
        behavior = found or self.config.get("DefaultCacheBehavior") or {}
        return bool(behavior.get("TargetOriginId") == self.origin)

    def url(self, path: str) -> str:
        return f"https://{self.domain}{quote(path)}"


def _covers(pattern: str, path: str) -> bool:
    text = pattern if pattern.startswith(("/", "*")) else "/" + pattern
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in text)
    return re.fullmatch("".join(parts), path, re.DOTALL) is not None


def _origin(config: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    items = (config.get("Origins") or {}).get("Items") or []
    return next((one for one in items if one.get("Id") == wanted), {})


def sites(cloud: Cloud) -> Mapping[str, Site]:
    """Every declared site. Raises NotApplicable when there is none that a distribution serves."""
    found = {name: spec for name, spec in cloud.system.site.items() if spec.distribution}
    if not found:
        raise NotApplicable(f"system {cloud.system.name} declares no [site.*] with a distribution")
    return found


def places(cloud: Cloud) -> list[Place]:
    """Every declared site as it is now. Raises NotApplicable, or AttemptFailed for one that is not there."""
    return [place_of(cloud, name) for name in sites(cloud)]


def place_of(cloud: Cloud, name: str) -> Place:
    """A site as it is now.

    Raises AttemptFailed: no such stack, output, distribution or bucket, or no origin of it is the bucket.
    """
    spec = cloud.system.site[name]
    distribution, bucket = distribution_of(cloud, name), cloud.fill(spec.bucket)
    with calling("asking for the distribution of a site", where=f"[site.{name}] {distribution}"):
        found = cloud.client("cloudfront").get_distribution(Id=distribution)
    about = found["Distribution"]
    config = about["DistributionConfig"]
    aliases = (config.get("Aliases") or {}).get("Items") or []
    return Place(
        name=name,
        spec=spec,
        bucket=bucket,
        distribution=distribution,
        hosts=tuple(host.lower() for host in (about["DomainName"], *aliases)),
        origin=_origin_from(config, bucket, where=f"[site.{name}] {distribution}"),
        config=config,
        etag=found["ETag"],
        status=about.get("Status", ""),
    )


def distribution_of(cloud: Cloud, name: str) -> str:
    """The id of a site's distribution. Raises AttemptFailed when its stack has no such output."""
    spec = cloud.system.site[name]
    said = cloud.fill(spec.distribution or "")
    if spec.stack is None or (_ID.match(said) and spec.stack not in cloud.system.stack):
        return said
    stack = cloud.fill(cloud.system.stack[spec.stack].name)
    outputs = outputs_of(cloud, stack)
    if said not in outputs and not _ID.match(said):
        raise AttemptFailed(
            f"the stack has no output {said!r}",
            doing="looking for the distribution of a site",
            where=f"[site.{name}] {stack}",
            remedy=f"name one of its outputs ({', '.join(sorted(outputs)) or 'it has none'}), or the id",
        )
    return outputs.get(said, said)


def _origin_from(config: Mapping[str, Any], bucket: str, *, where: str) -> str:
    for one in (config.get("Origins") or {}).get("Items") or []:
        host = str(one.get("DomainName", "")).lower()
        if host.startswith((f"{bucket.lower()}.s3.", f"{bucket.lower()}.s3-")):
            return str(one["Id"])
    raise AttemptFailed(
        f"none of its origins is the bucket {bucket}",
        doing="looking for the origin of a site",
        where=where,
        remedy="give the distribution that serves this bucket, or the bucket that this one serves",
    )


def expect_serving(place: Place) -> Place:
    """Raises PreconditionNotMet for a distribution that is disabled."""
    if not place.enabled:
        raise PreconditionNotMet(
            "the distribution is disabled, so that it serves nothing",
            doing="looking at a site",
            where=f"[site.{place.name}] {place.distribution}",
            remedy="enable it",
        )
    return place


def expect_bucket(cloud: Cloud, place: Place) -> None:
    """Raises AttemptFailed when the bucket is not there or may not be read."""
    try:
        with calling("looking for the bucket of a site", where=f"[site.{place.name}] {place.bucket}"):
            cloud.client("s3").head_bucket(Bucket=place.bucket)
    except AttemptFailed as error:
        if code_of(error) in {"404", "NoSuchBucket"}:
            raise AttemptFailed(
                "there is no such bucket",
                doing=error.doing,
                where=error.where,
                remedy="deploy the stack that makes it, or correct its name in the system file",
                facts=error.facts,
            ) from error
        raise
