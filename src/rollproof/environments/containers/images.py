"""Which images are run, and what can be wrong with one before it is started."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException
from testcontainers.core.config import testcontainers_config

from rollproof.environments.base import Obstacle
from rollproof.environments.containers.engine import Engine
from rollproof.errors import EnvironmentUnavailable
from rollproof.model.containers import Containers

POSTGRES = "postgres"
"""The official image; its tag is the database's major version."""
POSTGRES_MAJOR = 17
"""Where the system file names none: the major version of the wheel, whose client programs are then used."""
LOCALSTACK = "localstack/localstack:4.14.0"
"""The last image that starts without a token. Named with its tag, or a later one would be pulled."""
LAST_WITHOUT_TOKEN = (4, 14, 0)

_VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What `uname -m` says, in the words that images use."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the engine has.

    Attributes:
        digest: `postgres@sha256:…` as its registry knows it; the image's own id where none does.
    """

    name: str
    digest: str
    architecture: str

    @property
    def said(self) -> str:
        """For the report."""
        return f"{self.name} ({self.digest})"


def postgres_image(spec: Containers, major: int | None) -> str:
    """What the system file names, or the official image, from the mirror that testcontainers is told of."""
    return spec.postgres_image or f"{_mirror()}{POSTGRES}:{major or POSTGRES_MAJOR}"


def localstack_image(spec: Containers) -> str:
    """What the system file names, or LocalStack's own, from the mirror that testcontainers is told of."""
    return spec.localstack_image or f"{_mirror()}{LOCALSTACK}"


def _mirror() -> str:
    """TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX, such as `registry.example.com/mirror/`."""
    return str(testcontainers_config.hub_image_name_prefix)


def needs_token(name: str) -> bool:
    """Whether this is one of LocalStack's own images that does not start without a token.

    An image by another name (a copy in a registry of one's own, a stand-in) says so itself when it is
    started.
    """
    repository, _, tag = name.partition("@")[0].rpartition(":")
    repository = repository.removeprefix("docker.io/") if "/" not in tag else name
    if repository == "localstack/localstack-pro":
        return True
    if repository != "localstack/localstack":
        return False
    found = _VERSION.match(tag)
    return not found or tuple(int(part or 0) for part in found.groups()) > LAST_WITHOUT_TOKEN


def local_image(engine: Engine, name: str) -> Image | None:
    """The image, if the engine has it already; nothing is pulled."""
    try:
        attrs = engine.client.images.get(name).attrs
    except (ImageNotFound, NotFound):
        return None
    except APIError as error:
        raise EnvironmentUnavailable(
            f"this is no name of an image ({error.explanation})", where=name, doing="looking for an image"
        ) from error
    digests = attrs.get("RepoDigests") or [attrs["Id"]]
    return Image(name, str(digests[0]), str(attrs.get("Architecture") or ""))


def wrong_architecture(engine: Engine, image: Image | None) -> Obstacle | None:
    """An image for another processor, which the engine may take and never get to start."""
    own = engine.architecture
    if image is None or not image.architecture or image.architecture == own:
        return None
    return Obstacle(
        f"image {image.name} is for {image.architecture}, and the container engine's machine is {own}",
        f"`docker image rm {image.name}`, then `docker pull --platform linux/{own} {image.name}`, or name "
        "another image under [containers] in the system file",
    )


def architecture_word(machine: str) -> str:
    return _NAMES.get(machine, machine)


def have_image(engine: Engine, name: str) -> Image:
    """The image; pulled when the engine does not have it.

    Raises EnvironmentUnavailable when it cannot be pulled, with what may help.
    """
    if found := local_image(engine, name):
        return found
    try:
        engine.client.images.pull(name)
    except (DockerException, RequestException) as error:
        raise _not_pulled(name, error) from error
    image = local_image(engine, name)
    if image is None:
        raise _not_pulled(name, DockerException("it was pulled and is not there"))
    return image


def _not_pulled(name: str, error: Exception) -> EnvironmentUnavailable:
    said = str(getattr(error, "explanation", "") or error).strip()
    return EnvironmentUnavailable(
        f"image {name} cannot be pulled: {said}",
        doing="getting the image of a container",
        where=name,
        remedy=_remedy(name, said.lower()),
    )


def _remedy(name: str, said: str) -> str:
    if "toomanyrequests" in said or "rate limit" in said:
        return "the registry's limit is reached: `docker login`, or wait, or use a mirror"
    if "manifest" in said and "platform" in said:
        return "this image is not there for the engine's architecture: name another one under [containers]"
    if any(word in said for word in ("not found", "manifest unknown", "denied", "unauthorized")):
        return "see whether name and tag are right, and `docker login` if the registry wants it"
    return (
        f"where no registry can be reached, bring it along: `docker save {name}` where there is one and "
        "`docker load` here; or name an image of a registry of your own under [containers]"
    )
