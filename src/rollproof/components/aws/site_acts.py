"""What can be done to a site: published, looked at, rolled back three ways, invalidated, cleaned up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollproof.components import service
from rollproof.components.aws import site  # noqa: F401  the reader registers itself
from rollproof.components.aws.releases import Deployments, DeployRelease, RememberResources
from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_build import BuiltFile, sha256
from rollproof.components.aws.site_change import put_files, serve_from
from rollproof.components.aws.site_undo import AFTER, BROKEN, CHANGED, CURRENT, SiteAct, note_invalidations
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, NotApplicable, NotProvenHere
from rollproof.model.json import JsonObject
from rollproof.waiting import eventually


@dataclass(frozen=True)
class PublishBuild(SiteAct):
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


def publish(sites: Sites, name: str, release: str, files: Sequence[BuiltFile]) -> int:
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
class OpenSites(SiteAct):
    """Finds the way to every site, through an edge of the suite's own where CloudFront does not cache."""

    name = "site.open"

    def undo(self, drill: Drill) -> JsonObject | None:
        return None

    def run(self, drill: Drill) -> JsonObject:
        sites = drill.use(Sites)
        return {"sources": {name: sites.open(name) for name in sites.names()}}


@dataclass(frozen=True)
class LookAtSites(SiteAct):
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
        if not known.front:
            continue
        ran.append(f"front page of {name}")
        answer = sites.visitor(name).ask("/")
        if answer.status != 200 or sha256(answer.body) not in known.front:
            problems.append(f"the front page of {name} is not the one from before (status {answer.status})")
    return problems
