"""Rolling a site back: from its bucket's versions, by its origin path; and what edges keep invalidated."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_change import invalidate, remove, restore_versions, serve_from
from rollproof.components.aws.site_references import HTML, kind_of
from rollproof.components.aws.site_undo import BROKEN, CHANGED, SiteAct, note_invalidations
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.json import Json, JsonObject


def expect_versions(sites: Sites) -> int:
    """How many buckets were asked. Raises NotApplicable for one that keeps no versions."""
    for name in sites.names():
        bucket = sites.place(name).bucket
        if not sites.store.keeps_versions(bucket):
            raise NotApplicable(
                f"bucket {bucket} keeps no versions, so none can be restored",
                where=f"[site.{name}]",
                remedy="switch versioning on, or roll back by publishing the previous build again",
            )
    return len(sites.names())


@dataclass(frozen=True)
class ExpectVersions(SiteAct):
    """Looks whether the bucket of every site keeps versions."""

    name = "site.expect_versions"

    def undo(self, drill: Drill) -> JsonObject | None:
        return None

    def run(self, drill: Drill) -> JsonObject:
        return {"count": expect_versions(drill.use(Sites))}


@dataclass(frozen=True)
class RestoreVersions(SiteAct):
    """Makes the version from before of every object the newest again.

    What was added stays while a page of the broken build names it, for that page may still be held by a
    cache or stand open in a browser; all else that was added is removed.
    """

    name = "site.restore_versions"

    def prepare(self, drill: Drill) -> None:
        sites = drill.use(Sites)
        expect_versions(sites)
        for name in sites.names():
            if not sites.known.get(name) or not sites.known[name].listing:
                raise PreconditionNotMet("nobody looked at the site before", doing="restoring versions")

    def run(self, drill: Drill) -> JsonObject:
        sites = drill.use(Sites)
        drill.incident("decided", decision="restore the objects' versions from before")
        restored = kept = removed = 0
        for name in sites.names():
            place, known = sites.place(name), sites.known[name]
            newest = [v for v in sites.store.versions(place.bucket, place.home) if v.latest]
            there = {v.key: v.id for v in newest if not v.deleted}
            lost = {key: version for key, version in known.listing.items() if there.get(key) != version}
            held = {place.folder + p.lstrip("/") for p in _held(sites, name)}
            added = sorted(there.keys() - known.listing.keys())
            pages = [key for key in lost if kind_of(key, "") == HTML]
            restore_versions(sites.cloud.client("s3"), place.bucket, lost, last=pages)
            remove(sites.cloud.client("s3"), place.bucket, [key for key in added if key not in held])
            restored, kept = restored + len(lost), kept + sum(key in held for key in added)
            removed += sum(key not in held for key in added)
            note_invalidations(sites, name, CHANGED)
        drill.incident("executed")
        return {"count": restored, "numbers": {"restored": restored, "removed": removed, "kept": kept}}


def _held(sites: Sites, name: str) -> set[str]:
    """Paths that pages of the broken build name."""
    build = sites.known[name].builds.get(BROKEN)
    return {named.path for named in build.names} if build is not None else set()


@dataclass(frozen=True)
class SwitchOrigin(SiteAct):
    """Serves again from the folder that was served from before."""

    name = "site.switch_origin"

    def run(self, drill: Drill) -> JsonObject:
        sites = drill.use(Sites)
        drill.incident("decided", decision="serve the previous build's folder again")
        switched: dict[str, Json] = {}
        for name in sites.names():
            place, known = sites.place(name), sites.known.get(name)
            if known is None:
                raise AttemptFailed("nobody looked at the site before", doing="switching the origin path")
            limit, folder = place.spec.propagation, known.folder
            sites.carry_over(name, folder)
            if not serve_from(sites.cloud.aws, place.distribution, place.origin, folder, limit=limit):
                raise AttemptFailed(
                    f"it already serves from {folder or 'the root'!r}: there is no folder to go back to",
                    doing="switching the origin path",
                    where=f"[site.{name}] {place.distribution}",
                )
            switched[name] = folder
            note_invalidations(sites, name, CHANGED)
        drill.incident("executed")
        return {"changes": switched}


@dataclass(frozen=True)
class Invalidate(SiteAct):
    """Has every edge drop what it keeps, and waits until all have, at most `propagation` of the site."""

    paths: tuple[str, ...] = ("/*",)
    name = "site.invalidate"

    def undo(self, drill: Drill) -> JsonObject | None:
        return None

    def describe(self, drill: Drill) -> JsonObject:
        return {"items": list(self.paths)}

    def run(self, drill: Drill) -> JsonObject:
        sites = drill.use(Sites)
        made: dict[str, Json] = {}
        for name in sites.names():
            place = sites.place(name)
            limit = place.spec.propagation
            made[name] = invalidate(sites.cloud.aws, place.distribution, self.paths, limit=limit)
        return {"created": made}


@dataclass(frozen=True)
class CleanUp(SiteAct):
    """Removes what was not there before the broken build. Pages of it that still stand open then fail."""

    name = "site.clean_up"

    def run(self, drill: Drill) -> JsonObject:
        sites = drill.use(Sites)
        count = 0
        for name in sites.names():
            place, known = sites.place(name), sites.known[name]
            newest = (v for v in sites.store.versions(place.bucket, place.home) if v.latest)
            added = sorted(v.key for v in newest if not v.deleted and v.key not in known.listing)
            remove(sites.cloud.client("s3"), place.bucket, added)
            count += len(added)
        return {"count": count}
