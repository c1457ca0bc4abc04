"""What a page, a style sheet, a script or a manifest names: read with real parsers, judged by nobody here.

HTML by Lexbor (selectolax), which follows the WHATWG standard as browsers do; CSS by tinycss2, JavaScript
by tree-sitter. Template contents and what a script puts together while it runs are not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import tinycss2
import tree_sitter_javascript
from selectolax.lexbor import LexborHTMLParser
from tree_sitter import Language, Node, Parser

HTML, CSS, SCRIPT, MANIFEST = "html", "css", "script", "manifest"
_TYPES = {
    "text/html": HTML,
    "application/xhtml+xml": HTML,
    "text/css": CSS,
    "text/javascript": SCRIPT,
    "application/javascript": SCRIPT,
    "application/x-javascript": SCRIPT,
    "application/manifest+json": MANIFEST,
}
_SUFFIXES = {
    ".html": HTML,
    ".htm": HTML,
    ".css": CSS,
    ".js": SCRIPT,
    ".mjs": SCRIPT,
    ".webmanifest": MANIFEST,
}
_SCRIPT_BYTES = 4 * 2**20
"""A script beyond this size is searched for no imports: parsing it would take seconds."""
_LINKS = frozenset(
    {
        "stylesheet",
        "modulepreload",
        "preload",
        "icon",
        "apple-touch-icon",
        "mask-icon",
        "manifest",
        "apple-touch-startup-image",
    }
)
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "script": ("src",),
    "img": ("src",),
    "source": ("src",),
    "audio": ("src",),
    "video": ("src", "poster"),
    "track": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "frame": ("src",),
    "input": ("src",),
    "object": ("data",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
    "feimage": ("href", "xlink:href"),
    "body": ("background",),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing that a text names.

    Attributes:
        target: as a URL, against the base of the text that names it: absolute when that base was.
        kind: what it is used as: script, style, image, import, preload, manifest, source map…
        integrity: the `integrity` attribute (Subresource Integrity, W3C); empty for none.
        optional: nothing breaks for a visitor when it is missing.
    """

    target: str
    kind: str
    integrity: str = ""
    optional: bool = False


def kind_of(path: str, content_type: str) -> str:
    """`html`, `css`, `script` or `manifest`, by the type, then by the name; empty for what names nothing."""
    plain = content_type.partition(";")[0].strip().lower()
    suffix = next((kind for end, kind in _SUFFIXES.items() if path.lower().endswith(end)), "")
    return _TYPES.get(plain) or (suffix if plain in {"", "binary/octet-stream"} or _textual(plain) else "")


def _textual(plain: str) -> bool:
    return plain in {"text/plain", "application/octet-stream", "application/json"}


def references(body: bytes, *, kind: str, url: str) -> list[Reference]:
    """Everything that a text of a kind names, each once, in order of appearance.

    Args:
        url: where the text is served, which its relative names are relative to.
    """
    found = _READERS[kind](body, url) if kind in _READERS else iter(())
    return list(dict.fromkeys(reference for reference in found if _is_file(reference.target)))


def _is_file(target: str) -> bool:
    return urlsplit(target).scheme in {"", "http", "https"} and bool(target)


def local_path(target: str, hosts: frozenset[str]) -> str | None:
    """The decoded path of a URL on one of the site's own hosts; None for what is served elsewhere."""
    split = urlsplit(target)
    if split.netloc and (split.hostname or "").lower() not in hosts:
        return None
    return unquote(split.path) or "/"


def _from_html(body: bytes, url: str) -> Iterator[Reference]:
    tree = LexborHTMLParser(body)
    base = tree.css_first("base[href]")
    at = urljoin(url, (base.attributes.get("href") or "") if base else "")
    for node in tree.css("*"):
        attributes = {name: value or "" for name, value in node.attributes.items()}
        tag = node.tag or ""
        yield from _from_element(tag, attributes, at)
        if tag in {"style", "script"} and not attributes.get("src"):
            yield from _from_inline(tag, attributes, node.text(), at)


def _from_element(tag: str, attributes: dict[str, str], at: str) -> Iterator[Reference]:
    if tag == "link":
        yield from _from_link(attributes, at)
    for name in _SOURCES.get(tag, ()):
        if attributes.get(name):
            kind = "image" if tag in {"img", "image", "source", "use"} else tag
            yield _named(attributes[name], at, kind, attributes.get("integrity", ""))
    if tag in {"img", "source"}:
        yield from (_named(one, at, "image") for one in candidates(attributes.get("srcset", "")))
    if style := attributes.get("style"):
        yield from _in_css(tinycss2.parse_declaration_list(style), at)


def _from_link(attributes: dict[str, str], at: str) -> Iterator[Reference]:
    relations = set(attributes.get("rel", "").lower().split())
    used = sorted(relations & _LINKS)
    if used and attributes.get("href"):
        kind = "style" if "stylesheet" in relations else used[0]
        yield _named(attributes["href"], at, kind, attributes.get("integrity", ""))
    yield from (_named(one, at, "image") for one in candidates(attributes.get("imagesrcset", "")))


def _from_inline(tag: str, attributes: dict[str, str], text: str, at: str) -> Iterator[Reference]:
    kind = attributes.get("type", "").lower()
    if tag == "style":
        yield from _from_css(text.encode(), at)
    elif kind == "importmap":
        yield from _from_import_map(text, at)
    elif kind in {"", "module", "text/javascript", "application/javascript"}:
        yield from _from_script(text.encode(), at)


def candidates(srcset: str) -> Iterator[str]:
    """URLs of a `srcset` (HTML standard, image candidate strings): a comma inside a URL does not part it."""
    rest = srcset
    while rest := rest.lstrip(" \t\n\f\r,"):
        url, _, rest = _split_at_space(rest)
        if url.endswith(","):
            yield url.rstrip(",")
            continue
        yield url
        rest = re.sub(r"^(?:[^(,]|\([^)]*\))*,?", "", rest)


def _split_at_space(text: str) -> tuple[str, str, str]:
    found = re.search(r"[ \t\n\f\r]", text)
    return (text[: found.start()], " ", text[found.end() :]) if found else (text, "", "")


def _from_import_map(text: str, at: str) -> Iterator[Reference]:
    tables = _object(text)
    scopes = tables.get("scopes")
    tables = {"imports": tables.get("imports"), **(scopes if isinstance(scopes, dict) else {})}
    for table in tables.values():
        for target in table.values() if isinstance(table, dict) else ():
            if isinstance(target, str) and not target.endswith("/"):
                yield _named(target, at, "import")


def _from_manifest(body: bytes, url: str) -> Iterator[Reference]:
    manifest = _object(body.decode("utf-8", "replace"))
    for holder in (manifest, *_objects(manifest.get("shortcuts"))):
        for name in ("icons", "screenshots"):
            for image in _objects(holder.get(name)):
                if isinstance(image.get("src"), str):
                    yield _named(image["src"], url, "image")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _from_css(body: bytes, url: str) -> Iterator[Reference]:
    rules, _ = tinycss2.parse_stylesheet_bytes(body, skip_comments=True, skip_whitespace=True)
    yield from _in_css(rules, url)
    yield from _source_map(body, url)


def _in_css(nodes: Any, url: str) -> Iterator[Reference]:
    """url() and @import at any depth; tinycss2's nodes carry no types."""
    for node in nodes or ():
        if node.type == "url":
            yield _named(node.value, url, "image")
        elif node.type == "function" and node.lower_name in {"url", "src"}:
            yield from (_named(one.value, url, "image") for one in node.arguments if one.type == "string")
        elif node.type == "at-rule" and node.lower_at_keyword == "import":
            yield from (_named(one.value, url, "style") for one in node.prelude if one.type == "string")
            yield from _in_css(node.prelude, url)
        else:
            for part in ("prelude", "content", "value", "arguments"):
                inner = getattr(node, part, None)
                yield from _in_css(inner if isinstance(inner, list) else (), url)


def _from_script(body: bytes, url: str) -> Iterator[Reference]:
    if len(body) > _SCRIPT_BYTES:
        return
    pending = [_javascript().parse(body).root_node]
    while pending:
        node = pending.pop()
        specifier = _specifier(node)
        if specifier is not None and specifier.startswith(("/", "./", "../", "http://", "https://")):
            yield _named(specifier, url, "import")
        pending.extend(reversed(node.children))
    yield from _source_map(body, url)


def _specifier(node: Node) -> str | None:
    """What an import, an export … from, an import() or a `new URL(x, import.meta.url)` names, in full."""
    if node.type in {"import_statement", "export_statement"}:
        return _literal(node.child_by_field_name("source"))
    if node.type == "call_expression":
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is not None and function.type == "import" and arguments is not None:
            return _literal(arguments.named_children[0] if arguments.named_children else None)
    if node.type == "new_expression":
        arguments = node.child_by_field_name("arguments")
        if arguments is not None and b"import.meta.url" in (arguments.text or b""):
            return _literal(arguments.named_children[0] if arguments.named_children else None)
    return None


def literals(body: bytes) -> set[str]:
    """Every string of a script: bundlers list the files that they load later in some of them."""
    found: set[str] = set()
    pending = [_javascript().parse(body).root_node] if len(body) <= _SCRIPT_BYTES else []
    while pending:
        node = pending.pop()
        if (text := _literal(node)) is not None:
            found.add(text)
        pending.extend(node.children)
    return found


def _literal(node: Node | None) -> str | None:
    """A string's text; None for anything that is put together while it runs."""
    if node is None or node.type not in {"string", "template_string"}:
        return None
    if any(child.type != "string_fragment" for child in node.named_children):
        return None
    return b"".join(child.text or b"" for child in node.named_children).decode("utf-8", "replace")


_SOURCE_MAP = re.compile(rb"[#@]\s*sourceMappingURL=(\S+?)(?:\s*\*/)?\s*$")


def _source_map(body: bytes, url: str) -> Iterator[Reference]:
    found = _SOURCE_MAP.search(body[-4096:])
    if found and not found[1].startswith(b"data:"):
        yield Reference(_resolved(found[1].decode("utf-8", "replace"), url), "source map", optional=True)


def _named(name: str, at: str, kind: str, integrity: str = "") -> Reference:
    return Reference(_resolved(name.strip(), at), kind, integrity.strip())


def _resolved(name: str, at: str) -> str:
    """Empty for a fragment of the text itself, and for what is no URL."""
    try:
        return urldefrag(urljoin(at, name)).url if name and not name.startswith("#") else ""
    except ValueError:
        return ""


@cache
def _javascript() -> Parser:
    return Parser(Language(tree_sitter_javascript.language()))


_READERS = {HTML: _from_html, CSS: _from_css, SCRIPT: _from_script, MANIFEST: _from_manifest}
