"""A name that Route 53 shares among services by weights, as clients who ask for it are sent to them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rollproof.environments.embedded.apprunner_images import RefusedError, call, client
from rollproof.environments.embedded.apprunner_instances import Instance

RESOLVED_SECONDS = 0.1
"""How long an answer of Route 53 is kept: a record's time to live, short for a drill."""


@dataclass
class Weighted:
    """Sends each request to one of the services that the records of a name point at.

    Weights are Route 53's: a record gets its weight's share of all; when all weights are zero, every
    record gets the same (Amazon Route 53 Developer Guide, Values specific for weighted records).
    """

    emulator: str
    account: str
    region: str
    domain: str
    targets: Callable[[], Iterable[Any]]
    """the services that records may point at"""
    shares: list[tuple[str, int]] = field(default_factory=list)
    _resolved: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def next(self) -> Instance | None:
        async with self._lock:
            if time.monotonic() - self._resolved > RESOLVED_SECONDS:
                self.shares = await asyncio.to_thread(self._resolve)
                self._resolved = time.monotonic()
        if not self.shares:
            return None
        weights = [weight for _, weight in self.shares]
        value = random.choices([v for v, _ in self.shares], weights if any(weights) else None)[0]  # noqa: S311
        service = next((one for one in self.targets() if one.url == value), None)
        chosen: Instance | None = await service.workload.next() if service is not None else None
        return chosen

    def _resolve(self) -> list[tuple[str, int]]:
        route53 = client(self.emulator, self.account, self.region, "route53")
        try:
            zones = call(route53.list_hosted_zones)["HostedZones"]
            found: list[tuple[str, int]] = []
            for zone in zones:
                if f"{self.domain}.".endswith(zone["Name"]):
                    records = call(route53.list_resource_record_sets, HostedZoneId=zone["Id"])
                    found += [share for r in records["ResourceRecordSets"] for share in self._shares(r)]
        except RefusedError:
            return self.shares
        return found

    def _shares(self, record: dict[str, Any]) -> list[tuple[str, int]]:
        if record["Name"].rstrip(".") != self.domain or record["Type"] != "CNAME":
            return []
        return [(value["Value"], int(record.get("Weight", 1))) for value in record.get("ResourceRecords", [])]
