"""Phrases about sites: static files in a bucket, served through a distribution."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import site as checks
from rollproof.components.aws import site_acts as acts
from rollproof.components.aws import site_rollback as rollback
from rollproof.drill.drill import Drill
from rollproof.faults import site as faults
from rollproof.fidelity import rely_on


@given("visitors have been served the previous build of the site, and are served the current one")
def served(drill: Drill) -> None:
    acts.stage(drill)


@given("visitors are served the current build of the site from a folder of its own")
def served_apart(drill: Drill) -> None:
    acts.stage(drill, apart=True)


@given("the bucket of the site keeps versions that can be restored")
def keeps_versions(drill: Drill) -> None:
    rely_on(drill, "s3-versions")
    drill.require(rollback.ExpectVersions())


@given("the distribution of the site follows its origin path")
def follows_origin_path(drill: Drill) -> None:
    rely_on(drill, "cloudfront-origin-path")


@given(parsers.re(r"a build of the site whose symptom is (?P<symptom>[\w-]+) is published"))
def broken(drill: Drill, symptom: str) -> None:
    drill.require(faults.BrokenBuild(symptom))
    drill.require(rollback.Invalidate())


@when("the site is looked at as its visitors see it")
def looked_at(drill: Drill) -> None:
    drill.attempt(acts.LookAtSites())


@when("the versions from before of the site's objects are restored")
def restored(drill: Drill) -> None:
    drill.attempt(rollback.RestoreVersions())


@when("the site is served from the previous build's folder again")
def switched(drill: Drill) -> None:
    drill.attempt(rollback.SwitchOrigin())


@when("the previous build of the site is published again")
def republished(drill: Drill) -> None:
    drill.attempt(acts.PublishBuild(rollback=True))


@when("what the edges keep of the site is invalidated")
def invalidated(drill: Drill) -> None:
    drill.attempt(rollback.Invalidate())


@when("the site is verified")
def verified(drill: Drill) -> None:
    drill.attempt(acts.VerifySites())


@when("what the broken build of the site left is removed")
def cleaned_up(drill: Drill) -> None:
    drill.attempt(rollback.CleanUp())


@then("its visitors could see the fault")
def fault_seen(drill: Drill) -> None:
    drill.verify(checks.site_fault_seen)


@then("visitors are served the build from before")
def serves(drill: Drill) -> None:
    drill.verify(checks.site_serves_the_build)


@then("every page that a cache may still hold, old or new, finds its assets")
def coherent(drill: Drill) -> None:
    drill.verify(checks.site_coherent)


@then("content types and cache headers of the site are as before")
def headers_kept(drill: Drill) -> None:
    drill.verify(checks.site_headers_kept)


@then("no page of the site is kept for good, and no lasting file has changed")
def caching_sound(drill: Drill) -> None:
    drill.verify(checks.site_caching_sound)


@then("the invalidation names all that the fault had changed, and has completed")
def all_invalidated(drill: Drill) -> None:
    drill.verify(checks.site_invalidated)


@then("the site's resources are as before, but for what no page names")
def resources(drill: Drill) -> None:
    drill.verify(checks.site_restored)


@then("the site opens in a browser without a complaint")
def opens(drill: Drill) -> None:
    drill.verify(checks.site_opens)
