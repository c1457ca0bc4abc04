"""What saboteurs of services whose releases are images do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollproof.components.aws.apprunner import AppRunnerService
from rollproof.components.aws.images import Version
from rollproof.components.aws.services import (
    ServiceReleases,
    processes,
    service_settings,
    set_service_settings,
)
from rollproof.components.aws.shares import BLUE, GREEN, SUFFIX, Shares
from rollproof.components.service import Services
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.waiting import eventually
from tests.sabotage.hooks import _patched


def back_by_tag(drill: Drill, act: Act) -> None:
    """Whoever rolls back trusts the tag."""
    releases = drill.use(ServiceReleases)
    key = releases.key()
    releases.deploy(key, f"{releases.images(key).uri}:{releases.before(key).tag}")
    drill.incident("executed")


def still_the_old_one(drill: Drill, act: Act) -> None:
    """The service says RUNNING and names the image that was asked for; the process is the one before."""
    releases = drill.use(ServiceReleases)
    key = releases.key()
    wanted = f"{releases.images(key).uri}@{releases.before(key).digest}"
    _patched(drill, AppRunnerService, "image", property(lambda self: wanted))
    drill.incident("executed")


def by_another_tag(drill: Drill, act: Act) -> None:
    """The right image, by a tag that somebody has made for it."""
    releases = drill.use(ServiceReleases)
    key = releases.key()
    images = releases.images(key)
    images.tag(releases.served[key][-1].digest, "stable")
    releases.deploy(key, f"{images.uri}:stable")


def other_variables(drill: Drill, act: Act) -> None:
    """The image is the one that served; a variable that came with the broken release stays."""
    set_service_settings(drill, {**service_settings(drill), "ADDED_BY_THE_RELEASE": "1"})


def changed_in_place(drill: Drill, act: Act) -> None:
    """Somebody mends a file of the release where it runs."""
    releases = drill.use(ServiceReleases)
    for process in processes(releases, releases.key()):
        (Path(process["folder"]) / "mended_by_hand.py").write_text("")


def one_version_unlisted(drill: Drill, act: Act) -> None:
    """The list ends before the version that would have to be gone back to."""
    every = ServiceReleases.versions

    def first_page(self: ServiceReleases, key: str) -> list[Version]:
        return every(self, key)[:1]

    _patched(drill, ServiceReleases, "versions", first_page)


def always_healthy(drill: Drill, act: Act) -> None:
    """The health check asks nothing but whether somebody listens."""
    asked = AppRunnerService._health

    def connects(self: AppRunnerService, after: float, protocol: str) -> dict[str, Any]:
        return {**asked(self, 20.0, "TCP")}

    _patched(drill, AppRunnerService, "_health", connects)


def interrupted(drill: Drill, act: Act) -> None:
    """The service is stopped and started again in between."""
    runner = drill.use(ServiceReleases).runner(drill.use(ServiceReleases).key())
    arn = runner.arn()
    runner.client.pause_service(ServiceArn=arn)
    eventually(lambda: runner.status == "PAUSED", within=20.0, what="it is paused")
    runner.client.resume_service(ServiceArn=arn)
    eventually(lambda: runner.status == "RUNNING", within=60.0, what="it runs again")


def share_left(drill: Drill, act: Act) -> None:
    """A quarter of the requests stays with the new revision."""
    drill.use(Shares).set({BLUE: 75, GREEN: 25})


def on_in_one_instance(drill: Drill, act: Act) -> None:
    """One instance was forgotten: it still has the variables of before."""
    releases, shares = drill.use(ServiceReleases), drill.use(Shares)
    key = releases.key()
    served, blue = releases.served[key][-1], releases.runner(key)
    image = f"{releases.images(key).uri}@{served.digest}"
    releases.deploy(key, image, suffix=SUFFIX, variables=served.variables)
    shares.targets = {BLUE: blue.url, GREEN: releases.runner(key, suffix=SUFFIX).url}
    shares.set({BLUE: 50, GREEN: 50})
    assert blue.host is not None
    releases.fronts[key] = blue.host.front(releases.cloud.endpoint, shares.domain)
    urls: Mapping[str, str] = {key: releases.fronts[key]}
    drill.use(Services).urls.update(urls)
