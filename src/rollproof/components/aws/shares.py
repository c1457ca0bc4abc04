"""Which of a service's two revisions gets which share of requests: weighted records of Route 53.

Blue is the revision that serves, green the one that is to take over. Both are services of their own, so
that going back is a change of weights and nothing else.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rollproof.components.aws.clients import calling
from rollproof.components.aws.services import Served, ServiceReleases, folders, key_of, release_of
from rollproof.components.clients import Clients
from rollproof.components.service import Services
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.environments.embedded.apprunner_weights import RESOLVED_SECONDS
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually, pause
from rollproof.workload.availability import error_rate

BLUE, GREEN = "blue", "green"
SUFFIX = "-green"
TTL_SECONDS = 60
ASKED = 60
"""How often a service is asked who it is, to measure shares: of 60 requests one at least goes to a tenth's
revision with 99.8 %."""
NOTICE_SECONDS = 15.0
LEAST_OPERATIONS = 20
_WHOLE = 100


class Shares:
    """The weights of one service's name, and who answers for it."""

    def __init__(self, drill: Drill) -> None:
        self.drill, self.releases = drill, drill.use(ServiceReleases)
        self.key = self.releases.key()
        self.cloud = self.releases.cloud
        self.targets: dict[str, str] = {}
        self.green: Served | None = None

    @property
    def domain(self) -> str:
        """Raises NotApplicable: the service has no name whose weights could be changed."""
        domain = self.releases.spec(self.key).domain
        if domain is None:
            raise NotApplicable(f"[service.{self.key}] declares no `domain`, so nothing shares its requests")
        return self.cloud.fill(domain)

    def set(self, weights: Mapping[str, int]) -> None:
        """Writes the records, each revision's with its weight. Raises AttemptFailed."""
        zone = self._zone()
        changes = [
            {"Action": "UPSERT", "ResourceRecordSet": self._record(slot, weights[slot])} for slot in weights
        ]
        with calling("changing weights", where=self.domain):
            self.cloud.client("route53").change_resource_record_sets(
                HostedZoneId=zone, ChangeBatch={"Changes": changes}
            )

    def weights(self) -> dict[str, int]:
        """As Route 53 has them now. Raises AttemptFailed."""
        with calling("reading weights", where=self.domain):
            found = self.cloud.client("route53").list_resource_record_sets(HostedZoneId=self._zone())
        return {
            record["SetIdentifier"]: int(record["Weight"])
            for record in found["ResourceRecordSets"]
            if record["Name"].rstrip(".") == self.domain and "Weight" in record
        }

    def _record(self, slot: str, weight: int) -> dict[str, object]:
        return {
            "Name": self.domain,
            "Type": "CNAME",
            "SetIdentifier": slot,
            "Weight": weight,
            "TTL": TTL_SECONDS,
            "ResourceRecords": [{"Value": self.targets[slot].partition("://")[2]}],
        }

    def _zone(self) -> str:
        """The hosted zone that holds the name; made in an account of the drill's own."""
        client = self.cloud.client("route53")
        with calling("looking for the name's hosted zone", where=self.domain):
            zones = client.list_hosted_zones()["HostedZones"]
            for zone in sorted(zones, key=lambda one: -len(one["Name"])):
                if f".{self.domain}.".endswith(f".{zone['Name']}"):
                    return str(zone["Id"])
            if not self.cloud.endpoint.private:
                raise PreconditionNotMet(f"no hosted zone holds {self.domain}", where=self.key)
            name = self.domain.partition(".")[2]
            made = client.create_hosted_zone(Name=name, CallerReference=f"{name}-{self.drill.scenario}"[:128])
        return str(made["HostedZone"]["Id"])

    def measure(self) -> tuple[dict[str, int], int]:
        """Who answered how many requests, by what each said that it is; and how many failed."""
        return ask(self.releases, self.key, ASKED // 2)


def ask(releases: ServiceReleases, key: str, times: int) -> tuple[dict[str, int], int]:
    """What the service says that it is, each answer with how often it was given; and how many failed."""
    answers: Counter[str] = Counter()
    failed, url = 0, releases.url(key)
    for _ in range(times):
        try:
            answers[releases.identity(key, base=url)] += 1
        except AttemptFailed:
            failed += 1
    return dict(answers), failed


@dataclass(frozen=True)
class PutBeside(Act):
    """Runs another release beside the one that serves, under one name that shares requests by weights.

    Attributes:
        which: as `DeployService.which`; it gets no request yet.
    """

    which: str = "current"
    name = "service.put_beside"

    def prepare(self, drill: Drill) -> None:
        key_of(drill)
        drill.use(Shares).domain  # noqa: B018  raises NotApplicable without one
        release_of(drill, self.which)
        if not drill.use(Shares).cloud.endpoint.private:
            raise NotApplicable("a second revision is put up only in an account of the drill's own")

    def describe(self, drill: Drill) -> JsonObject:
        release = release_of(drill, self.which)
        return {"version": release.name, "kind": release.broken}

    def run(self, drill: Drill) -> JsonObject:
        releases, shares = drill.use(ServiceReleases), drill.use(Shares)
        key, release = shares.key, release_of(drill, self.which)
        blue = releases.runner(key)
        digest = releases.publish(key, folders(drill, release), release.name)
        image = f"{releases.images(key).uri}@{digest}"
        releases.deploy(key, image, suffix=SUFFIX, variables=blue.variables())
        green = releases.runner(key, suffix=SUFFIX)
        shares.targets = {BLUE: blue.url, GREEN: green.url}
        shares.set({BLUE: _WHOLE, GREEN: 0})
        identity = releases.identity(key, base=green.url)
        shares.green = Served(release.name, release.name, digest, "", identity, {})
        if green.host is not None:
            releases.fronts[key] = green.host.front(releases.cloud.endpoint, shares.domain)
        else:
            releases.fronts[key] = f"https://{shares.domain}"
        drill.use(Services).urls[key] = releases.fronts[key]
        return {"name": key, "version": release.name, "digest": digest, "items": [shares.green.to_json()]}


@dataclass(frozen=True)
class ShiftRequests(Act):
    """Gives each revision its share, and measures who answers then.

    Attributes:
        green: share of the new revision, percent; the rest is the old one's.
        label: what this moment is called: `canary`, `switched`, `back`.
    """

    green: int
    label: str
    name = "service.shift"

    def describe(self, drill: Drill) -> JsonObject:
        return {"label": self.label, "numbers": {BLUE: _WHOLE - self.green, GREEN: self.green}}

    def run(self, drill: Drill) -> JsonObject:
        return shift(drill, self.label, self.green)


class SwitchBack(ShiftRequests):
    """All requests to the revision that served before."""

    name = "shares.roll_back"

    def __init__(self) -> None:
        super().__init__(0, "back")

    def run(self, drill: Drill) -> JsonObject:
        said = super().run(drill)
        drill.incident("executed")
        return said


def shift(drill: Drill, label: str, green: int) -> JsonObject:
    """Sets the weights and measures; what the closing event says of it."""
    shares = drill.use(Shares)
    shares.set({BLUE: _WHOLE - green, GREEN: green})
    drill.use(Clients).settle()
    pause(RESOLVED_SECONDS if shares.cloud.endpoint.url else TTL_SECONDS)
    answers, failed = shares.measure()
    numbers: dict[str, Json] = {BLUE: _WHOLE - green, GREEN: green}
    return {"label": label, "numbers": numbers, "items": [answers], "failed": failed}


@dataclass(frozen=True)
class RunCanary(Act):
    """Gives the new revision a share and stops it when clients' errors pass the threshold.

    Attributes:
        share: percent of requests.
    """

    share: int = 25
    name = "canary.roll_back"

    def describe(self, drill: Drill) -> JsonObject:
        threshold = drill.system.watch.error_rate
        return {"numbers": {BLUE: _WHOLE - self.share, GREEN: self.share, "threshold": threshold}}

    def run(self, drill: Drill) -> JsonObject:
        clients, threshold = drill.use(Clients), drill.system.watch.error_rate
        if clients.traffic is None:
            raise PreconditionNotMet(
                "no clients are at work", remedy="add `And clients keep reading and writing`"
            )
        green = drill.use(Shares).green
        drill.incident("fault", cause=f"release {green.version if green else ''} gets {self.share} %")
        names = {one.name for one in drill.system.traffic if one.service == drill.use(Shares).key}
        began = time.monotonic_ns()
        drill.recorder.note("service.shares", {**shift(drill, "canary", self.share)})

        def passed() -> float | None:
            done = [one for one in clients.operations() if one.started_ns >= began]
            new = [one for one in done if one.name in names]
            rate = error_rate(new) if len(new) >= LEAST_OPERATIONS else None
            return rate if rate is not None and rate > threshold else None

        try:
            rate = eventually(passed, within=NOTICE_SECONDS, what="clients' errors pass the threshold")
        finally:
            stopped = shift(drill, "stopped", 0)
        drill.incident("detected")
        drill.incident("executed")
        return {**stopped, "facts": {"error_rate": rate, "threshold": threshold}}
