"""The files of a build, and the headers that they are published with."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollproof.components.aws.site_build import HASHED_CACHE, OTHER_CACHE, built_files, hashed, type_of
from rollproof.errors import BadInput


@pytest.mark.parametrize(
    "path",
    [
        "assets/index-BxYz12_4.js",
        "main.3f2a1b9c.js",
        "static/js/main.3f2a1b9c.chunk.js",
        "chunk-ABCD1234.js",
        "style.18dd18a6.css",
        "font.0123456789abcdef.woff2",
    ],
)
def test_a_digest_in_a_name_is_found(path: str) -> None:
    assert hashed(path)


@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "service-worker.js",
        "my-homepage.js",
        "apple-touch-icon.png",
        "icon-192x192.png",
        "screenshot-1280x720.png",
        "report-20250101.pdf",
        "jquery-3.7.1.min.js",
        "logo-HomePage.svg",
        "a1b2c3d4e5/plain.js",
    ],
)
def test_a_plain_name_is_not_taken_for_one_with_a_digest(path: str) -> None:
    assert not hashed(path)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.js.map", "application/json"),
        ("a.unheard-of", "application/octet-stream"),
        ("a.js.gz", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_types_are_those_of_the_web_on_every_machine(path: str, content_type: str) -> None:
    assert type_of(path) == content_type


def test_pages_are_revalidated_hashed_files_last_and_a_pattern_goes_first(tmp_path: Path) -> None:
    (tmp_path / ".well-known").mkdir()
    for name in ("index.html", "a.0a1b2c3d.js", "logo.svg", ".DS_Store", ".well-known/security.txt"):
        (tmp_path / name).write_text("x")
    usual = {file.path: file.headers["cache-control"] for file in built_files(tmp_path, {})}
    assert usual == {
        ".well-known/security.txt": OTHER_CACHE,
        "a.0a1b2c3d.js": HASHED_CACHE,
        "index.html": "no-cache",
        "logo.svg": OTHER_CACHE,
    }
    chosen = built_files(tmp_path, {"*.html": "max-age=0, s-maxage=60", "*": "no-store"})
    assert {file.path: file.headers["cache-control"] for file in chosen}["index.html"].endswith("60")


def test_a_build_without_files_is_refused_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no built files") as caught:
        built_files(tmp_path / "dist", {})
    assert caught.value.where.endswith("dist")
