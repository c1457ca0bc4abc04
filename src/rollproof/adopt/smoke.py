"""[smoke]: a command that a repository has for it. Unit tests are none: they ask no running system."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from rollproof.adopt.blocks import Block, Entry, Survey
from rollproof.adopt.documents import read_yaml, table
from rollproof.adopt.folder import Repository

_SCRIPT = re.compile(r"(?i)(?:^|[:_-])smoke(?:$|[:_-])|^smoke")
_TARGET = re.compile(r"(?m)^((?:[\w-]*-)?smoke(?:-[\w-]*)?)\s*:(?!=)")
_FOLDER = re.compile(r"(?i)^smoke(?:_?tests?)?$")
_MARKER = re.compile(r"(?m)^\s*[\"']?smoke\s*:")


def find_smoke(repository: Repository, survey: Survey) -> None:
    """Adds [smoke] with the first command that is named so; says which others there are."""
    found = list(dict.fromkeys(_commands(repository)))
    for argv, where in found:
        survey.found.append(("smoke tests", f"{where}: {' '.join(argv)}"))
    if not found:
        return
    if len(found) > 1:
        survey.notes.append(f"{len(found)} smoke tests; the first was taken: {found[0][1]}")
    argv, where = found[0]
    served = any(block.header[0] == "service" and not block.off for block in survey.blocks)
    off = "" if served else "it needs a running service, and none is declared"
    remark = "Exit code 0 means that the system works. It is given DATABASE_URL and the services' addresses."
    survey.blocks.append(Block(("smoke",), (Entry("command", list(argv), where),), (remark,), off))


def _commands(repository: Repository) -> Iterator[tuple[tuple[str, ...], str]]:
    top = repository.root
    package = top / "package.json"
    if package.exists() and (document := read_yaml(repository, package)):
        for name in table(document.data.get("scripts")):
            if _SCRIPT.search(name):
                line = document.line("scripts", name)
                yield ("npm", "run", name), repository.shown(package, line)
    for name in ("Makefile", "makefile", "GNUmakefile"):
        text = repository.text(top / name) if (top / name).exists() else ""
        for target in _TARGET.finditer(text):
            yield ("make", target[1]), repository.shown(top / name, text.count("\n", 0, target.start()) + 1)
    yield from _pytest(repository)


def _pytest(repository: Repository) -> Iterator[tuple[tuple[str, ...], str]]:
    for folder in repository.folders:
        tests = any(re.match(r"test_.*\.py$|.*_test\.py$", name) for name in folder.files)
        if tests and _FOLDER.match(folder.path.name):
            yield ("{python}", "-m", "pytest", repository.shown(folder.path)), repository.shown(folder.path)
    for name in ("pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini"):
        path = repository.root / name
        text = repository.text(path) if path.exists() else ""
        if "markers" in text and (found := _MARKER.search(text)):
            line = text.count("\n", 0, found.start()) + 1
            yield ("{python}", "-m", "pytest", "-m", "smoke"), repository.shown(path, line)


def project_name(repository: Repository) -> str:
    """What the project calls itself, else its folder's name."""
    import tomllib

    for name in ("pyproject.toml", "package.json"):
        path = repository.root / name
        text = repository.text(path) if path.exists() else ""
        try:
            data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text or "{}")
        except (ValueError, RecursionError):
            continue  # read and noted elsewhere
        told = table(data.get("project")) if path.suffix == ".toml" else table(data)
        if isinstance(told.get("name"), str) and told["name"]:
            return str(told["name"]).rpartition("/")[2]
    return repository.root.name
