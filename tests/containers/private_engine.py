"""A container engine of the tests' own: Debian's dockerd in a folder, started and ended by process id.

Nothing is installed on the machine. The programs are those on PATH, or Debian's packages, fetched with
apt and unpacked in the cache. The engine has its own data, its own socket, no bridge and no firewall
rules; what a container publishes is passed on by docker-proxy, so it can be reached on 127.0.0.1 and a
container reaches nothing outside.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from rollproof.environments.containers.engine import obstacle_at
from rollproof.environments.keeper import Folder, Keeper, KeeperSpec, inherited_environment
from rollproof.environments.leftovers import find_leftovers
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.waiting import eventually

PROGRAMS = ("dockerd", "containerd", "containerd-shim-runc-v2", "runc", "docker-proxy")
PACKAGES = ("docker.io", "containerd", "runc", "libdevmapper1.02.1", "libseccomp2", "debootstrap")
START_SECONDS = 60.0
POOL = "base=10.213.0.0/16,size=24"


class NoEngine(Exception):
    """No engine can be had here, and why."""


def packages(cache: Path) -> Path:
    """The folder that Debian's packages are unpacked in. Raises NoEngine when apt cannot fetch them."""
    folder = cache / "packages"
    if (folder / ".complete").exists():
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NoEngine("there is no apt to fetch Debian's docker.io with")
    shutil.rmtree(folder, ignore_errors=True)
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    fetched = _fetch(downloads)
    if fetched.returncode:
        _run(["apt-get", "-qq", "update"], cwd=downloads)
        fetched = _fetch(downloads)
    if fetched.returncode:
        lines = (fetched.stderr or fetched.stdout).strip().splitlines() or ["apt-get said nothing"]
        raise NoEngine(f"apt cannot fetch {', '.join(PACKAGES)}: {lines[-1]}")
    for package in sorted(downloads.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    shutil.rmtree(downloads)
    (folder / ".complete").touch()
    return folder


def _fetch(folder: Path) -> subprocess.CompletedProcess[str]:
    # As root apt would hand the fetching to a user who may not write to this folder, and warn of it.
    own = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    return _run(["apt-get", "-qq", *own, "download", *PACKAGES], cwd=folder)


def _run(
    command: list[str], *, cwd: Path | None = None, check: bool = False
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, check=check)


@contextmanager
def private_engine(cache: Path) -> Iterator[str]:
    """Starts an engine, yields its socket as a URL, and ends it with all that it made.

    Raises NoEngine when this machine or this user cannot have one.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NoEngine("starting an engine needs root on Linux; start one yourself and run this again")
    root = packages(cache)
    _sweep()
    scratch = Path(tempfile.gettempdir()) / f"rollproof-{secrets.token_hex(6)}"
    host = f"unix://{scratch}/docker.sock"
    keeper = Keeper.start(_spec(scratch, root, host))
    try:
        _wait(keeper, host)
        yield host
    finally:
        _end(keeper, scratch)


def _spec(scratch: Path, root: Path, host: str) -> KeeperSpec:
    path = [str(root / "usr/sbin"), str(root / "usr/bin"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    libraries = [
        str(folder) for folder in (root / "lib", root / "usr/lib") for folder in folder.glob("*-linux-*")
    ]
    options = {
        "--data-root": scratch / "data",
        "--exec-root": scratch / "exec",
        "--pidfile": scratch / "pid",
        "--host": host,
        "--userland-proxy-path": root / "usr/sbin/docker-proxy",
        "--default-address-pool": POOL,
        "--bridge": "none",
        "--iptables=false": None,
        "--ip-masq=false": None,
        "--ip-forward=false": None,
    }
    given = [str(part) for item in options.items() for part in item if part is not None]
    return KeeperSpec(
        name="dockerd",
        scratch=scratch,
        argv=[str(root / "usr/sbin/dockerd"), *given],
        env={**inherited_environment(), "PATH": ":".join(path), "LD_LIBRARY_PATH": ":".join(libraries)},
        log=scratch / "dockerd.log",
        make=[Folder(path=scratch)],
        remove=[scratch],
        ladder=((signal.SIGTERM, 40.0),),
        orphan_signal=signal.SIGTERM,
    )


def _wait(keeper: Keeper, host: str) -> None:
    try:
        eventually(
            lambda: not keeper.alive or obstacle_at(host) is None,
            within=START_SECONDS,
            what="dockerd answers",
        )
    except AttemptFailed as error:
        raise NoEngine(f"dockerd does not answer: {keeper.log_tail(3)}") from error
    if not keeper.alive:
        raise NoEngine(f"dockerd does not start here: {keeper.log_tail(3)}")


def _end(keeper: Keeper, scratch: Path) -> None:
    """Ends it by its process id, and sees that nothing of it is left."""
    ended = keeper.stop()
    if not _clear(scratch):
        raise EnvironmentUnavailable(
            f"the engine's folder is left (it ended with {ended.exit_code})",
            where=str(scratch),
            remedy="remove it by hand",
        )


def _clear(scratch: Path) -> bool:
    """Unmounts what the engine had mounted there, and removes the folder; whether it is gone."""
    for mount in [item.mountpoint for item in psutil.disk_partitions(all=True)]:
        if mount.startswith(f"{scratch}/"):
            _run(["umount", "--lazy", mount])
    if scratch.exists():
        shutil.rmtree(scratch, ignore_errors=True)
    return not scratch.exists()


def _sweep() -> None:
    """Folders of killed runs: their keepers end the engine, and cannot unmount what it had mounted."""
    for mounts in Path(tempfile.gettempdir()).glob("rollproof-*/exec/netns"):
        if not find_leftovers(mounts.parents[1]).processes:
            _clear(mounts.parents[1])
