"""Which code judged a run and made its reports: only the same can be asked to do so again, byte for byte."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable

_ROOMS = ("checks", "compatibility", "decision", "evidence", "journal", "model", "workload")
"""Whose code the verdicts and reports come from: what the checks call, wherever it is."""
_LIBRARIES = ("jinja2", "lxml", "markupsafe", "junitparser", "typst")
"""lxml: junitparser writes by it, and otherwise, where it is installed."""


@cache
def renderer() -> str:
    """Rollproof's version and a digest of what judges and renders: its code and the libraries' versions."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for name, body in _sources(files("rollproof") / room, room):
            digest.update(f"{name} {len(body)}\n".encode() + body)
    for library in _LIBRARIES:
        digest.update(f"{library} {_version(library)}\n".encode())
    return f"{_version('rollproof')}+{digest.hexdigest()[:12]}"


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}/{entry.name}"
        if entry.is_dir() and entry.name != "__pycache__":
            found += _sources(entry, name)
        elif entry.is_file() and not entry.name.endswith(".pyc"):
            found.append((name, entry.read_bytes().replace(b"\r\n", b"\n")))
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
