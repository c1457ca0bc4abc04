"""Endpoints that an OpenAPI document tells of: those that can be asked without knowing anything more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

USUAL_PATHS = ("/openapi.json", "/api/schema/?format=json", "/swagger.json")
"""FastAPI and Connexion; drf-spectacular; Swagger 2"""


def readable_paths(document: object) -> list[str]:
    """Paths to `GET`, each parameter that is required filled in from the document's own examples."""
    paths = document.get("paths") if isinstance(document, Mapping) else None
    if not isinstance(paths, Mapping):
        return []
    base = _base(document) if isinstance(document, Mapping) else ""
    return [base + path for name, item in paths.items() for path in _asked(str(name), item)]


def _base(document: Mapping[str, object]) -> str:
    """Swagger 2's `basePath`; of OpenAPI 3's servers only a plain path, for another host is not asked."""
    base = document.get("basePath")
    match document.get("servers"):
        case [{"url": str() as url}, *_] if url.startswith("/"):
            base = url
    return str(base).rstrip("/") if isinstance(base, str) else ""


def _asked(path: str, item: object) -> Iterator[str]:
    if not isinstance(item, Mapping) or not isinstance(item.get("get"), Mapping):
        return
    operation = item["get"]
    parameters = [*_list(item.get("parameters")), *_list(operation.get("parameters"))]
    query = {}
    for parameter in parameters:
        if parameter.get("in") not in ("path", "query") or not parameter.get("required"):
            continue
        example = _example(parameter)
        if example is None:
            return
        if parameter["in"] == "query":
            query[str(parameter.get("name"))] = example
        path = path.replace(f"{{{parameter.get('name')}}}", quote(example, safe=""))
    if not re.search(r"[{}]", path):
        yield path + (f"?{urlencode(query)}" if query else "")


def _list(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _example(parameter: Mapping[str, object]) -> str | None:
    schema = parameter.get("schema")
    places = [parameter, schema] if isinstance(schema, Mapping) else [parameter]
    for place in places:
        for key in ("example", "default"):
            if isinstance(place.get(key), str | int | float):
                return str(place[key])
    return None
