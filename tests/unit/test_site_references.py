"""What a page, a style sheet, a script or a manifest names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.components.aws.site_references import (
    CSS,
    HTML,
    MANIFEST,
    SCRIPT,
    candidates,
    kind_of,
    literals,
    local_path,
    references,
)

PAGE = "https://site.example/app/index.html"


def named(text: str, kind: str, url: str = PAGE) -> list[str]:
    return [one.target for one in references(text.encode(), kind=kind, url=url)]


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ('<script type="module" src="/a.js"></script>', ["/a.js"]),
        ("<script src=b.js></script>", ["/app/b.js"]),
        ('<LINK REL="StyleSheet" HREF="x.css">', ["/app/x.css"]),
        ('<link rel="modulepreload" href="/m.js"><link rel="icon" href="/i.svg">', ["/m.js", "/i.svg"]),
        ('<link rel="canonical" href="/elsewhere">', []),
        ('<img src="a.png" srcset="b.png 1x, c,d.png 2x">', ["/app/a.png", "/app/b.png", "/app/c,d.png"]),
        ('<picture><source srcset="/p.avif 480w"></picture>', ["/p.avif"]),
        ('<base href="/deep/"><img src="a.png">', ["/deep/a.png"]),
        ('<svg><use href="/s.svg#one"/></svg>', ["/s.svg"]),
        ('<svg><use href="#inline"/></svg>', []),
        ('<video poster="/v.jpg" src="/v.mp4"></video>', ["/v.mp4", "/v.jpg"]),
        ('<div style="background:url(/bg.png)"></div>', ["/bg.png"]),
        ("<style>@import '/t.css'; p { background: url('/u.png') }</style>", ["/t.css", "/u.png"]),
        ('<script type="module">import "./x.js"; import("/y.js")</script>', ["/app/x.js", "/y.js"]),
        (
            '<script type="importmap">{"imports": {"x": "/x-1.js", "y/": "/y/"}, '
            '"scopes": {"/a/": {"z": "/z.js"}}}</script>',
            ["/x-1.js", "/z.js"],
        ),
        ('<script type="application/json">{"src": "/no.js"}</script>', []),
        ('<img src="data:image/gif;base64,R0lGOD"><a href="/page">no asset</a>', []),
        ('<!-- <script src="/commented.js"></script> -->', []),
        ('<link rel="manifest" href="/site.webmanifest">', ["/site.webmanifest"]),
        ("<img src='//cdn.example/a.png'>", None),
    ],
)
def test_a_page_names(text: str, targets: list[str] | None) -> None:
    expected = ["//cdn.example/a.png"] if targets is None else targets
    host = "https:" if targets is None else "https://site.example"
    assert named(text, HTML) == [host + target for target in expected]


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ('@import "a.css" screen;', ["/app/a.css"]),
        ("@import url(b.css);", ["/app/b.css"]),
        ('@font-face { src: url("f.woff2") format("woff2"), url(f.woff) }', ["/app/f.woff2", "/app/f.woff"]),
        ("@media print { a { b: { c: url(deep.png) } } }", ["/app/deep.png"]),
        ("a { background: image-set(url(1.png) 1x, url(2.png) 2x) }", ["/app/1.png", "/app/2.png"]),
        ("/* url(commented.png) */ a { b: 'url(text.png)' }", []),
        ("a { mask: url(#inside) }", []),
    ],
)
def test_a_style_sheet_names(text: str, targets: list[str]) -> None:
    assert named(text, CSS) == ["https://site.example" + target for target in targets]


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("import a from './a.js'; export * from './b.js'", ["/app/a.js", "/app/b.js"]),
        ("const x = () => import('./lazy-1a2b.js')", ["/app/lazy-1a2b.js"]),
        ("new URL('./logo.png', import.meta.url)", ["/app/logo.png"]),
        ("import(`./${name}.js`); import(path)", []),
        ("import 'react'", []),
        ("// import './comment.js'\nconst s = \"import('./text.js')\"", []),
    ],
)
def test_a_script_imports(text: str, targets: list[str]) -> None:
    assert named(text, SCRIPT) == ["https://site.example" + target for target in targets]


def test_the_strings_of_a_script_are_told_from_its_comments() -> None:
    script = b"const d = ['assets/a-1.css', `b`, `c${x}`]; // 'no'"
    assert literals(script) == {"assets/a-1.css", "b"}


def test_a_source_map_is_optional() -> None:
    (found,) = references(b"let a\n//# sourceMappingURL=a.js.map\n", kind=SCRIPT, url=PAGE)
    assert found.target.endswith("/app/a.js.map")
    assert found.optional


def test_integrity_comes_with_its_reference() -> None:
    (found,) = references(b'<script src="/a.js" integrity="sha384-abc"></script>', kind=HTML, url=PAGE)
    assert found.integrity == "sha384-abc"


def test_a_manifest_names_its_icons() -> None:
    text = '{"icons": [{"src": "i.png"}], "start_url": "/", "shortcuts": [{"icons": [{"src": "/s.png"}]}]}'
    assert named(text, MANIFEST) == ["https://site.example/app/i.png", "https://site.example/s.png"]
    assert named("not json", MANIFEST) == []


@pytest.mark.parametrize(
    ("path", "content_type", "kind"),
    [
        ("/a.js", "text/javascript; charset=utf-8", SCRIPT),
        ("/index.html", "text/html", HTML),
        ("/page", "text/html", HTML),
        ("/a.css", "binary/octet-stream", CSS),
        ("/a.css", "image/png", ""),
        ("/a.png", "image/png", ""),
    ],
)
def test_the_type_decides_what_a_file_is_and_then_its_name(path: str, content_type: str, kind: str) -> None:
    assert kind_of(path, content_type) == kind


def test_a_url_on_another_host_is_none_of_the_site_s() -> None:
    hosts = frozenset({"site.example"})
    assert local_path("https://site.example/a%20b.js?x=1", hosts) == "/a b.js"
    assert local_path("https://cdn.example/a.js", hosts) is None
    assert local_path("/a.js", hosts) == "/a.js"


@given(st.binary(max_size=300), st.sampled_from([HTML, CSS, SCRIPT, MANIFEST]))
def test_whatever_is_served_can_be_read(body: bytes, kind: str) -> None:
    assert isinstance(references(body, kind=kind, url=PAGE), list)


@given(st.text(max_size=100))
def test_every_srcset_ends(text: str) -> None:
    assert all(candidates(text))
