"""Sites on a real emulator: read, published, kept by an edge, rolled back, and all that can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rollproof.components.healers  # noqa: F401  they register themselves
from rollproof.checks.resources import resources_restored
from rollproof.checks.site import site_coherent, site_invalidated, site_serves_the_build
from rollproof.components.aws import site_change, site_undo
from rollproof.components.aws.cloud import BEFORE
from rollproof.components.aws.releases import RememberResources
from rollproof.components.aws.site import read_sites
from rollproof.components.aws.site_acts import LookAtSites, OpenSites, PublishBuild, VerifySites
from rollproof.components.aws.site_place import place_of
from rollproof.components.aws.site_rollback import CleanUp, Invalidate, RestoreVersions, SwitchOrigin
from rollproof.components.aws.site_store import Store
from rollproof.drill.healing import heal, outstanding
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.environments.embedded.edge import CachingEdge
from rollproof.errors import (
    AttemptFailed,
    BadInput,
    EnvironmentUnavailable,
    NotApplicable,
    PreconditionNotMet,
    RollproofError,
)
from rollproof.faults.site import MISSING_ASSET, NO_PAGE, SCRIPT_ERROR, BrokenBuild
from rollproof.fidelity import cloudfront as experiments
from rollproof.fidelity.registry import all_experiments
from rollproof.fingerprint import compare
from rollproof.model.verdict import Outcome
from tests.contract.site_support import NAME, Shop, shop

Making = Callable[..., Shop]
Patch = pytest.MonkeyPatch


@pytest.fixture
def patch(monkeypatch: Patch) -> Patch:
    return monkeypatch


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    session = DrillSession(
        folder=tmp_path_factory.mktemp("run") / "r", run="r", environment=EmbeddedEnvironment()
    )
    yield session
    session.finish("proven")


@pytest.fixture
def make(session: DrillSession, tmp_path: Path) -> Iterator[Making]:
    made: list[Shop] = []

    def making(**told: Any) -> Shop:
        made.append(Shop(session, tmp_path, **told))
        return made[-1]

    yield making
    for one in made:
        one.drill.heal()


def served(made: Shop) -> Shop:
    """Both builds published, one after the other, opened through an edge and known."""
    made.drill.require(PublishBuild("previous"))
    made.drill.require(PublishBuild("current"))
    made.drill.require(OpenSites())
    made.drill.require(LookAtSites(BEFORE))
    made.drill.require(RememberResources(("site",)))
    return made


class TestReading:
    def test_every_object_setting_and_part_of_the_distribution_is_a_fact(self, make: Making) -> None:
        made = make()
        made.put(shop("1111bbbb"))
        facts = read_sites(made.cloud).facts
        page = facts["object", f"{NAME}: index.html"].attributes
        assert page["content-type"] == "text/html; charset=utf-8"
        assert page["cache-control"] == "public, max-age=0, s-maxage=600"
        assert len(str(page["sha256"])) == 64
        assert facts["bucket", f"{NAME}: {made.bucket}"].attributes["versioning"] == {"Status": "Enabled"}
        served_by = facts["distribution", f"{NAME}: {made.distribution}"].attributes
        assert served_by["DefaultRootObject"] == "index.html"
        assert "CallerReference" not in served_by

    def test_an_etag_is_not_enough_the_headers_count_too(self, make: Making) -> None:
        made = make()
        made.put({"a.js": "x"})
        before = read_sites(made.cloud)
        made.s3.put_object(Bucket=made.bucket, Key="a.js", Body=b"x", Metadata={"by": "hand"})
        after = read_sites(made.cloud)
        assert before.digest != after.digest
        assert after.facts["object", f"{NAME}: a.js"].attributes["metadata"] == {"by": "hand"}

    def test_what_expires_files_and_what_a_behaviour_refers_to_count_too(self, make: Making) -> None:
        made = make()
        front = made.cloudfront
        config = {"Name": "headers", "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}}}
        policy = front.create_response_headers_policy(ResponseHeadersPolicyConfig=config)
        about = front.get_distribution_config(Id=made.distribution)
        named = {"ResponseHeadersPolicyId": policy["ResponseHeadersPolicy"]["Id"]}
        about["DistributionConfig"]["DefaultCacheBehavior"].update(named)
        front.update_distribution(
            Id=made.distribution, IfMatch=about["ETag"], DistributionConfig=about["DistributionConfig"]
        )
        before = read_sites(made.cloud)
        expires = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
        made.s3.put_bucket_lifecycle_configuration(
            Bucket=made.bucket, LifecycleConfiguration={"Rules": [expires]}
        )
        frames = {"FrameOptions": {"Override": True, "FrameOption": "DENY"}}
        front.update_response_headers_policy(
            Id=named["ResponseHeadersPolicyId"],
            IfMatch=policy["ETag"],
            ResponseHeadersPolicyConfig={**config, "SecurityHeadersConfig": frames},
        )
        found = {(one.kind, one.attribute) for one in compare(before, read_sites(made.cloud))}
        assert found == {("bucket", "lifecycle"), ("distribution", "Policies")}

    @pytest.mark.parametrize("versions", [True, False])
    def test_more_objects_than_one_page_lists_are_all_read(self, make: Making, versions: bool) -> None:
        made = make(versions=versions)
        made.put({f"many/{number:04}.txt": str(number) for number in range(1050)})
        made.s3.delete_object(Bucket=made.bucket, Key="many/0007.txt")
        store = made.drill.use(Store)
        found = store.objects(made.bucket)
        assert len(found) == 1049
        assert len({stored.sha256 for stored in found}) == 1049

    @pytest.mark.slow
    def test_ten_thousand_objects_are_read_and_what_has_not_changed_is_not_read_again(
        self, make: Making
    ) -> None:
        made = make()
        made.put({f"many/{number:05}.txt": str(number) for number in range(10_000)})
        assert len(read_sites(made.cloud).facts) == 10_002
        reads: list[object] = []
        made.s3.meta.events.register("before-call.s3.GetObject", lambda **_: reads.append(1))
        assert len(read_sites(made.cloud).facts) == 10_002
        assert reads == []


class TestPublishing:
    def test_assets_go_first_and_pages_last_the_front_page_after_all(self, make: Making) -> None:
        made = make()
        puts: list[str] = []
        made.s3.meta.events.register(
            "before-call.s3.PutObject", lambda params, **_: puts.append(params["url_path"])
        )
        made.put({**shop("1111bbbb"), "about/index.html": "<!doctype html>"})
        assert puts[-2].endswith("/about/index.html")
        assert puts[-1].endswith("/index.html")
        assert not any(one.endswith(".html") for one in puts[:-2])

    def test_each_release_in_a_folder_of_its_own_has_what_held_pages_name(self, make: Making) -> None:
        made = make()
        made.sites.apart = True
        made.drill.require(PublishBuild("previous"))
        made.drill.require(PublishBuild("current"))
        assert place_of(made.cloud, NAME).folder == "1.1/"
        assert "1.1/app.0000aaaa.js" in made.listed()


class TestEdge:
    def test_it_keeps_a_changed_page_until_an_invalidation_names_it(self, make: Making) -> None:
        made = served(make())
        made.put({"index.html": "changed"})
        assert made.ask("/")[2] == "Hit from cloudfront"
        assert "changed" not in made.ask("/")[1]
        place = place_of(made.cloud, NAME)
        site_change.invalidate(made.cloud.aws, place.distribution, ["/other*"], limit=5)
        assert "changed" not in made.ask("/")[1]
        site_change.invalidate(made.cloud.aws, place.distribution, ["/"], limit=5)
        assert made.ask("/") == (200, "changed", "Miss from cloudfront")

    def test_the_query_is_no_part_of_the_key(self, make: Making) -> None:
        made = served(make())
        assert made.sites.visitor(NAME).ask("/index.html", query="v=2").cached == "Hit from cloudfront"

    def test_what_is_asked_after_an_invalidation_and_changed_then_is_kept(self, make: Making) -> None:
        made = served(make())
        site_change.invalidate(made.cloud.aws, made.distribution, ["/*"], limit=5)
        assert made.ask("/")[2] == "Miss from cloudfront"
        made.put({"index.html": "changed"})
        assert made.ask("/")[2] == "Hit from cloudfront"
        assert "changed" not in made.ask("/")[1]

    def test_what_has_expired_is_asked_for_again_by_its_etag(self, make: Making) -> None:
        made = make()
        made.put(shop("1111bbbb"))
        made.s3.put_object(Bucket=made.bucket, Key="plain.txt", Body=b"x", CacheControl="no-cache")
        made.sites.open(NAME)
        visitor = made.sites.visitor(NAME)
        assert visitor.ask("/plain.txt").cached == "Miss from cloudfront"
        seen = _until(lambda: visitor.ask("/plain.txt"), lambda answer: "RefreshHit" in answer.cached)
        assert seen.body == b"x"

    def test_it_is_for_emulators_alone(self, make: Making) -> None:
        made = make()
        real = type(made.cloud.endpoint)(
            url=None,
            region="us-east-1",
            account="123456789012",
            access_key="k",
            emulator="",
            private=False,
            secret_key="s",  # noqa: S106  of nobody
        )
        with pytest.raises(EnvironmentUnavailable, match="edges of its own"):
            CachingEdge.start(
                environment=made.cloud.environment, endpoint=real, distribution="E1", domain="d"
            )

    def test_the_journal_says_that_the_suite_provides_it(self, make: Making) -> None:
        made = served(make())
        (event,) = made.drill.history.all("provided")
        assert event.data["name"] == "caching edge"
        assert "nothing is ever kept" in str(event.data["found"])


def _until(ask: Callable[[], Any], well: Callable[[Any], bool]) -> Any:
    from rollproof.waiting import eventually

    def probe() -> Any:
        answer = ask()
        return answer if well(answer) else None

    return eventually(probe, within=10, what="the edge asks again")


class TestRollingBack:
    @pytest.mark.parametrize("symptom", [NO_PAGE, SCRIPT_ERROR, MISSING_ASSET])
    def test_a_twin_of_the_current_build_is_broken_and_versions_bring_the_site_back(
        self, make: Making, symptom: str
    ) -> None:
        made = served(make())
        made.drill.require(BrokenBuild(symptom))
        made.drill.require(Invalidate())
        made.drill.require(LookAtSites())
        made.drill.require(RestoreVersions())
        made.drill.require(Invalidate())
        made.drill.require(VerifySites())
        assert made.drill.verify(site_serves_the_build).outcome is Outcome.PROVEN
        assert made.drill.verify(site_coherent).outcome is Outcome.PROVEN
        made.drill.require(CleanUp())
        assert made.drill.verify(resources_restored, kind="site").outcome is Outcome.PROVEN

    def test_the_origin_path_brings_the_site_back_and_pages_of_the_broken_build_find_their_assets(
        self, make: Making
    ) -> None:
        made = make()
        made.sites.apart = True
        served(made)
        made.drill.require(BrokenBuild(SCRIPT_ERROR))
        made.drill.require(LookAtSites())
        made.drill.require(SwitchOrigin())
        made.drill.require(Invalidate(("/*",)))
        assert made.drill.verify(site_serves_the_build).outcome is Outcome.PROVEN
        coherent = made.drill.verify(site_coherent)
        assert coherent.outcome is Outcome.PROVEN
        assert coherent.numbers["never_there"] == 0

    def test_a_forgotten_invalidation_is_seen(self, make: Making) -> None:
        made = served(make())
        made.drill.require(BrokenBuild(MISSING_ASSET))
        made.drill.require(Invalidate())
        made.drill.require(LookAtSites())
        made.drill.require(PublishBuild(rollback=True))
        assert made.drill.verify(site_serves_the_build).outcome is Outcome.REFUTED
        assert made.drill.verify(site_invalidated).outcome is Outcome.REFUTED

    def test_there_is_no_folder_to_go_back_to(self, make: Making) -> None:
        made = served(make())
        with pytest.raises(PreconditionNotMet, match="no folder to go back to"):
            made.drill.require(SwitchOrigin())

    def test_a_version_that_has_expired_is_named(self, make: Making) -> None:
        made = served(make())
        made.put({"index.html": "broken"})
        version = made.sites.known[NAME].listing["index.html"]
        made.s3.delete_object(Bucket=made.bucket, Key="index.html", VersionId=version)
        with pytest.raises(PreconditionNotMet, match="not there any more"):
            made.drill.require(RestoreVersions())


class TestSharedAccounts:
    def test_acts_announce_what_a_healer_puts_back_and_it_does(self, make: Making, patch: Patch) -> None:
        made = served(make())
        before = read_sites(made.cloud)
        endpoint = made.cloud.endpoint
        shared = type(endpoint)(**{f: getattr(endpoint, f) for f in endpoint.__slots__} | {"private": False})
        patch.setattr(made.cloud, "endpoint", shared)
        made.drill.require(PublishBuild("previous"))
        made.s3.delete_object(Bucket=made.bucket, Key="logo.svg")
        mine = [event for event in made.drill.history.events if event.actor == made.drill.scenario]
        assert heal(outstanding(mine), made.drill.recorder) == []
        assert read_sites(made.cloud).digest == before.digest

    def test_without_credentials_the_healer_says_so(self) -> None:
        with pytest.raises(RollproofError, match="nobody here has credentials"):
            site_undo.put_back({"kind": "aws.site", "account": "1", "items": []})


class TestBadInput:
    def test_a_bucket_that_does_not_exist(self, make: Making) -> None:
        made = make()
        made.s3.delete_bucket_policy(Bucket=made.bucket)
        made.s3.delete_bucket(Bucket=made.bucket)
        with pytest.raises(AttemptFailed, match="no such bucket") as caught:
            made.sites.place(NAME)
        assert "deploy the stack" in caught.value.remedy

    def test_a_distribution_that_does_not_exist(self, make: Making) -> None:
        made = make()
        gone = made.drill.system.site[NAME].model_copy(update={"distribution": "E0000000000000"})
        made.cloud.system = made.drill.system.model_copy(update={"site": {NAME: gone}})
        with pytest.raises(AttemptFailed, match="NoSuchDistribution"):
            made.sites.place(NAME)

    def test_a_distribution_of_another_bucket(self, make: Making) -> None:
        made = make()
        other = made.drill.system.site[NAME].model_copy(update={"bucket": "another"})
        made.cloud.system = made.drill.system.model_copy(update={"site": {NAME: other}})
        with pytest.raises(AttemptFailed, match="none of its origins is the bucket another"):
            place_of(made.cloud, NAME)

    def test_a_distribution_that_is_disabled(self, make: Making) -> None:
        with pytest.raises(PreconditionNotMet, match="disabled"):
            make(enabled=False).sites.open(NAME)

    def test_a_bucket_without_versions_cannot_be_rolled_back_by_them(self, make: Making) -> None:
        made = served(make(versions=False))
        with pytest.raises(NotApplicable, match="keeps no versions"):
            made.drill.attempt(RestoreVersions())

    def test_a_site_without_builds_has_nothing_to_publish(self, make: Making) -> None:
        with pytest.raises(NotApplicable, match="nothing to publish"):
            make(builds=None).drill.require(PublishBuild())

    def test_a_release_whose_build_is_empty(self, make: Making) -> None:
        with pytest.raises(BadInput, match="no built files"):
            make(builds="lost").drill.require(PublishBuild())

    def test_a_symptom_that_nobody_knows(self, make: Making) -> None:
        with pytest.raises(BadInput, match="page-does-not-load"):
            make().drill.require(BrokenBuild("gremlins"))

    def test_a_rollback_of_a_site_that_nobody_looked_at(self, make: Making) -> None:
        made = make()
        made.put(shop("1111bbbb"))
        with pytest.raises(PreconditionNotMet, match="nobody looked"):
            made.drill.require(RestoreVersions())

    def test_an_invalidation_that_never_completes(self, make: Making, patch: Patch) -> None:
        """CloudFront's answer is made up here: the emulator completes each at once."""
        made = make(propagation="200ms")
        client = made.cloudfront

        def unfinished(**asked: Any) -> dict[str, Any]:
            return {"Invalidation": {"Id": asked["Id"], "Status": "InProgress"}}

        patch.setattr(client, "get_invalidation", unfinished)
        assert made.drill.attempt(Invalidate()) is False
        failed = made.drill.failed["site.invalidate"]
        assert "in vain until invalidation" in failed.found

    def test_access_denied_names_the_call_to_allow(self, make: Making, patch: Patch) -> None:
        """The refusal is made up here: the emulator lets everybody do everything."""
        from botocore.exceptions import ClientError

        made = make()

        def refuse(**_: Any) -> None:
            error = {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}
            raise ClientError(error, "CreateInvalidation")

        patch.setattr(made.cloudfront, "create_invalidation", refuse)
        made.drill.attempt(Invalidate())
        assert "CreateInvalidation" in made.drill.failed["site.invalidate"].remedy


class TestExperiments:
    def test_they_are_registered(self) -> None:
        assert {"cloudfront-caches", "cloudfront-origin-path", "s3-versions"} <= set(all_experiments())

    @pytest.mark.parametrize(
        ("one", "holds"),
        [
            (experiments.caches, False),
            (experiments.origin_path, True),
            (experiments.needs_policy, True),
            (experiments.versions, True),
        ],
    )
    def test_what_the_emulator_does(self, make: Making, one: Any, holds: bool) -> None:
        made = make()
        finding = one.run(made.cloud.aws)
        assert finding.holds is holds
        listed = made.s3.list_buckets()["Buckets"]
        assert [bucket["Name"] for bucket in listed] == [made.bucket]
        assert len(made.cloudfront.list_distributions()["DistributionList"].get("Items", [])) == 1
