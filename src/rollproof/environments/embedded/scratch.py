"""Where a run keeps what is only for as long as it runs."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from rollproof.environments.base import Obstacle
from rollproof.environments.embedded.account import Account, can_pass
from rollproof.environments.keeper import Folder
from rollproof.environments.keeper_program import PREFIX

LONGEST_SOCKET_PATH = 103
"""Bytes. Linux takes 107, macOS and the BSDs 103 (`sun_path` in sys/un.h, less the closing zero)."""
SHORT_ROOTS = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108  # names in them are unguessable
"""Where sockets go when the scratch folder's own path is too long for them."""

MEMORY = Path("/dev/shm")  # noqa: S108  names in it are unguessable
"""Where Linux keeps a file system in memory."""
PLENTY = 8 * 2**30
"""Bytes that must be free before memory is chosen: a small machine keeps its memory for the system."""

_SERVER = "postgres"
_SOCKET = ".s.PGSQL.5432"


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folders of one run. Named beforehand, so that a journal can say so before they are made.

    Attributes:
        folder: the run's own; nobody else can look into it.
        sockets: where the server's socket goes; None when no path is short enough for one.
    """

    folder: Path
    sockets: Path | None

    @classmethod
    def name(cls, root: Path, *, short_roots: Sequence[Path] = SHORT_ROOTS) -> Scratch:
        """Names that nobody can guess; nothing is made yet."""
        folder = root / f"{PREFIX}{secrets.token_hex(6)}"
        inside = folder / _SERVER
        elsewhere = (place / folder.name for place in short_roots if _is_usable(place))
        return cls(folder, next((place for place in (inside, *elsewhere) if _is_short(place)), None))

    @property
    def server(self) -> Path:
        """The server's own folder, which belongs to its account."""
        return self.folder / _SERVER

    @property
    def apart(self) -> tuple[Path, ...]:
        """Folders that are not inside `folder`."""
        return (self.sockets,) if self.sockets not in (None, self.server) else ()

    def own_folders(self, account: Account | None) -> Iterator[Folder]:
        """What must be made, parents first.

        For root the server's group may pass through the scratch folder, but neither list nor change it.
        """
        if account is None:
            yield Folder(path=self.folder)
        else:
            yield Folder(path=self.folder, mode=0o710, gid=account.gid)
        for path in self.apart:
            yield _for_server(path, account)

    def server_folder(self, account: Account | None) -> Folder:
        return _for_server(self.server, account)


def _for_server(path: Path, account: Account | None) -> Folder:
    if account is None:
        return Folder(path=path)
    return Folder(path=path, uid=account.uid, gid=account.gid)


def _is_short(folder: Path) -> bool:
    return len(os.fsencode(folder / _SOCKET)) <= LONGEST_SOCKET_PATH


def _is_usable(root: Path) -> bool:
    return _is_folder(root) and os.access(root, os.W_OK | os.X_OK)


def _is_folder(path: Path) -> bool:
    """False also for one inside a folder that is closed to us, where `Path.is_dir` raises."""
    return os.path.isdir(path)  # noqa: PTH112


def usual_roots() -> list[Path]:
    """Memory where it is plenty, or the user's temporary folder (TMPDIR); then the system's.

    Making a database means making some three hundred files: on a disk that others use, too, that
    takes ten times as long as in memory.
    """
    roots = [*SHORT_ROOTS[:2]]
    if "TMPDIR" not in os.environ and _is_roomy_memory(MEMORY):
        return [MEMORY, *roots]
    with contextlib.suppress(OSError):  # when none can be written to: looking at each will say why
        roots.insert(0, Path(tempfile.gettempdir()).absolute())
    return list(dict.fromkeys(roots))


def _is_roomy_memory(root: Path) -> bool:
    """A tmpfs from which programs may run, with `PLENTY` free in it and in the machine."""
    try:
        space = os.statvfs(root)
    except OSError:
        return False
    runnable = not space.f_flag & getattr(os, "ST_NOEXEC", 0)
    free = min(space.f_bavail * space.f_frsize, psutil.virtual_memory().available)
    return runnable and free >= PLENTY and _is_usable(root)


def choose_root(roots: Sequence[Path], *, account: Account | None, needed: int) -> Path | Obstacle:
    """The first folder with room for `needed` bytes, or what is wrong with all of them."""
    wrong = {root: what_is_wrong(root, account=account, needed=needed) for root in roots}
    for root, reason in wrong.items():
        if reason is None:
            return root
    return Obstacle(
        "there is no place for temporary files: " + "; ".join(f"{root} {why}" for root, why in wrong.items()),
        "free some space, or set TMPDIR to a folder with room that you may write to"
        + (" and that everyone may pass through" if account else ""),
    )


def what_is_wrong(root: Path, *, account: Account | None, needed: int) -> str | None:
    """One phrase, or None."""
    if not _is_folder(root):
        return "is not a folder"
    if not os.access(root, os.W_OK | os.X_OK):
        return "cannot be written to"
    if not can_pass(account, root):
        return "cannot be reached by nobody, as whom Postgres must run when root starts it"
    return _too_small(root, needed)


def _too_small(root: Path, needed: int) -> str | None:
    space = os.statvfs(root)
    free = space.f_bavail * space.f_frsize
    if free < needed:
        return f"has {free // 2**20} MB free, {needed // 2**20} MB are needed"
    if space.f_files and space.f_favail < 4000:
        return f"has room for {space.f_favail} more files, 4000 are needed"
    return None
