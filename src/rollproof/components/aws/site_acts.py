"""What can be done to a site: published, looked at, rolled back three ways, invalidated, cleaned up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollproof.components import service
from rollproof.components.aws import site  # noqa: F401  the reader registers itself
from rollproof.components.aws.clients import Aws
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.releases import Deployments, DeployRelease, RememberResources
from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_change import (
    invalidate,
    invalidations,
    put_files,
    remove,
    restore_versions,
    serve_from,
)
from rollproof.components.aws.site_references import HTML, kind_of
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, NotApplicable, NotProvenHere, PreconditionNotMet, RollproofError
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

CURRENT, BROKEN, CHANGED, AFTER = "current", "broken", "changed", "after"
_HERE: dict[str, Aws] = {}
"""accounts that a drill of this process works in, by their numbers: where a healer gets credentials"""


@dataclass(frozen=True)
class _SiteAct(Act):
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
    if account not in _HERE:
        raise RollproofError(
            f"nobody here has credentials for account {account}",
            doing="putting a site back",
            remedy="run the drill again in that account, or restore the versions that the journal names",
        )
    assert isinstance(items, list)
    for item in items:
        assert isinstance(item, Mapping)
        _put_one_back(_HERE[account], item)
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


@dataclass(frozen=True)
class PublishBuild(_SiteAct):
    """Publishes a release's build of every site that has one.

    Attributes:
        which: as `DeployRelease.which`.
        rollback: it is published to go back to it.
    """

    which: str = CURRENT
    rollback: bool = False
    name = "site.publish"

    def prepare(self, drill: Drill) -> None:
        sites, release = drill.use(Sites), drill.use(Deployments).release(self.which)
        if not any(drill.system.site[name].builds for name in sites.names()):
            raise NotApplicable("no [site.*] declares `builds`, so there is nothing to publish")
        for name in sites.names():
            if drill.system.site[name].builds:
                sites.files(name, release)

    def describe(self, drill: Drill) -> JsonObject:
        return {"version": drill.use(Deployments).release(self.which).name}

    def run(self, drill: Drill) -> JsonObject:
        sites, release = drill.use(Sites), drill.use(Deployments).release(self.which)
        if release.broken:
            drill.incident("fault", cause=f"build {release.name} was published ({release.broken})")
        elif self.rollback:
            drill.incident("decided", decision=f"publish build {release.name} again")
        count = 0
        for name in sites.names():
            if drill.system.site[name].builds:
                count += publish(sites, name, release.name, sites.files(name, release))
                sites.capture(name, BROKEN if release.broken else release.name)
                if self.rollback:
                    note_invalidations(sites, name, CHANGED)
        if self.rollback:
            drill.incident("executed")
        return {"count": count, "version": release.name}


def publish(sites: Sites, name: str, release: str, files: list) -> int:  # type: ignore[type-arg]
    """Puts a build where the site's files are, or into a folder of its own that is then served from."""
    place = sites.place(name)
    folder = f"{place.home}{release}/" if sites.apart else place.home
    if sites.apart:
        sites.carry_over(name, folder)
    put_files(sites.cloud.client("s3"), place.bucket, folder, files)
    limit = place.spec.propagation
    serve_from(sites.cloud.aws, place.distribution, place.origin, folder, limit=limit)
    return len(files)


@dataclass(frozen=True)
class OpenSites(_SiteAct):
    """Finds the way to every site, through an edge of the suite's own where CloudFront does not cache."""

    name = "site.open"

    def undo(self, drill: Drill) -> JsonObject | None:
        return None

    def run(self, drill: Drill) -> JsonObject:
        sites = drill.use(Sites)
        return {"sources": {name: sites.open(name) for name in sites.names()}}


@dataclass(frozen=True)
class LookAtSites(_SiteAct):
    """Asks for all that pages name, and opens the front page in a browser where there is one.

    Attributes:
        label: `before`: what is there is what a rollback goes back to. `broken`: the fault is looked for.
    """

    label: str = BROKEN
    name = "site.look"

    def undo(self, drill: Drill) -> JsonObject | None:
        return None

    def describe(self, drill: Drill) -> JsonObject:
        return {"label": self.label}

    def run(self, drill: Drill) -> JsonObject:
        sites = drill.use(Sites)
        for name in sites.names():
            sites.capture(name, self.label)
            if self.label == "before":
                sites.remember(name)
            sites.ask(name, self.label)
            try:
                sites.browse(name, self.label)
            except NotProvenHere as error:
                drill.recorder.note("site.unopened", {"name": name, "found": error.found})
            note_invalidations(sites, name, self.label)
        if self.label == BROKEN:
            drill.incident("detected", cause="the site was looked at as a visitor sees it")
        return {"items": sites.names()}


@dataclass(frozen=True)
class RestoreVersions(_SiteAct):
    """Makes the version from before of every object the newest again.

    What was added stays while a page of the broken build names it, for that page may still be held by a
    cache or stand open in a browser; all else that was added is removed.
    """

    name = "site.restore_versions"

    def prepare(self, drill: Drill) -> None:
        sites = drill.use(Sites)
        for name in sites.names():
            place = sites.place(name)
            if not sites.store.keeps_versions(place.bucket):
                raise NotApplicable(f"bucket {place.bucket} keeps no versions, so none can be restored")
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
class SwitchOrigin(_SiteAct):
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
class Invalidate(_SiteAct):
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
class CleanUp(_SiteAct):
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


def stage(drill: Drill, *, apart: bool = False) -> None:
    """Deploys the sites' stacks, publishes the previous build and then the current, and looks at it.

    Where the system's objects come with its stacks, or by its own command, nothing else is published.

    Args:
        apart: each build into a folder of its own, which the distribution's origin path names.

    Raises NotApplicable when the system declares no site, or no `builds` where they are needed.
    """
    sites = drill.use(Sites)
    sites.apart = apart
    drill.require(DeployRelease(CURRENT, stacks=sites.stacks()))
    if any(drill.system.site[name].builds for name in sites.names()):
        if sum(not release.broken for release in drill.system.release) > 1:
            drill.require(PublishBuild("previous"))
        drill.require(PublishBuild(CURRENT))
    drill.require(OpenSites())
    drill.require(LookAtSites("before"))
    drill.require(RememberResources(("site",)))


@observer("site")
def look_at_sites(drill: Drill) -> None:
    """Asks for everything again, after all that was done, and lists what was invalidated."""
    sites = drill.use(Sites)
    for name in sites.names():
        sites.capture(name, AFTER)
        sites.ask(name, AFTER)
        note_invalidations(sites, name, AFTER)


def note_invalidations(sites: Sites, name: str, label: str) -> None:
    """Which there are by now, so that a later look can tell which were made since."""
    place = sites.place(name)
    found: list[Json] = [
        {"created": one, "status": status, "items": list(paths)}
        for one, (status, paths) in invalidations(sites.cloud.aws, place.distribution).items()
    ]
    sites.drill.recorder.note("site.invalidations", {"name": name, "label": label, "items": found})


@observer("site-browser")
def open_sites(drill: Drill) -> None:
    """Opens every site's front page in a browser. Raises NotProvenHere without one."""
    sites = drill.use(Sites)
    for name in sites.names():
        sites.browse(name, AFTER)


@dataclass(frozen=True)
class VerifySites(Act):
    """Looks from outside whether the front page of every site is the one from before.

    Where nothing but sites is deployed it stands for `VerifyService`, whose smoke tests would ask for more.
    After a rollback it asks again until it is so, or `VERIFY_SECONDS` are up.
    """

    name = service.VerifyService.name

    def run(self, drill: Drill) -> JsonObject:
        ran: list[str] = []
        problems: list[str] = []

        def well() -> bool:
            ran.clear()
            problems[:] = verify_sites(drill, ran)
            return not problems

        rolled_back = drill.history.last("incident.executed") is not None
        try:
            eventually(well, within=service.VERIFY_SECONDS if rolled_back else 0.0, what="the sites are well")
        except AttemptFailed:
            raise AttemptFailed("; ".join(problems)[:1000], doing="verifying the sites") from None
        if rolled_back:
            drill.incident("verified")
        return {"checks": ran}


@service.verifier
def verify_sites(drill: Drill, ran: list[str]) -> list[str]:
    """The front page of every site that was opened is the one from before."""
    if not drill.uses(Sites):
        return []
    sites, problems = drill.use(Sites), []
    for name, known in sites.known.items():
        before = known.builds.get("before")
        if before is None or before.root not in before.files:
            continue
        ran.append(f"front page of {name}")
        answer = sites.visitor(name).ask("/").to_json()
        if answer["status"] != 200 or answer["sha256"] != before.files[before.root]["sha256"]:
            problems.append(
                f"the front page of {name} is not the one from before (status {answer['status']})"
            )
    return problems
