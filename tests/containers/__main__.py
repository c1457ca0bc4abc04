"""Runs the contract of environments and real drills on containers: `python -m tests.containers`.

Exit codes: 0 all held, 1 something did not, 77 skipped: no engine can be had here, and why is said.

An engine that runs already is used as it is, with the images that it has or can pull. Otherwise root on
Linux gets an engine of the tests' own, and images put together here; both are gone afterwards, but for
a cache of archives (~/.cache/rollproof/containers, or the folder named in ROLLPROOF_CONTAINERS_CACHE).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from rollproof.environments.containers.engine import engine_host, obstacle_at
from tests.containers.private_engine import NoEngine, packages, private_engine
from tests.containers.stand_ins import MINISTACK, NotBuilt, compose_program, load

SKIPPED = 77
ROOT = Path(__file__).parents[2]
CONTRACT = (
    "tests/contract/test_environment_contract.py",
    "tests/contract/test_containers.py",
    "tests/contract/test_containers_images.py",
    "tests/contract/test_containers_sweep.py",
)
DRILLS = ("features/migration.feature",)
AWS_DRILLS = ("features/code.feature", "features/deploy.feature", "features/emergency.feature")
SERVICE_DRILLS = ("features/service.feature",)
PARTS = ("contract", "drills", "aws", "services")


def main(arguments: Sequence[str] | None = None) -> int:
    """One of the exit codes."""
    asked = _parser().parse_args(arguments)
    try:
        with ExitStack() as stack:
            host, own = stack.enter_context(_engine())
            codes = [part for name in asked.part or PARTS for part in _run_part(name, host, own=own)]
    except (NoEngine, NotBuilt) as error:
        _say(f"SKIPPED: nothing was tried on containers: {error}")
        return SKIPPED
    _say("on containers: " + ("everything held" if not any(codes) else "something did NOT hold, see above"))
    return int(any(codes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.containers", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; repeat it for several")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _cache() -> Path:
    named = os.environ.get("ROLLPROOF_CONTAINERS_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(named) if named else base / "rollproof" / "containers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _engine() -> Iterator[tuple[str, bool]]:
    """The engine's socket, and whether it is the tests' own. Raises NoEngine, NotBuilt.

    A second engine beside a running one would take the first one's bridge away, so there is none.
    """
    host = engine_host()
    if obstacle_at(host) is None:
        _say(f"engine: the one that runs at {host}, with its own images")
        yield host, False
        return
    cache = _cache()
    with private_engine(cache) as started:
        _say(f"engine: one of the tests' own at {started}")
        for line in load(started, cache, packages(cache)):
            _say(line)
        yield started, True


def _run_part(name: str, host: str, *, own: bool) -> Iterator[int]:
    environment = {**os.environ, "DOCKER_HOST": host, "ROLLPROOF_TEST_CONTAINERS": "1"}
    if own:
        compose = compose_program(_cache())
        environment |= {"ROLLPROOF_TEST_COMPOSE": str(compose)} if compose else {}
    if name == "contract":
        yield _pytest(environment, *CONTRACT)
    elif name == "drills":
        yield _drill(environment, DRILLS, "systems/alquimista/system.toml")
    else:
        features, system = (AWS_DRILLS, "alquimista") if name == "aws" else (SERVICE_DRILLS, "lacrei")
        with _on_ministack(system) if own else nullcontext(ROOT / "systems" / system) as folder:
            yield _drill(environment, features, str(folder / "system.toml"))


def _drill(environment: dict[str, str], features: Sequence[str], system: str) -> int:
    return _pytest(environment, *features, "--environment=containers", f"--system={system}")


def _pytest(environment: dict[str, str], *arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    _say(f"$ pytest {' '.join(arguments)}")
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


@contextmanager
def _on_ministack(system: str) -> Iterator[Path]:
    """A copy of a reference system, whose AWS side is in the image that runs functions and holds images."""
    with tempfile.TemporaryDirectory(prefix="rollproof-containers-") as folder:
        copy = Path(folder) / system
        shutil.copytree(ROOT / "systems" / system, copy)
        with (copy / "system.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[containers]\nlocalstack_image = "{MINISTACK}"\nlambda_executor = "none"\n')
        yield copy


if __name__ == "__main__":
    raise SystemExit(main())
