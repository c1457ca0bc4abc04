"""What a Dockerfile says of the process in its image: port, command, health check. Values are not kept."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field

_SHELL = re.compile(r"[|;&<>`]|\$\(|\$\{[^}]*[^A-Za-z0-9_}]")
_PORT = re.compile(r"https?://[^/\s'\":]+:(\d{1,5})")
_URL = re.compile(r"https?://[^/\s'\"]+(/[^\s'\"|;)]*)")


@dataclass(slots=True)
class Image:
    """The last stage of a Dockerfile.

    Attributes:
        argv: the command, shell form taken apart; empty when there is none or only a shell can run it.
        said: whether there is a command at all.
        line: of the command.
        port: that it exposes, or else that its health check asks.
        names: variables that ENV and ARG name.
    """

    argv: tuple[str, ...] = ()
    said: bool = False
    line: int = 1
    port: int | None = None
    health: str = ""
    names: list[str] = field(default_factory=list)


def read_image(text: str) -> Image:
    """The instructions that count at run time, of the last stage; unknown ones are passed over."""
    image = Image()
    asked: int | None = None
    entry: tuple[str, ...] = ()
    for line, word, rest in _instructions(text):
        if word == "FROM":
            image, entry, asked = Image(names=image.names), (), None
        elif word == "EXPOSE" and (port := re.match(r"\d+", rest)) and image.port is None:
            image.port = int(port[0])
        elif word == "HEALTHCHECK":
            image.health, asked = health_in(rest), port_in(rest)
        elif word in ("ENV", "ARG"):
            image.names += re.findall(r"(?:^|\s)([A-Za-z_]\w*)=", rest) or re.findall(r"^[A-Za-z_]\w*", rest)
        elif word == "ENTRYPOINT":
            entry, image.argv, image.said, image.line = command(rest), (), True, line
        elif word == "CMD":
            image.argv, image.said, image.line = command(rest), True, line
    image.port = image.port or asked
    if entry:
        image.argv = (*entry, *image.argv)
    return image


def _instructions(text: str) -> list[tuple[int, str, str]]:
    found, start, pending = [], 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or (not line.strip() and not pending):
            continue
        start = start if pending else number
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        word, _, rest = pending.partition(" ")
        found.append((start, word.upper(), rest.strip()))
        pending = ""
    return found


def command(value: object) -> tuple[str, ...]:
    """An argument list of exec or shell form; empty for what only a shell can run."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return ()
    if isinstance(value, list):
        words = tuple(str(item) for item in value)
        if len(words) == 3 and words[0].rsplit("/")[-1] in ("sh", "bash") and words[1].startswith("-"):
            return command(words[2])
        return words
    if not isinstance(value, str) or _SHELL.search(value):
        return ()
    try:
        words = tuple(shlex.split(value))
    except ValueError:
        return ()
    return words[1:] if words[:1] == ("exec",) else words


def health_in(text: str) -> str:
    """The path that a health check asks for; empty when it asks for none."""
    found = _URL.search(text)
    return found[1].split("?")[0] if found else ""


def port_in(text: str) -> int | None:
    """The port that a health check asks, where it names one: a server behind another publishes none."""
    found = _PORT.search(text)
    return int(found[1]) if found else None
