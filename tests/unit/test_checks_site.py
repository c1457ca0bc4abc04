"""Does the site serve what it served before? Judged on literal histories."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.site import (
    invalidates,
    site_caching_sound,
    site_coherent,
    site_fault_seen,
    site_headers_kept,
    site_invalidated,
    site_opens,
    site_restored,
    site_serves_the_build,
)
from rollproof.environments.embedded import edge_program
from rollproof.model.fingerprint import Difference
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
LASTING, PAGE = "public, max-age=31536000, immutable", "no-cache"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def stored(text: str, content_type: str, cache: str) -> dict[str, Any]:
    return {
        "sha256": digest(text),
        "bytes": len(text),
        "content-type": content_type,
        "cache-control": cache,
    }


def build(version: str, *, has: tuple[str, ...] = ("js", "css")) -> Any:
    """A page that names two assets of its version; `has` are those that were uploaded."""
    assets = ("js", "css")
    types = {"js": "text/javascript", "css": "text/css"}
    files = {"/index.html": stored(f"page {version}", "text/html", PAGE)}
    files |= {f"/a-{version}.{kind}": stored(f"{kind} {version}", types[kind], LASTING) for kind in has}
    names = [["/index.html", f"/a-{version}.{kind}", "script", "", False] for kind in assets]
    return {"root": "/index.html", "files": files, "pages": ["/index.html"], "names": names}


def answer(said: Mapping[str, Any] | None, **changed: Any) -> dict[str, Any]:
    if said is None:
        return {"status": 403, "sha256": digest("no"), "bytes": 2, "headers": {}, "age": None, "error": ""}
    headers = {name: said[name] for name in ("content-type", "cache-control")}
    found = {"status": 200, "sha256": said["sha256"], "bytes": said["bytes"], "headers": headers}
    return {**found, "age": None, "error": "", **changed}


def answers(offered: Any, *namers: Any) -> dict[str, Any]:
    """What a site that offers a build answers to all that the namers want."""
    paths = ["/", "/index.html", *(name[1] for one in namers for name in one["names"])]
    return {p: answer(offered["files"].get("/index.html" if p == "/" else p)) for p in paths}


OLD, NEW = build("1"), build("2", has=("js",))


class Site:
    """A rollback of a build without its style sheet; what is told can be changed before it is."""

    def __init__(self) -> None:
        builds = {"before": OLD, "broken": NEW, "after": OLD}
        self.builds: dict[str, Any] = {label: copy.deepcopy(one) for label, one in builds.items()}
        self.builds["after"]["files"]["/a-2.js"] = NEW["files"]["/a-2.js"]
        self.answers: dict[str, Any] = {
            "before": answers(OLD, OLD),
            "broken": answers(NEW, OLD, NEW),
            "after": answers(self.builds["after"], OLD, NEW),
        }
        self.invalidated: dict[str, Any] = {"broken": [], "after": [["I1", "Completed", ["/*"]]]}
        self.opened: dict[str, Any] = {
            label: {"finished": True, "errors": [], "failed": [], "refused": [], "words": ["a", "b", "c"]}
            for label in ("before", "after")
        }

    def story(self) -> Story:
        told = Story()
        for label in self.builds:
            about: dict[str, Any] = {"name": "front", "label": label}
            told.event("site.build", **about, kept=told.attachments.put(self.builds[label]))
            told.event("site.answers", **about, kept=told.attachments.put(self.answers[label]))
            if label in self.opened:
                told.event("site.opened", **about, kept=told.attachments.put(self.opened[label]))
            if label in self.invalidated:
                items: list[Any] = [
                    {"created": i, "status": s, "items": p} for i, s, p in self.invalidated[label]
                ]
                told.event("site.invalidations", **about, items=items)
        return told

    def judge(self, check: Any) -> Any:
        return self.story().judge(check)

    def after(self, path: str, **changed: Any) -> None:
        self.answers["after"][path] = {**self.answers["after"][path], **changed}


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(
    "check",
    [
        site_serves_the_build,
        site_coherent,
        site_headers_kept,
        site_caching_sound,
        site_invalidated,
        site_opens,
        site_fault_seen,
    ],
)
def test_a_whole_rollback_is_proven_and_an_empty_history_is_unknown(site: Site, check: Any) -> None:
    assert site.judge(check).outcome is PROVEN
    assert Story().judge(check).outcome is UNKNOWN


class TestServing:
    def test_a_page_that_a_cache_still_has_from_the_broken_build_is_named_with_its_age(
        self, site: Site
    ) -> None:
        site.after("/", sha256=NEW["files"]["/index.html"]["sha256"], age=12)
        verdict = site.judge(site_serves_the_build)
        assert verdict.outcome is REFUTED
        assert verdict.findings == (
            "front/: still the broken build's, from a cache that has had it for 12 s",
        )

    @pytest.mark.parametrize(
        "changed", [{"status": 404}, {"status": 0, "error": "ReadTimeout"}, {"sha256": digest("other")}]
    )
    def test_any_other_answer_is_refuted(self, site: Site, changed: dict[str, Any]) -> None:
        site.after("/a-1.css", **changed)
        assert site.judge(site_serves_the_build).outcome is REFUTED

    def test_what_was_not_asked_is_refuted_and_not_passed_over(self, site: Site) -> None:
        del site.answers["after"]["/a-1.js"]
        assert site.judge(site_serves_the_build).outcome is REFUTED

    def test_what_was_missing_before_may_be_missing_after(self, site: Site) -> None:
        for label in ("before", "after"):
            site.builds[label]["names"] = [*OLD["names"], ["/index.html", "/lost.png", "image", "", False]]
            site.answers[label]["/lost.png"] = answer(None)
        assert site.judge(site_serves_the_build).outcome is PROVEN
        assert site.judge(site_coherent).outcome is PROVEN

    def test_a_site_without_a_page_proves_nothing(self, site: Site) -> None:
        site.builds["before"] = {"root": "", "files": {}, "pages": [], "names": []}
        assert site.judge(site_serves_the_build).outcome is UNKNOWN


class TestCoherence:
    def test_what_the_broken_build_never_had_is_its_own_fault_and_counted(self, site: Site) -> None:
        assert site.judge(site_coherent).numbers == {"assets": 3, "never_there": 1}

    @pytest.mark.parametrize("path", ["/a-1.css", "/a-2.js"])
    def test_an_asset_of_the_old_or_of_the_broken_build_that_is_gone_is_refuted(
        self, site: Site, path: str
    ) -> None:
        site.after(path, status=403)
        assert site.judge(site_coherent).outcome is REFUTED

    def test_an_error_page_with_200_in_place_of_an_asset_is_refuted(self, site: Site) -> None:
        page = OLD["files"]["/index.html"]
        site.after("/a-1.js", sha256=page["sha256"], headers={"content-type": "text/html"})
        verdict = site.judge(site_coherent)
        assert verdict.outcome is REFUTED
        assert any("bytes of no build" in line for line in verdict.findings)
        assert any("content type text/html" in line for line in verdict.findings)

    def test_bytes_that_fail_their_integrity_are_refuted(self, site: Site) -> None:
        right = base64.b64encode(hashlib.sha384(b"js 1").digest()).decode()
        for label in ("before", "after"):
            site.builds[label] = copy.deepcopy(site.builds[label])
            site.builds[label]["names"][0][3] = f"sha256-{'A' * 43}= sha384-{right}"
        site.after("/a-1.js", digests={"sha384": right, "sha256": "other"})
        assert site.judge(site_coherent).outcome is PROVEN  # the strongest one counts
        site.after("/a-1.js", digests={"sha384": "wrong", "sha256": "other"})
        assert site.judge(site_coherent).outcome is REFUTED

    def test_an_optional_file_may_be_missing(self, site: Site) -> None:
        site.builds["before"] = copy.deepcopy(OLD)
        site.builds["before"]["names"].append(["/a-1.js", "/a-1.js.map", "source map", "", True])
        assert site.judge(site_coherent).outcome is PROVEN


class TestHeaders:
    @pytest.mark.parametrize("name", ["content-type", "cache-control", "x-frame-options"])
    def test_a_header_that_was_lost_changed_or_added_is_named(self, site: Site, name: str) -> None:
        headers = dict(site.answers["after"]["/a-1.js"]["headers"])
        site.after("/a-1.js", headers={**headers, name: "other"})
        assert name in site.judge(site_headers_kept).findings[0]

    def test_a_site_that_answers_nothing_has_no_headers_to_compare(self, site: Site) -> None:
        for path in site.answers["after"]:
            site.after(path, status=403)
        assert site.judge(site_headers_kept).outcome is UNKNOWN


class TestCaching:
    @pytest.mark.parametrize(
        ("control", "outcome"),
        [
            ("public, max-age=31536000, immutable", REFUTED),
            ("max-age=7200", REFUTED),
            ("public, max-age=0, s-maxage=86400", PROVEN),
            ("no-cache, max-age=99999", PROVEN),
            ("", PROVEN),
        ],
    )
    def test_how_long_a_browser_keeps_the_page_decides(
        self, site: Site, control: str, outcome: Outcome
    ) -> None:
        site.after("/", headers={"cache-control": control})
        assert site.judge(site_caching_sound).outcome is outcome

    def test_a_lasting_file_with_other_bytes_is_refuted(self, site: Site) -> None:
        site.builds["after"]["files"]["/a-1.js"] = stored("by hand", "text/javascript", LASTING)
        assert site.judge(site_caching_sound).outcome is REFUTED


class TestInvalidation:
    @pytest.mark.parametrize(
        "made",
        [
            [],
            [["I1", "InProgress", ["/*"]]],
            [["I1", "Completed", ["/assets/*"]]],
            [["I1", "Completed", ["/Index.html", "/"]]],
        ],
    )
    def test_none_or_one_that_does_not_cover_what_changed_is_refuted(self, site: Site, made: Any) -> None:
        site.invalidated["after"] = made
        assert site.judge(site_invalidated).outcome is REFUTED

    def test_one_from_before_the_last_change_does_not_count(self, site: Site) -> None:
        site.invalidated["broken"] = [["I1", "Completed", ["/*"]]]
        assert site.judge(site_invalidated).outcome is REFUTED

    def test_single_paths_are_enough_when_they_are_all_there(self, site: Site) -> None:
        site.invalidated["after"] = [["I1", "Completed", ["/", "/index.html", "/a-1.js", "/a-1.css"]]]
        assert site.judge(site_invalidated).outcome is PROVEN

    @given(st.text("/ab*.", max_size=8), st.text("/ab.", max_size=8))
    def test_the_edge_and_the_check_read_paths_alike(self, pattern: str, path: str) -> None:
        assert invalidates(pattern, path) == edge_program.invalidates(pattern, path)


class TestBrowser:
    @pytest.mark.parametrize(
        "changed",
        [
            {"errors": ["TypeError: x is not a function"]},
            {"failed": ["404 https://front/a.js"]},
            {"finished": False},
            {"words": []},
            {"words": ["a", "z"]},
        ],
    )
    def test_a_new_complaint_or_a_page_without_its_text_is_refuted(
        self, site: Site, changed: dict[str, Any]
    ) -> None:
        site.opened["after"] |= changed
        assert site.judge(site_opens).outcome is REFUTED

    def test_a_complaint_from_before_is_not_the_rollback_s(self, site: Site) -> None:
        for label in ("before", "after"):
            site.opened[label]["errors"] = ["a third party is slow"]
        verdict = site.judge(site_opens)
        assert verdict.outcome is PROVEN
        assert verdict.numbers == {"complaints_as_before": 1}

    def test_without_a_visit_before_no_complaint_is_allowed(self, site: Site) -> None:
        del site.opened["before"]
        assert site.judge(site_opens).outcome is PROVEN
        site.opened["after"]["errors"] = ["anything"]
        assert site.judge(site_opens).outcome is REFUTED


class TestFault:
    def test_a_site_that_looked_well_while_it_was_broken_is_refuted(self, site: Site) -> None:
        site.builds["broken"], site.answers["broken"] = OLD, answers(OLD, OLD)
        assert site.judge(site_fault_seen).outcome is REFUTED

    def test_a_page_in_place_of_an_asset_is_seen(self, site: Site) -> None:
        site.answers["broken"]["/a-2.css"] = answer(NEW["files"]["/index.html"])
        assert "a page instead of the asset" in site.judge(site_fault_seen).reason


class TestResources:
    def judged(self, site: Site, *differences: Difference, count: int = 5) -> Any:
        told = site.story()
        compared = told.event(
            "resources.compared",
            label="after",
            against="before",
            count=count,
            differences=told.attachments.put([one.to_json() for one in differences]),
        )
        told.events[-1] = replace(compared, data={**compared.data, "kind": "site"})
        return told.judge(site_restored)

    def test_an_object_that_nothing_names_may_be_left_over_and_is_counted(self, site: Site) -> None:
        verdict = self.judged(site, Difference("object", "front: a-2.js", None, None, {"sha256": "x"}))
        assert verdict.outcome is PROVEN
        assert verdict.numbers["left_over"] == 1

    def test_an_added_object_that_a_page_names_now_is_refuted(self, site: Site) -> None:
        site.builds["after"]["names"].append(["/index.html", "/a-2.js", "script", "", False])
        added = Difference("object", "front: a-2.js", None, None, {"sha256": "x"})
        assert self.judged(site, added).outcome is REFUTED

    @pytest.mark.parametrize(
        "difference",
        [
            Difference("object", "front: a-1.js", None, {"sha256": "x"}, None),
            Difference("object", "front: a-1.js", "content-type", "text/javascript", None),
            Difference("bucket", "front: b", "policy", {"a": 1}, None),
            Difference("distribution", "front: E1", "DefaultRootObject", "index.html", ""),
        ],
    )
    def test_anything_else_is_refuted(self, site: Site, difference: Difference) -> None:
        assert self.judged(site, difference).outcome is REFUTED

    def test_nothing_read_proves_nothing(self, site: Site) -> None:
        assert self.judged(site, count=0).outcome is UNKNOWN
        assert site.judge(site_restored).outcome is UNKNOWN
