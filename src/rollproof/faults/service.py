"""What goes wrong with a service's images: a tag that names another image than it did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rollproof.components.aws.images import image_of
from rollproof.components.aws.services import ServiceReleases
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable
from rollproof.faults.base import Fault
from rollproof.model.json import JsonObject

DISGUISE = "rollproof-moved-tag.txt"


@dataclass(frozen=True)
class MoveTag(Fault):
    """The tag of the release that served before is put on another image, as a second push of it does."""

    def prepare(self, drill: Drill) -> None:
        releases = drill.use(ServiceReleases)
        if not releases.cloud.endpoint.private:
            raise NotApplicable("tags are moved only in an account of the drill's own")
        releases.before(releases.key())

    def inject(self, drill: Drill) -> JsonObject:
        releases = drill.use(ServiceReleases)
        key = releases.key()
        before, images = releases.before(key), releases.images(key)
        other = image_of(_another(drill), argv=["{python}", "-c", "raise SystemExit(1)"])
        now = images.push(other, before.tag)
        drill.recorder.note(
            "tag.moved", {"name": key, "items": [{"tag": before.tag, "was": before.digest, "now": now}]}
        )
        return {"name": before.tag}

    def took_hold(self, drill: Drill) -> bool:
        releases = drill.use(ServiceReleases)
        key = releases.key()
        before = releases.before(key)
        try:
            return releases.images(key).digest_of_tag(before.tag) != before.digest
        except AttemptFailed:
            return False


def _another(drill: Drill) -> Path:
    """A folder that no release has."""
    folder = drill.session.open(drill.system).scratch / f"moved-{abs(hash(drill.scenario)):x}"
    folder.mkdir(exist_ok=True)
    (folder / DISGUISE).write_text("an image that somebody has pushed under a tag that was taken\n")
    return folder
