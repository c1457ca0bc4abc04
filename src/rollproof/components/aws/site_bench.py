"""The sites of one scenario: how they are asked, which builds were there, and what was seen of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.releases import Deployments
from rollproof.components.aws.site_build import Build, BuiltFile, built_files, captured, sha256
from rollproof.components.aws.site_change import copy_files
from rollproof.components.aws.site_place import Place, expect_bucket, expect_serving, place_of, sites
from rollproof.components.aws.site_store import Store
from rollproof.components.aws.site_visit import Answer, Visitor
from rollproof.components.browser import Browsers
from rollproof.components.browser_page import Answering, Handed, Opened
from rollproof.drill.drill import Drill
from rollproof.environments.embedded.edge import CachingEdge
from rollproof.errors import NotApplicable, PreconditionNotMet
from rollproof.fidelity.registry import Fidelity
from rollproof.journal.redaction import cut
from rollproof.model.aws import Release
from rollproof.model.json import Json

_LONGEST, _WORDS = 300, 2000
CACHES = "cloudfront-caches"
"""The experiment that says whether an edge must be provided."""


@dataclass
class Known:
    """What is known of one site.

    Attributes:
        builds: as the bucket offered them, by label, oldest first.
        listing: version id of every key of the bucket when the site was well.
        folder: key prefix that was served from then.
        front: digests that the front page may have: as stored, and as visitors were answered then.
    """

    builds: dict[str, Build] = field(default_factory=dict)
    listing: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    front: set[str] = field(default_factory=set)


class Sites:
    """A scenario's sites.

    Attributes:
        apart: whether each release is published into a folder of its own, and the origin path says
            which is served; else a build is published over the one before.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.store = drill.use(Store)
        self.apart = False
        self.known: dict[str, Known] = {}
        self._visitors: dict[str, Visitor] = {}
        self._salt = secrets.token_bytes(16)

    def names(self) -> list[str]:
        """Raises NotApplicable when no site is declared that a distribution serves."""
        return list(sites(self.cloud))

    def stacks(self) -> tuple[str, ...]:
        """Keys of the stacks that the sites are part of."""
        found = (spec.stack for spec in sites(self.cloud).values())
        return tuple(dict.fromkeys(stack for stack in found if stack))

    def place(self, name: str) -> Place:
        """Where a site is now. Raises AttemptFailed for what is not there."""
        place = place_of(self.cloud, name)
        expect_bucket(self.cloud, place)
        return place

    def files(self, name: str, release: Release) -> list[BuiltFile]:
        """The build that a release's folder holds. Raises NotApplicable without `builds`, or BadInput."""
        spec = self.cloud.system.site[name]
        if spec.builds is None:
            raise NotApplicable(f"[site.{name}] declares no `builds`, so there is nothing to publish")
        folder: Path = self.drill.use(Deployments).folder(release) / self.cloud.fill(spec.builds)
        return built_files(folder, spec.cache)

    def visitor(self, name: str) -> Visitor:
        """Asks a site through its edge. Raises PreconditionNotMet when it was not opened."""
        if name not in self._visitors:
            raise PreconditionNotMet(f"site {name} was not opened", doing="asking a site")
        return self._visitors[name]

    def open(self, name: str) -> str:
        """Finds the way to a site, with an edge of the suite's own where CloudFront does not cache.

        Returns how it is asked. Raises PreconditionNotMet for a distribution that is disabled.
        """
        place = expect_serving(self.place(name))
        finding = self.drill.session.use(Fidelity, self.drill.system).finding(CACHES)
        base, how = f"https://{place.domain}", "CloudFront"
        if not finding.holds and self.cloud.endpoint.url is not None:
            edge = CachingEdge.start(
                environment=self.cloud.environment,
                endpoint=self.cloud.endpoint,
                distribution=place.distribution,
                domain=place.domain,
            )
            self.drill.on_heal(edge.stop)
            base, how = edge.url, "caching edge"
            self.drill.recorder.note("provided", {"name": how, "found": finding.said})
        self._visitors[name] = visitor = Visitor(base)
        self.drill.on_heal(visitor.close)
        return how

    def capture(self, name: str, label: str) -> Build:
        """The build that the bucket offers now, remembered and noted under `label`."""
        place = self.place(name)
        build = captured(self.store, place)
        known = self.known.setdefault(name, Known())
        known.builds[label] = build
        kept = self.drill.recorder.journal.attachments.put(build.to_json())
        said: dict[str, Json] = {"name": name, "label": label, "kept": kept, "count": len(build.files)}
        self.drill.recorder.note("site.build", said)
        return build

    def remember(self, name: str) -> None:
        """What is there now is what a rollback goes back to."""
        place, known = self.place(name), self.known.setdefault(name, Known())
        latest = (one for one in self.store.versions(place.bucket, place.home) if one.latest)
        known.listing = {one.key: one.id for one in latest if not one.deleted}
        known.folder = place.folder

    def carry_over(self, name: str, folder: str) -> None:
        """Copies what known pages name into the folder that is served next, where it is not there yet.

        A page that a cache still holds asks for its own assets, in whatever folder is served then.
        """
        known, place = self.known.get(name), self.place(name)
        if known is None or place.folder == folder:
            return
        builds = known.builds.values()
        held = {n.path.lstrip("/") for b in builds for n in b.names if n.path not in b.pages}
        there = {
            one.key for one in self.store.versions(place.bucket, place.home) if one.latest and not one.deleted
        }
        wanted = [p for p in held if place.folder + p in there and folder + p not in there]
        copy_files(self.cloud.client("s3"), place.bucket, place.folder, folder, wanted)

    def ask(self, name: str, label: str) -> Mapping[str, Answer]:
        """Every path that any known build makes a visitor ask, through the edge; noted under `label`."""
        builds = self.known[name].builds.values()
        paths = dict.fromkeys(path for build in builds for path in build.wanted())
        answers = self.visitor(name).ask_all(paths)
        if label == "before" and "/" in answers:
            build = self.known[name].builds[label]
            stored = build.files.get(build.root, {}).get("sha256")
            self.known[name].front = {sha256(answers["/"].body), str(stored)}
        proven = {n.path for build in builds for n in build.names if n.integrity}
        kept = self.drill.recorder.journal.attachments.put(
            {path: answer.to_json(digests=path in proven) for path, answer in answers.items()}
        )
        said: dict[str, Json] = {"name": name, "label": label, "kept": kept, "count": len(answers)}
        self.drill.recorder.note("site.answers", said)
        return answers

    def browse(self, name: str, label: str) -> Opened:
        """Opens a site's front page in a browser; noted under `label`.

        Raises NotProvenHere without a browser, AttemptFailed when it dies.
        """
        place = self.place(name)
        opened = self.drill.session.use(Browsers, self.drill.system).open(
            place.url("/"), self._answering(name, place)
        )
        kept = self.drill.recorder.journal.attachments.put(_said(opened, self._salt))
        self.drill.recorder.note("site.opened", {"name": name, "label": label, "kept": kept})
        return opened

    def _answering(self, name: str, place: Place) -> Answering:
        hosts, visitor = frozenset(place.hosts), self.visitor(name)

        def answering(method: str, url: str) -> Handed | None:
            split = urlsplit(url)
            if (split.hostname or "").lower() not in hosts or method not in {"GET", "HEAD"}:
                return None
            answer = visitor.ask(unquote(split.path) or "/", query=split.query)
            return Handed(answer.status, answer.headers, answer.body)

        return answering


def _said(opened: Opened, salt: bytes) -> dict[str, Json]:
    """What may be kept of a visit: of its text only digests of words, for a page can show anybody's data."""
    words = sorted(
        {hashlib.blake2b(w.encode(), key=salt, digest_size=6).hexdigest() for w in opened.text.split()}
    )
    return {
        "finished": opened.finished,
        "errors": [cut(line)[:_LONGEST] for line in opened.errors],
        "failed": [cut(line)[:_LONGEST] for line in opened.failed],
        "refused": [cut(line)[:_LONGEST] for line in opened.refused],
        "words": [*words[:_WORDS]],
    }
