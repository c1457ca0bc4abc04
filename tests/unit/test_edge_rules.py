"""How long an edge keeps what, as CloudFront's guide says, and what an invalidation drops."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.environments.embedded.edge_program import (
    Behavior,
    error_kept_for,
    invalidates,
    kept_for,
    matches,
)

OPTIMIZED = Behavior("*", 1, 86400, 31536000, query=False, encodings=True)
DISABLED = Behavior("*", 0, 0, 0, query=True, encodings=False)
NO_MINIMUM = Behavior("*", 0, 300, 3600, query=False, encodings=False)
NOW = time.time()


@pytest.mark.parametrize(
    ("behavior", "control", "seconds"),
    [
        (OPTIMIZED, None, 86400),
        (OPTIMIZED, "no-cache", 1),
        (OPTIMIZED, "private, no-store", 1),
        (OPTIMIZED, "max-age=0", 1),
        (OPTIMIZED, "public, max-age=0, s-maxage=600", 600),
        (OPTIMIZED, "public, max-age=31536000, immutable", 31536000),
        (OPTIMIZED, "max-age=99999999", 31536000),
        (NO_MINIMUM, "no-cache", 0),
        (NO_MINIMUM, None, 300),
        (NO_MINIMUM, "max-age=7200", 3600),
        (DISABLED, "max-age=7200", 0),
        (DISABLED, None, 0),
    ],
)
def test_the_policy_s_limits_and_the_origin_s_header_decide(
    behavior: Behavior, control: str | None, seconds: float
) -> None:
    headers = [] if control is None else [("Cache-Control", control)]
    assert kept_for(headers, behavior, NOW) == seconds


def test_expires_counts_where_no_age_is_given() -> None:
    headers = [("Expires", formatdate(NOW + 120, usegmt=True))]
    assert kept_for(headers, NO_MINIMUM, NOW) == pytest.approx(120, abs=1)
    assert kept_for([("Expires", "0")], NO_MINIMUM, NOW) == 0


@pytest.mark.parametrize(
    ("status", "control", "errors", "seconds"),
    [
        (404, None, {}, 10),
        (503, None, {}, 10),
        (404, "max-age=60", {}, 60),
        (404, None, {404: 300.0}, 300),
        (404, None, {404: 0.0}, 0),
        (403, None, {}, 0),
        (403, "max-age=60", {}, 60),
        (403, None, {403: 30.0}, 30),
        (401, "max-age=60", {}, 0),
    ],
)
def test_errors_are_kept_too(
    status: int, control: str | None, errors: dict[int, float], seconds: float
) -> None:
    headers = [] if control is None else [("cache-control", control)]
    assert error_kept_for(status, headers, errors, NOW) == seconds


@pytest.mark.parametrize(
    ("pattern", "path", "named"),
    [
        ("/*", "/any/thing", True),
        ("/index.html", "/index.html", True),
        ("/Index.html", "/index.html", False),
        ("/a/*", "/a/b/c", True),
        ("/a/*", "/ab", False),
        ("/a*", "/ab", True),
        ("/*.js", "/a.js", False),
        ("index.html", "/index.html", True),
        ("/", "/index.html", False),
        ("/a%20b.js", "/a b.js", True),
    ],
)
def test_an_invalidation_names(pattern: str, path: str, named: bool) -> None:
    assert invalidates(pattern, path) is named


@given(st.text("/ab*?.", max_size=8), st.text("/ab.", max_size=8))
def test_a_pattern_without_wildcards_matches_itself_alone(pattern: str, path: str) -> None:
    plain = pattern.replace("*", "").replace("?", "")
    assert matches(plain, path) == (path == (plain if plain.startswith("/") else f"/{plain}"))
