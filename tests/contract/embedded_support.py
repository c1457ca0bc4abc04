"""What the tests of the embedded environment and of its keepers share: owners that die in many ways."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest

import rollproof
from rollproof.environments.keeper import inherited_environment, still_runs
from rollproof.environments.leftovers import find_leftovers
from rollproof.journal import Journal, Recorder
from rollproof.model.system import System
from rollproof.waiting import eventually

NOBODY = 65534
_SOURCES = Path(rollproof.__file__).parent.parent


def a_system(major: int | None = None, *, database: bool = True) -> System:
    spec: dict[str, object] = {"system": {"name": "example"}}
    if database:
        spec["database"] = {"major": major, "migrations": {"path": "migrations"}}
    return System.model_validate(spec)


@contextmanager
def a_recorder(folder: Path) -> Iterator[Recorder]:
    with Journal(folder / "journal.ndjson", run="test") as journal:
        yield Recorder(journal, "run")


@dataclass(frozen=True)
class Person:
    """Who an owner runs as, with a Python that this user can run."""

    name: str
    python: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        search = os.pathsep.join([str(_SOURCES), *(path for path in sys.path if "site-packages" in path)])
        return {**inherited_environment(), "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"}


@cache
def people() -> Sequence[Person]:
    """Oneself, and for root also an ordinary user, where one can run a Python like this one."""
    myself = Person("root" if os.geteuid() == 0 else "ordinary user", sys.executable)
    found = [
        person
        for person in map(_nobody_with, (sys.executable, "/usr/bin/python3"))
        if os.geteuid() == 0 and _can_import_all(person)
    ]
    return [myself, *found[:1]]


def _nobody_with(python: str) -> Person:
    return Person("ordinary user", python, {"user": NOBODY, "group": NOBODY, "extra_groups": []})


def _can_import_all(person: Person) -> bool:
    same = f"import sys; assert sys.version_info[:2] == {tuple(sys.version_info[:2])}; "
    try:
        done = subprocess.run(
            [person.python, "-c", same + "import rollproof.environments.embedded"],
            env=person.environment,
            cwd="/",
            capture_output=True,
            check=False,
            **person.options,
        )
    except OSError:
        return False
    return done.returncode == 0


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder that everyone may pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="rp-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


OWNER_START = """
import os, signal, sys, threading
from pathlib import Path
from rollproof.environments.embedded import EmbeddedEnvironment, Ports
from rollproof.environments.keeper import Folder, Keeper, KeeperSpec
from rollproof.journal import Journal, Recorder
from rollproof.model.system import System

system = System.model_validate(
    {"system": {"name": "example"}, "database": {"migrations": {"path": "migrations"}}}
)
home = Path(sys.argv[1])
recorder = Recorder(Journal(home / "journal.ndjson", run="test"), "run")

def say(text):
    sys.stdout.write(f"{text}\\n")
    sys.stdout.flush()
"""


class Owner:
    """A process that owns an environment, in a process group of its own, as at a terminal."""

    def __init__(self, code: str, home: Path, *, person: Person | None = None) -> None:
        person = person or people()[0]
        home.mkdir()
        if person.options:
            os.chown(home, NOBODY, NOBODY)
        self.home = home
        self.process = subprocess.Popen(
            [person.python, "-c", OWNER_START + code, str(home)],
            env=person.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            text=True,
            start_new_session=True,
            **person.options,
        )

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def heard(self, text: str) -> str:
        """Waits for a line with `text` in it; fails with what it said instead when it ends first."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return line.strip()
        raise AssertionError(self.ended())

    def signal(self, number: int) -> None:
        """To the whole process group, as a terminal does it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def ended(self) -> str:
        """Waits for its end; what it still said on standard error."""
        return self.process.communicate(timeout=60)[1]

    @property
    def scratch(self) -> Path:
        """As the journal announced it."""
        first = (self.home / "journal.ndjson").read_text().splitlines()[0]
        return Path(json.loads(first)["data"]["undo"]["scratch"])


def family(pid: int) -> list[psutil.Process]:
    """The process and all below it, keepers and servers included."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def nothing_is_left(scratch: Path, processes: Sequence[psutil.Process] = (), *, within: float = 30) -> None:
    """Waits until there is no process and no folder of that scratch folder any more."""

    def gone() -> bool:
        return not find_leftovers(scratch) and not any(map(still_runs, processes))

    eventually(gone, within=within, what=f"nothing is left of {scratch}")


def undo_of(folder: Path) -> dict[str, Any]:
    """The undo data in the journal of an owner that ran in `folder`."""
    lines = (folder / "journal.ndjson").read_text().splitlines()
    [undo] = [event["data"]["undo"] for event in map(json.loads, lines) if "undo" in event["data"]]
    assert re.fullmatch(r"rollproof-[0-9a-f]{12}", Path(undo["scratch"]).name)
    return undo
