"""Acts on services whose releases are images: deploying one, and going back to the digest that served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rollproof.components.aws.services import ServiceReleases, folders, key_of, listed, release_of
from rollproof.components.aws.serviceundo import undo_service
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.model.json import Json, JsonObject


@dataclass(frozen=True)
class DeployService(Act):
    """Deploys a release of a service, by its tag or by its image's digest.

    Attributes:
        which: `current`, `previous`, `broken:<kind>` or a release's name; see `DeployRelease`.
        service: key of the `[service.*]`; the first whose releases are images when empty.
        by: `tag`, as pipelines do, or `digest`.
        folder, version: code that is none of the declared releases, such as a revision that a pipeline
            has built, and what it is called; `which` does not count then.
        unhealthy_after: seconds; the service's own when None.
        start: what the image runs, where it is not what the service's images run.
    """

    which: str = "current"
    service: str = ""
    by: str = "tag"
    folder: Path | None = None
    version: str = ""
    unhealthy_after: float | None = None
    start: tuple[str, ...] = ()
    name = "service.deploy"

    def _what(self, drill: Drill) -> tuple[str, str, Path | None]:
        """Version, kind of fault, folder."""
        if self.version:
            return self.version, "", self.folder
        release = release_of(drill, self.which)
        return release.name, release.broken, folders(drill, release)

    def prepare(self, drill: Drill) -> None:
        key_of(drill, self.service)
        self._what(drill)

    def describe(self, drill: Drill) -> JsonObject:
        version, broken, _ = self._what(drill)
        return {"name": key_of(drill, self.service), "version": version, "kind": broken, "component": self.by}

    def undo(self, drill: Drill) -> JsonObject | None:
        """In an account that does not go away with the drill, the service gets back what it ran."""
        return undo_service(drill, key_of(drill, self.service))

    def run(self, drill: Drill) -> JsonObject:
        releases = drill.use(ServiceReleases)
        key = releases.key(self.service)
        version, broken, folder = self._what(drill)
        if broken:
            drill.incident("fault", cause=f"release {version} was deployed ({broken})")
        digest = releases.publish(key, folder, version, start=self.start)
        uri = releases.images(key).uri
        image = f"{uri}@{digest}" if self.by == "digest" else f"{uri}:{version}"
        releases.deploy(key, image, unhealthy_after=self.unhealthy_after)
        releases.cloud.release = version
        served = releases.serve(key, version=version, tag=version, digest=digest)
        return {"name": key, "version": version, "digest": digest, "items": [served.to_json()]}


@dataclass(frozen=True)
class RollBackService(Act):
    """Has the image serve again that served before: by the digest recorded then, never by a tag alone.

    Attributes:
        settings: whether the environment variables that it served with come back too.
    """

    service: str = ""
    settings: bool = False
    name = "service.roll_back"

    def prepare(self, drill: Drill) -> None:
        releases = drill.use(ServiceReleases)
        releases.before(releases.key(self.service))

    def describe(self, drill: Drill) -> JsonObject:
        releases = drill.use(ServiceReleases)
        key = releases.key(self.service)
        before = releases.before(key)
        return {"name": key, "version": before.version, "digest": before.digest}

    def undo(self, drill: Drill) -> JsonObject | None:
        """In an account that does not go away with the drill, the service gets back what it ran."""
        return undo_service(drill, key_of(drill, self.service))

    def run(self, drill: Drill) -> JsonObject:
        releases = drill.use(ServiceReleases)
        key = releases.key(self.service)
        before, images = releases.before(key), releases.images(key)
        moved = moved_tag(releases, key)
        images.expect(before.digest)
        releases.deploy(
            key, f"{images.uri}@{before.digest}", variables=before.variables if self.settings else None
        )
        releases.cloud.release = before.version
        drill.incident("executed")
        served = releases.serve(key, version=before.version, tag=before.tag, digest=before.digest)
        tag: dict[str, Json] = {"tag": before.tag, "was": before.digest, "now": moved or before.digest}
        return {"name": key, "version": before.version, "digest": served.digest, "items": [tag]}


def moved_tag(releases: ServiceReleases, key: str) -> str:
    """What the tag of the release to go back to names now, if that is another image than the one that served.

    A tag that is gone is said to name `nothing`.
    """
    before = releases.before(key)
    try:
        now = releases.images(key).digest_of_tag(before.tag)
    except AttemptFailed:
        now = "nothing"
    return "" if now == before.digest else now


@dataclass(frozen=True)
class DeployUnhealthy(Act):
    """Deploys a release that is never healthy: the system's own, or one made up where it declares none.

    Attributes:
        unhealthy_after: seconds after which the runner is to give it up; short, for a drill waits for it.
    """

    unhealthy_after: float = 2.0
    name = "service.deploy"

    def _deploy(self, drill: Drill) -> DeployService:
        limit = self.unhealthy_after
        if any(release.broken == UNHEALTHY for release in drill.system.release):
            return DeployService(f"broken:{UNHEALTHY}", unhealthy_after=limit)
        folder = unwell_release(drill.session.open(drill.system).scratch)
        start = ("{python}", "unwell.py")
        return DeployService(folder=folder, version="unwell", unhealthy_after=limit, start=start)

    def prepare(self, drill: Drill) -> None:
        key_of(drill)

    def describe(self, drill: Drill) -> JsonObject:
        return self._deploy(drill).describe(drill)

    def undo(self, drill: Drill) -> JsonObject | None:
        """In an account that does not go away with the drill, the service gets back what it ran."""
        return undo_service(drill, key_of(drill))

    def run(self, drill: Drill) -> JsonObject:
        return self._deploy(drill).run(drill)


UNHEALTHY = "unhealthy"
UNWELL = """
import http.server
import os


class Unwell(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(503)

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Unwell).serve_forever()
"""


def unwell_release(scratch: Path) -> Path:
    """The code of a release that listens and is never healthy."""
    folder = scratch / "unwell"
    folder.mkdir(exist_ok=True)
    (folder / "unwell.py").write_text(UNWELL)
    return folder


@dataclass(frozen=True)
class ListVersions(Act):
    """Lists the versions that there are of a service: digest, tags, when each was pushed."""

    service: str = ""
    name = "service.versions"

    def run(self, drill: Drill) -> JsonObject:
        releases = drill.use(ServiceReleases)
        key = releases.key(self.service)
        versions = listed(releases.versions(key))
        return {"name": key, "items": versions, "count": len(versions)}
