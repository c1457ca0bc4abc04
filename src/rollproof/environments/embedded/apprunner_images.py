"""Images as the stand-in for App Runner pulls them: by manifest and layers, each held against its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import botocore.session
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from rollproof.archives import unpack

ARCHITECTURE = "amd64"
"""What App Runner runs (AWS App Runner Developer Guide, Service based on a source image)."""
SECONDS = 30.0
_IDENTIFIER = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+)|@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class RefusedError(Exception):
    """Why a release cannot be run; one sentence that goes into the service's event log."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image on disk.

    Attributes:
        digest: of its manifest.
        folder: its files, all layers laid over each other.
        argv: Entrypoint and Cmd of its configuration.
        env: Env of its configuration.
        workdir: where it is run, relative to the folder.
    """

    digest: str
    folder: Path
    argv: tuple[str, ...]
    workdir: str
    env: Mapping[str, str] = field(repr=False)


class Registry:
    """ECR of an emulator, as somebody sees it who pulls. One folder an image; kept until the end."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def pull(self, identifier: str, *, architecture: str = ARCHITECTURE) -> Pulled:
        """Raises RefusedError: no such image or repository, a digest that is not its content's, or made
        for another architecture."""
        named = _IDENTIFIER.fullmatch(identifier)
        if named is None:
            raise RefusedError(f"{identifier} names no image of ECR")
        account, region, repository = named["account"], named["region"], named["repository"]
        digest, manifest = self._manifest(account, region, repository, named["tag"], named["digest"])
        blob = partial(self._blob, account, region, repository)
        config = json.loads(blob(manifest["config"]["digest"]))
        found = str(config.get("architecture"))
        if found != architecture or config.get("os") != "linux":
            raise RefusedError(
                f"the image is made for {config.get('os')}/{found}, and linux/{architecture} runs here:"
                " exec format error"
            )
        folder = self.folder / digest.removeprefix("sha256:")
        if not folder.exists():
            _unpack(folder, [blob(layer["digest"]) for layer in manifest["layers"]])
        return _pulled(digest, folder, config.get("config") or {})

    def _manifest(
        self, account: str, region: str, repository: str, tag: str | None, digest: str | None
    ) -> tuple[str, dict[str, Any]]:
        wanted = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
        said = call(
            client(self.url, account, region, "ecr").batch_get_image,
            repositoryName=repository,
            imageIds=[wanted],
        )
        if not said.get("images"):
            name = digest or tag or "latest"
            raise RefusedError(f"there is no image {name} in the registry's repository {repository}")
        text, given = said["images"][0]["imageManifest"], said["images"][0]["imageId"]["imageDigest"]
        own = digest_of(text.encode())
        if own != given or (digest and own != digest):
            raise RefusedError(f"the registry calls a manifest {given} whose content is {own}")
        found: dict[str, Any] = json.loads(text)
        return own, found

    def _blob(self, account: str, region: str, repository: str, digest: str) -> bytes:
        host = f"{account}.dkr.ecr.{region}.amazonaws.com"
        answer = httpx.get(
            f"{self.url}/v2/{repository}/blobs/{digest}",
            headers={"host": host},
            timeout=SECONDS,
            trust_env=False,
            follow_redirects=False,
        )
        if answer.status_code != 200:
            raise RefusedError(f"the registry has no layer {digest} of {repository}")
        if digest_of(answer.content) != digest:
            raise RefusedError(f"the registry's layer {digest} is not what its digest says")
        return answer.content


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _unpack(folder: Path, layers: list[bytes]) -> None:
    staged = folder.with_suffix(".part")
    staged.mkdir(parents=True)
    for layer in layers:
        unpack(layer, staged)
    staged.rename(folder)


def _pulled(digest: str, folder: Path, config: Mapping[str, Any]) -> Pulled:
    argv = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    if not argv:
        raise RefusedError("the image says of no command that it runs")
    env = dict(str(item).split("=", 1) for item in config.get("Env") or () if "=" in str(item))
    workdir = str(config.get("WorkingDir") or "").strip("/")
    return Pulled(digest, folder, argv, workdir, env)


@cache
def client(url: str, account: str, region: str, service: str) -> Any:
    """A client of one account of the emulator; the machine's own settings do not count."""
    session = botocore.session.Session()
    return session.create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=account,
        aws_secret_access_key="of-an-emulator",  # noqa: S106  it takes any
    )


def call(operation: Any, **arguments: Any) -> dict[str, Any]:
    """Raises RefusedError with what AWS said."""
    try:
        said: dict[str, Any] = operation(**arguments)
    except ClientError as error:
        about = error.response["Error"]
        raise RefusedError(f"{about.get('Code')}: {about.get('Message')}") from error
    except BotoCoreError as error:
        raise RefusedError(f"the registry cannot be asked: {error}") from error
    return said
