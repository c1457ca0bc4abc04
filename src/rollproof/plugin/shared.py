"""One result for all processes of a test run: the first that needs it makes it, the others read it.

Under pytest-xdist each worker collects all tests and runs some. What takes long and is the same for all
is made once; who comes second waits for it.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

T = TypeVar("T")


def once(config: pytest.Config, name: str, parts: Iterable[str], make: Callable[[], T]) -> T:
    """What `make` returns, from whichever process of this run calls it first; what it raises, it raises.

    Without workers it is just called. The result is handed over in the folder of temporary files that
    the run's workers share, which nobody else may read.

    Args:
        name: of the file; parts: what tells this result from others of the same name.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None:
        return make()
    folder = _shared_folder(config)
    digest = hashlib.sha256("\0".join([str(worker["testrunuid"]), *parts]).encode()).hexdigest()[:16]
    place = folder / f"rollproof-{name}-{digest}"
    with FileLock(f"{place}.lock"):
        if place.exists():
            return _read(place)
        made = make()
        _write(place, made)
        return made


def _shared_folder(config: pytest.Config) -> Path:
    """The folder above the worker's own folder of temporary files."""
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]  # pytest has no other way to it here
    return factory.getbasetemp().parent


def _read(place: Path) -> T:  # type: ignore[type-var]
    found: T = pickle.loads(place.read_bytes())  # noqa: S301  # written by `_write`, in a folder of our own
    return found


def _write(place: Path, made: object) -> None:
    """Whole or not at all, for whoever looks without the lock."""
    beside = place.with_suffix(".part")
    beside.touch(mode=0o600)
    beside.write_bytes(pickle.dumps(made))
    beside.replace(place)
