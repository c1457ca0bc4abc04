"""A copy of a seal's digest elsewhere: what tells that the newest runs were taken away, or all rewritten."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.model.json import canonical, read_canonical

if TYPE_CHECKING:
    from rollproof.model.seal import Seal
    from rollproof.seal.sealing import Sealed

NOTES = "rollproof"
_SECONDS = 60.0


def anchor(sealed: Sealed, place: str, settings: Seal, *, root: Path) -> str:
    """Adds `{"run": …, "seal": …}` to a file, an object's folder in S3, or the notes of the commit.

    Args:
        place: a file, relative to `root`; `s3://bucket/prefix`, where each run gets an object; or `git`.

    Raises EnvironmentUnavailable when it cannot be put there.
    """
    line = canonical({"run": sealed.folder.name, "seal": sealed.digest})
    if place == "git":
        _note(line.decode(), root)
    elif place.startswith("s3://"):
        from rollproof.seal.storage import put_object

        put_object(f"{place.rstrip('/')}/{sealed.folder.name}.json", line, settings)
    else:
        _append(root / place, line)
    return f"head copied to {place}"


def read_anchors(path: Path) -> dict[str, str]:
    """Run -> digest of its seal, of a file that `anchor` wrote, or that objects or notes were put into.

    Raises BadInput for anything else, and for two digests of one run.
    """
    found: dict[str, str] = {}
    try:
        for line in path.read_bytes().split(b"\n"):
            if line.strip():
                one = read_canonical(line.strip())
                if found.setdefault(one["run"], one["seal"]) != one["seal"]:
                    raise ValueError(f"two seals of run {one['run']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"this is no file of heads ({error})", where=str(path)) from error
    return found


def _append(path: Path, line: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            file.write(line + b"\n")
    except OSError as error:
        raise EnvironmentUnavailable(
            f"the head cannot be copied there ({error.strerror})", where=str(path)
        ) from error


def _note(line: str, root: Path) -> None:
    """To the commit that is checked out: `git notes --ref=rollproof show`."""
    command = ["git", "-C", str(root), "notes", f"--ref={NOTES}", "append", "-m", line]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip()
        raise EnvironmentUnavailable(f"git took no note ({said})", where=str(root)) from error
