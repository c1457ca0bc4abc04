"""What goes wrong with a service's images: a tag that names another image than it did."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.aws.services import ServiceReleases
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable
from rollproof.faults.base import Fault
from rollproof.model.json import JsonObject


@dataclass(frozen=True)
class MoveTag(Fault):
    """The tag of the release that served before is put on the image that serves now, as a careless push does.

    Whoever rolls back by that tag deploys what is there already, and is told that all went well.
    """

    def prepare(self, drill: Drill) -> None:
        releases = drill.use(ServiceReleases)
        if not releases.cloud.endpoint.private:
            raise NotApplicable("tags are moved only in an account of the drill's own")
        releases.before(releases.key())

    def inject(self, drill: Drill) -> JsonObject:
        releases = drill.use(ServiceReleases)
        key = releases.key()
        before, now = releases.before(key), releases.served[key][-1].digest
        releases.images(key).tag(now, before.tag)
        moved = {"tag": before.tag, "was": before.digest, "now": now}
        drill.recorder.note("tag.moved", {"name": key, "items": [moved]})
        return {"name": before.tag}

    def took_hold(self, drill: Drill) -> bool:
        releases = drill.use(ServiceReleases)
        key = releases.key()
        before = releases.before(key)
        try:
            return releases.images(key).digest_of_tag(before.tag) != before.digest
        except AttemptFailed:
            return False
