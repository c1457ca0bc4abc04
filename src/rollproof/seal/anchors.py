"""A copy of a seal's digest elsewhere: what tells that the newest runs were taken away, or all rewritten."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.model.json import canonical, read_canonical
from rollproof.seal.envelope import Envelope
from rollproof.seal.layout import SEAL
from rollproof.seal.statement import MALFORMED, digest_of_bytes

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
    run = sealed.folder.name
    _put(canonical({"run": run, "seal": sealed.digest}), run, place, settings, root=root)
    return f"head copied to {place}"


def anchor_signoff(path: Path, place: str, settings: Seal, *, root: Path) -> str:
    """The same of a sign-off beside a seal, `{"run": …, "seal": …, "sign_off": …}`: it may be taken away."""
    body, folder = path.read_bytes(), path.parent.parent
    seal = digest_of_bytes(Envelope.from_bytes((folder / SEAL).read_bytes()).payload)
    line = canonical({"run": folder.name, "seal": seal, "sign_off": digest_of_bytes(body)})
    _put(line, f"{folder.name}-{path.stem}", place, settings, root=root)
    return f"sign-off copied to {place}"


def _put(line: bytes, name: str, place: str, settings: Seal, *, root: Path) -> None:
    if place == "git":
        _note(line.decode(), root)
    elif place.startswith("s3://"):
        from rollproof.seal.storage import put_object

        put_object(f"{place.rstrip('/')}/{name}.json", line, settings)
    else:
        _append(root / place, line)


@dataclass(frozen=True, slots=True)
class Heads:
    """What was kept elsewhere: the digest of each run's seal, and those of the sign-offs of each run."""

    seals: dict[str, str] = field(default_factory=dict)
    signed: dict[str, set[str]] = field(default_factory=dict)


def read_anchors(*paths: Path) -> Heads:
    """Of files that `anchor` wrote, or that objects or notes were put into.

    Raises BadInput for anything else, and for two seals of one run.
    """
    found = Heads()
    for path in paths:
        try:
            for line in filter(None, map(bytes.strip, path.read_bytes().split(b"\n"))):
                _keep(read_canonical(line), found)
        except (OSError, *MALFORMED) as error:
            raise BadInput(f"this is no file of heads ({error})", where=str(path)) from error
    return found


def _keep(one: dict[str, str], found: Heads) -> None:
    run, seal = one["run"], one["seal"]
    if found.seals.setdefault(run, seal) != seal:
        raise ValueError(f"two seals of run {run}")
    if "sign_off" in one:
        found.signed.setdefault(run, set()).add(one["sign_off"])


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
