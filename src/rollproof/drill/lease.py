"""Whether a run is still going: it holds a lock that the kernel takes away when it dies, however it dies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

NAME = ".lease"


@dataclass
class Lease:
    """The lock on a run's folder."""

    lock: FileLock
    given_back: bool = False

    @classmethod
    def take(cls, folder: Path) -> Lease:
        """Raises filelock.Timeout when another process holds it."""
        lock = FileLock(folder / NAME, thread_local=False)
        lock.acquire(timeout=0)
        return cls(lock)

    def give_back(self) -> None:
        Path(self.lock.lock_file).unlink(missing_ok=True)  # first: afterwards it may be another's
        self.lock.release()
        self.given_back = True


def is_running(folder: Path) -> bool:
    """True while some process holds the run's lease."""
    if not (folder / NAME).exists():
        return False
    try:
        lock = FileLock(folder / NAME, thread_local=False)
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # another user's: whoever tries to take it is told so
        return False
