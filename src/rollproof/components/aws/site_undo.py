"""Acts on sites, and how they are undone in an account that does not go away with the drill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollproof.components.aws.clients import Aws, verified_aws
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_change import (
    invalidate,
    invalidations,
    remove,
    restore_versions,
    serve_from,
)
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.drill.healing import healer
from rollproof.errors import RollproofError
from rollproof.model.json import Json, JsonObject

CURRENT, BROKEN, CHANGED, AFTER = "current", "broken", "changed", "after"
"""labels of what is captured and asked, besides `before`"""
_HERE: dict[str, Aws] = {}
"""accounts that a drill of this process works in, by their numbers: where a healer gets credentials"""


@dataclass(frozen=True)
class SiteAct(Act):
    """Base: done to every site. In an account that does not go away with the drill it is undone."""

    def prepare(self, drill: Drill) -> None:
        drill.use(Sites).names()

    def undo(self, drill: Drill) -> JsonObject | None:
        cloud, sites = drill.use(Cloud), drill.use(Sites)
        if cloud.endpoint.private:
            return None
        _HERE[cloud.endpoint.account] = cloud.aws
        return {
            "kind": "aws.site",
            "account": cloud.endpoint.account,
            "items": [_as_it_is(sites, name) for name in sites.names()],
        }


def _as_it_is(sites: Sites, name: str) -> dict[str, Json]:
    """What a healer needs: where the site is, what it serves from, the newest version of each key."""
    place = sites.place(name)
    latest = {
        v.key: v.id for v in sites.store.versions(place.bucket, place.home) if v.latest and not v.deleted
    }
    return {
        "bucket": place.bucket,
        "prefix": place.home,
        "versions": dict(latest),
        "distribution": place.distribution,
        "origin": place.origin,
        "folder": place.folder,
        "limit_seconds": place.spec.propagation,
    }


@healer("aws.site")
def put_back(undo: JsonObject) -> str:
    """Restores every key's version from before the act, removes what was added, serves from where it did."""
    account, items = str(undo["account"]), undo["items"]
    aws = _HERE.get(account) or verified_aws(account)
    if aws is None:
        raise RollproofError(
            f"nobody here has credentials for account {account}",
            doing="putting a site back",
            remedy="run the drill again in that account, or restore the versions that the journal names",
        )
    assert isinstance(items, list)
    for item in items:
        assert isinstance(item, Mapping)
        _put_one_back(aws, item)
    return f"{len(items)} sites put back"


def _put_one_back(aws: Aws, item: Mapping[str, Json]) -> None:
    wanted, bucket, s3 = item["versions"], str(item["bucket"]), aws.client("s3")
    assert isinstance(wanted, Mapping)
    there: dict[str, str] = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=str(item["prefix"])):
        there |= {v["Key"]: v["VersionId"] for v in page.get("Versions", ()) if v["IsLatest"]}
    lost = {key: str(version) for key, version in wanted.items() if there.get(key) != version}
    restore_versions(s3, bucket, lost, last=())
    remove(s3, bucket, sorted(there.keys() - wanted.keys()))
    distribution, limit = str(item["distribution"]), float(str(item["limit_seconds"]))
    serve_from(aws, distribution, str(item["origin"]), str(item["folder"]), limit=limit)
    invalidate(aws, distribution, ["/*"], limit=limit)


def note_invalidations(sites: Sites, name: str, label: str) -> None:
    """Which there are by now, so that a later look can tell which were made since."""
    place = sites.place(name)
    found: list[Json] = [
        {"created": one, "status": status, "items": list(paths)}
        for one, (status, paths) in invalidations(sites.cloud.aws, place.distribution).items()
    ]
    sites.drill.recorder.note("site.invalidations", {"name": name, "label": label, "items": found})
