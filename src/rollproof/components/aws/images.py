"""Images of a service's releases in ECR: which there are, how one is made and pushed, which digest a tag has.

Digests are computed here from the content and compared with what ECR says: a tag says nothing of what is
under it now.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from rollproof.adopt.dockerfile import read_image
from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.errors import AttemptFailed, BadInput, EnvironmentUnavailable
from rollproof.model.json import Json

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ARCHITECTURE = "amd64"
SECONDS = 60.0
_LEFT_OUT = {"__pycache__", ".git"}


@dataclass(frozen=True, slots=True)
class Version:
    """An image that a repository holds.

    Attributes:
        pushed: ISO 8601, UTC.
    """

    digest: str
    tags: tuple[str, ...]
    pushed: str

    def to_json(self) -> dict[str, Json]:
        return {"digest": self.digest, "tags": list(self.tags), "pushed": self.pushed}


@dataclass(frozen=True, slots=True)
class Image:
    """An image made from a folder: one layer, a configuration and the manifest that names both.

    Attributes:
        tree: digest of the files in it, see `tree_digest`.
    """

    manifest: bytes = field(repr=False)
    blobs: Mapping[str, bytes] = field(repr=False)
    tree: str

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def image_of(folder: Path, *, argv: Sequence[str], architecture: str = ARCHITECTURE) -> Image:
    """A folder as an image by the OCI image specification; equal files make an equal digest.

    Raises BadInput: there is no such folder, or nobody says what the image runs.
    """
    if not folder.is_dir():
        raise BadInput("the release's folder is not there", doing="making its image", where=str(folder))
    tar = _tar(folder)
    layer = gzip.compress(tar, mtime=0)
    config = _canonical(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": list(argv), "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar)]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)}],
    }
    blobs = {digest_of(config): config, digest_of(layer): layer}
    return Image(_canonical(manifest), blobs, tree_digest(folder))


def command_of(folder: Path, start: Sequence[str] | None) -> tuple[str, ...]:
    """What an image of this folder runs: `start`, or its Dockerfile's CMD. Raises BadInput without either."""
    if start:
        return tuple(start)
    dockerfile = folder / "Dockerfile"
    argv = read_image(dockerfile.read_text(encoding="utf-8")).argv if dockerfile.is_file() else ()
    if not argv:
        raise BadInput(
            "nobody says what an image of this release runs",
            doing="making its image",
            where=str(folder),
            remedy="give `start` in its [service.*], or a Dockerfile with a CMD",
        )
    return argv


def files_of(folder: Path) -> list[Path]:
    """Files of a folder that go into an image, in order; nothing that running it leaves behind."""
    return sorted(
        path
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink()) and not _LEFT_OUT & set(path.relative_to(folder).parts)
    )


def tree_digest(folder: Path) -> str:
    """SHA-256 over names and contents of the files in a folder, so that two can be compared."""
    digest = hashlib.sha256()
    for path in files_of(folder):
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{len(name)}:{name}:{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _tar(folder: Path) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files_of(folder):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_plain)
    return target.getvalue()


def _plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without who, when and most of the mode: of equal content, equal layers."""
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    item.mtime = 0
    item.mode = 0o755 if item.mode & 0o100 else 0o644
    return item


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Images:
    """One repository of the account under drill."""

    def __init__(self, cloud: Cloud, repository: str) -> None:
        self.cloud, self.name = cloud, repository
        self.client = cloud.client("ecr")

    @property
    def uri(self) -> str:
        endpoint = self.cloud.endpoint
        return f"{endpoint.account}.dkr.ecr.{endpoint.region}.amazonaws.com/{self.name}"

    def make_repository(self) -> None:
        """In an account that exists for this run alone. Elsewhere the repository is the system's own."""
        if not self.cloud.endpoint.private:
            return
        try:
            with calling("making a repository for images", where=self.name):
                self.client.create_repository(repositoryName=self.name)
        except AttemptFailed as error:
            if code_of(error) != "RepositoryAlreadyExistsException":
                raise

    def versions(self) -> list[Version]:
        """Every image there is, newest first. Raises AttemptFailed: there is no such repository."""
        with calling("listing a service's versions", where=self.name):
            pages = self.client.get_paginator("describe_images").paginate(repositoryName=self.name)
            found = [item for page in pages for item in page["imageDetails"]]
        found.sort(key=lambda item: item["imagePushedAt"], reverse=True)
        return [
            Version(i["imageDigest"], tuple(sorted(i.get("imageTags", ()))), f"{i['imagePushedAt']:%FT%TZ}")
            for i in found
        ]

    def digest_of_tag(self, tag: str) -> str:
        """What is under a tag now. Raises AttemptFailed: no such image, or no such repository."""
        return self._image({"imageTag": tag})

    def expect(self, digest: str) -> None:
        """Raises AttemptFailed when the registry does not hold an image of this digest any more."""
        self._image({"imageDigest": digest})

    def _image(self, wanted: Mapping[str, str]) -> str:
        said = next(iter(wanted.values()))
        with calling("looking for a release's image", where=f"{self.name} {said}"):
            found = self.client.batch_get_image(repositoryName=self.name, imageIds=[dict(wanted)])
        if not found["images"]:
            raise AttemptFailed(
                f"there is no image {said} in repository {self.name}",
                doing="looking for a release's image",
                where=self.uri,
                remedy="push it, or name a release whose image `aws ecr describe-images` lists",
            )
        given, text = found["images"][0]["imageId"]["imageDigest"], found["images"][0]["imageManifest"]
        if digest_of(text.encode()) != given:
            raise AttemptFailed(f"ECR calls an image {given} whose content is other", where=self.uri)
        return str(given)

    def push(self, image: Image, tag: str) -> str:
        """Puts layers, configuration and manifest into the registry; the digest, computed and confirmed.

        Raises AttemptFailed: refused, or ECR has another digest for it.
        """
        for digest, content in image.blobs.items():
            self._push_blob(digest, content)
        with calling("pushing a release's image", where=f"{self.name}:{tag}"):
            done = self.client.put_image(
                repositoryName=self.name,
                imageManifest=image.manifest.decode(),
                imageManifestMediaType=MANIFEST,
                imageTag=tag,
            )
        if (given := done["image"]["imageId"]["imageDigest"]) != image.digest:
            raise AttemptFailed(
                f"ECR says {given} of an image whose content is {image.digest}", where=f"{self.uri}:{tag}"
            )
        return image.digest

    def tag(self, digest: str, tag: str) -> None:
        """Lets a tag name an image that is there, as `docker tag` and a push do."""
        with calling("moving a tag", where=f"{self.name}:{tag}"):
            found = self.client.batch_get_image(repositoryName=self.name, imageIds=[{"imageDigest": digest}])[
                "images"
            ][0]
            self.client.put_image(
                repositoryName=self.name,
                imageManifest=found["imageManifest"],
                imageManifestMediaType=found.get("imageManifestMediaType", MANIFEST),
                imageTag=tag,
            )

    def _push_blob(self, digest: str, content: bytes) -> None:
        """By the OCI distribution specification, in one request (end-4b)."""
        endpoint = self.cloud.endpoint
        host = self.uri.partition("/")[0]
        base = endpoint.url or f"https://{host}"
        try:
            answer = httpx.post(
                f"{base}/v2/{self.name}/blobs/uploads/",
                params={"digest": digest},
                content=content,
                headers={"content-type": "application/octet-stream", "host": host, **self._authorization()},
                timeout=SECONDS,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise EnvironmentUnavailable(
                f"the registry cannot be reached: {type(error).__name__}", where=base
            ) from error
        if answer.status_code != 201:
            raise AttemptFailed(
                f"the registry refuses a layer ({answer.status_code})",
                doing="pushing an image",
                where=self.uri,
            )

    def _authorization(self) -> dict[str, str]:
        with calling("asking for the registry's token", where=self.name):
            token = self.client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        return {"authorization": f"Basic {token}"}
