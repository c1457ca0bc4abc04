"""Runs a client program inside the Postgres container, as if it were here.

Run by the small programs that `clients.inside_container` writes, by its path, so that nothing else of
Rollproof is imported. Standard input is handed in whole,
output and errors come back as they are, and the exit code is the program's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import docker
from docker.utils.socket import frames_iter

_HANDED_IN = ("PG", "LC_", "LANG", "TZ")
_NOT_FOUND = 127


def main(told: list[str]) -> int:
    """The program's exit code; 127 when the container or the program is not there."""
    name, host, container, *arguments = told
    client = docker.DockerClient(base_url=host, version="auto", timeout=7200)
    try:
        made = client.api.exec_create(
            container,
            [name, *arguments],
            stdin=True,
            environment={key: value for key, value in os.environ.items() if key.startswith(_HANDED_IN)},
            user=f"{os.geteuid()}:{os.getegid()}",
            workdir=str(Path.cwd()) if _is_shared(client, container, Path.cwd()) else "/",
        )
        _talk(client.api.exec_start(made["Id"], socket=True), _given())
        return int(client.api.exec_inspect(made["Id"])["ExitCode"] or 0)
    except docker.errors.DockerException as error:
        sys.stderr.write(f"{name}: it cannot be run inside the container: {error}\n")
        return _NOT_FOUND


def _given() -> bytes:
    return b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()


def _is_shared(client: docker.DockerClient, container: str, folder: Path) -> bool:
    mounts = client.containers.get(container).attrs.get("Mounts", [])
    sources = [Path(item["Destination"]) for item in mounts if item.get("Type") == "bind"]
    return any(folder.is_relative_to(source) for source in sources)


def _talk(stream: Any, given: bytes) -> None:
    raw = getattr(stream, "_sock", stream)
    if given:
        raw.sendall(given)
    raw.shutdown(1)  # no more is to come: SHUT_WR
    outputs = {1: sys.stdout.buffer, 2: sys.stderr.buffer}
    for channel, part in frames_iter(stream, tty=False):
        outputs[channel].write(part)
        outputs[channel].flush()
