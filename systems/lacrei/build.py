"""Makes the releases from app/ and overlays/: a folder each, or a commit with a tag each.

    python build.py                       # releases/<name>/
    python build.py --git REPOSITORY      # a new repository: v1.0.0, v1.1.0, a branch for each broken one

The same sources make the same files, and the same commits.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from releases import RELEASES, Release

HOME = Path(__file__).resolve().parent
_VERSION = re.compile(rb'__version__ = ".*"')
_LEFT_OUT = frozenset({"tests", "__pycache__"})
_WHO = {
    "GIT_AUTHOR_NAME": "Lacrei developers",
    "GIT_AUTHOR_EMAIL": "developers@lacrei.example",
    "GIT_COMMITTER_NAME": "Lacrei developers",
    "GIT_COMMITTER_EMAIL": "developers@lacrei.example",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
Files = dict[str, bytes]
"""content by path, with slashes"""


def files_of(release: Release) -> Files:
    """A release's files: those of app/, without what it lacks, and its own laid over them."""
    found = _folder(HOME / "app")
    for path in release.lacks:
        del found[path]
    found |= _folder(HOME / "overlays" / release.name)
    found["lacrei/__init__.py"] = _VERSION.sub(
        f'__version__ = "{release.name}"'.encode(), found["lacrei/__init__.py"]
    )
    return found


def _folder(root: Path) -> Files:
    found = sorted(path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root): path for path in found}
    return {
        name.as_posix(): path.read_bytes() for name, path in names.items() if not _LEFT_OUT & {*name.parts}
    }


def write(files: Files, folder: Path) -> None:
    """Makes the folder hold these files and no others, but for what git keeps there."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def commit(release: Release, repository: Path, day: int) -> None:
    """Commits a release and tags it; a broken one on a branch of its own, from the newest healthy one."""
    if release.broken:
        _git(repository, "checkout", "-q", "-b", f"release/{release.name}", "main")
    write(files_of(release), repository)
    _git(repository, "add", "--all")
    _git(repository, "commit", "-q", "-m", f"Release {release.name}", day=day)
    _git(repository, "tag", release.name)
    _git(repository, "checkout", "-q", "main")


def _git(repository: Path, *arguments: str, day: int = 1) -> None:
    moment = f"2026-02-{day:02d}T12:00:00+00:00"
    environment = {**os.environ, **_WHO, "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
    subprocess.run(["git", "-C", str(repository), *arguments], env=environment, check=True, timeout=60)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the releases.")
    parser.add_argument("--output", type=Path, default=HOME / "releases")
    parser.add_argument("--git", type=Path, help="folder of a new repository to make instead")
    asked = parser.parse_args()
    if asked.git:
        asked.git.mkdir(parents=True)
        _git(asked.git, "init", "-q", "-b", "main")
    for day, release in enumerate(RELEASES, start=1):
        if asked.git:
            commit(release, asked.git, day)
        else:
            write(files_of(release), asked.output / release.name)
        sys.stdout.write(f"{release.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
