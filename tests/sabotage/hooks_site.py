"""What saboteurs do to a site, its bucket, its distribution and what edges keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rollproof.components import service
from rollproof.components.aws.releases import Deployments
from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_change import invalidate, put_files, remove
from rollproof.components.aws.site_place import Place
from rollproof.components.aws.site_store import SETTABLE
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from tests.sabotage.hooks import _patched

NAME = "frontend"


def impatient(drill: Drill, act: Act) -> None:
    """Only spares the test a long wait for a site that will not come back."""
    _patched(drill, service, "VERIFY_SECONDS", 0.3)


def _place(drill: Drill) -> tuple[Sites, Place, Any]:
    sites = drill.use(Sites)
    return sites, sites.place(NAME), drill.use(Sites).cloud.client("s3")


def _key(drill: Drill, suffix: str) -> str:
    """The key of a file of the build from before."""
    _, place, _ = _place(drill)
    before = drill.use(Sites).known[NAME].builds["before"]
    named = {name.path for name in before.names}
    return place.folder + next(path for path in sorted(named) if path.endswith(suffix)).lstrip("/")


def _copied(drill: Drill, key: str, **changed: str | None) -> None:
    """The object under another header, its bytes as they were."""
    sites, place, s3 = _place(drill)
    (stored,) = [one for one in sites.store.objects(place.bucket, place.home) if one.key == key]
    headers = {name: value for name, value in {**stored.headers, **changed}.items() if value}
    body = s3.get_object(Bucket=place.bucket, Key=key)["Body"].read()
    s3.put_object(
        Bucket=place.bucket, Key=key, Body=body, **{SETTABLE[name]: value for name, value in headers.items()}
    )


def other_paths(drill: Drill, act: Act) -> None:
    """Somebody invalidates the folder that the assets used to be in."""
    impatient(drill, act)
    sites, place, _ = _place(drill)
    invalidate(sites.cloud.aws, place.distribution, ["/assets/*", "/Index.html"], limit=10.0)


def asset_missing(drill: Drill, act: Act) -> None:
    _, place, s3 = _place(drill)
    remove(s3, place.bucket, [_key(drill, ".css")])


def type_lost(drill: Drill, act: Act) -> None:
    """A copy by hand that forgot the headers."""
    _copied(drill, _key(drill, ".js"), **{"content-type": "binary/octet-stream"})


def cache_header_lost(drill: Drill, act: Act) -> None:
    _copied(drill, _key(drill, ".js"), **{"cache-control": None})


def page_immutable(drill: Drill, act: Act) -> None:
    """The page is uploaded with the assets' cache header."""
    _, place, _ = _place(drill)
    _copied(drill, place.folder + place.root, **{"cache-control": "public, max-age=31536000, immutable"})


def page_of_the_one_before(drill: Drill, act: Act) -> None:
    """One release too far: the page of the build before that."""
    impatient(drill, act)
    sites, place, s3 = _place(drill)
    files = sites.files(NAME, drill.use(Deployments).release("previous"))
    put_files(s3, place.bucket, place.folder, [file for file in files if file.page])


def asset_overwritten(drill: Drill, act: Act) -> None:
    """A hotfix by hand: the same name, other bytes."""
    sites, place, s3 = _place(drill)
    files = sites.files(NAME, drill.use(Deployments).release("current"))
    key = _key(drill, ".js").removeprefix(place.folder)
    changed = [replace(f, body=b"throw new Error('by hand');") for f in files if f.path == key]
    put_files(s3, place.bucket, place.folder, changed)


def policy_lost(drill: Drill, act: Act) -> None:
    impatient(drill, act)
    _, place, s3 = _place(drill)
    s3.delete_bucket_policy(Bucket=place.bucket)


def versioning_suspended(drill: Drill, act: Act) -> None:
    _, place, s3 = _place(drill)
    s3.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Suspended"})


def _reconfigured(drill: Drill, change: Callable[[dict[str, Any]], None]) -> None:
    sites, place, _ = _place(drill)
    client = sites.cloud.client("cloudfront")
    found = client.get_distribution_config(Id=place.distribution)
    change(found["DistributionConfig"])
    client.update_distribution(
        Id=place.distribution, DistributionConfig=found["DistributionConfig"], IfMatch=found["ETag"]
    )


def root_lost(drill: Drill, act: Act) -> None:
    impatient(drill, act)
    _reconfigured(drill, lambda config: config.update(DefaultRootObject=""))


def headers_policy_lost(drill: Drill, act: Act) -> None:
    _reconfigured(drill, lambda config: config["DefaultCacheBehavior"].pop("ResponseHeadersPolicyId"))


def masked(drill: Drill, act: Act) -> None:
    """The site is set up as a single-page one, and a missing asset looks like a page that is there."""
    page = {
        "ErrorCode": 403,
        "ResponsePagePath": "/index.html",
        "ResponseCode": "200",
        "ErrorCachingMinTTL": 10,
    }
    _reconfigured(drill, lambda config: config.update(CustomErrorResponses={"Quantity": 1, "Items": [page]}))
    asset_missing(drill, act)


def healed_by_itself(drill: Drill, act: Act) -> None:
    """Somebody has published the good build before anybody looked."""
    sites, place, s3 = _place(drill)
    put_files(s3, place.bucket, place.folder, sites.files(NAME, drill.use(Deployments).release("current")))
    invalidate(sites.cloud.aws, place.distribution, ["/*"], limit=10.0)


def nothing(drill: Drill, act: Act) -> None:
    """The act reports success and does nothing."""
