"""The system's own test of a release before it is deployed: does all that it is made of read well?

    python aws/check.py releases/2.4.0

Exit code 0 when it does; else what is wrong, a line each. Changes nothing.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path


def problems(release: Path) -> Iterator[str]:
    """What is wrong with a release's folder."""
    templates = sorted(release.glob("*.template.json"))
    if not templates:
        yield f"{release} holds no template"
    for path in (*templates, *sorted(release.glob("*.assets.json"))):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            yield f"{path.name}: {error}"
    for path in sorted(code(release)):
        try:
            ast.parse(path.read_text(), filename=path.name)
        except SyntaxError as error:
            yield f"{path.name}:{error.lineno}: {error.msg}"


def code(release: Path) -> Iterator[Path]:
    """The Python files of every asset that the release names."""
    for listed in release.glob("*.assets.json"):
        files = json.loads(listed.read_text()).get("files", {})
        for item in files.values():
            folder = release / item["source"]["path"]
            yield from folder.rglob("*.py") if folder.is_dir() else ()


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: check.py RELEASE-FOLDER", file=sys.stderr)  # noqa: T201  a program for a terminal
        return 2
    found = list(problems(Path(sys.argv[1])))
    for problem in found:
        print(problem)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
