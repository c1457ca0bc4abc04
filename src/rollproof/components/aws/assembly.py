"""A release's folder read as stacks: a cloud assembly of the CDK, or plain and SAM templates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

from rollproof.components.aws.templates import Template, exports, imports, read_template
from rollproof.errors import BadInput
from rollproof.model.aws import Stack

MANIFEST = "manifest.json"
NEWEST_MAJOR = 80
"""of a manifest that is read. The CDK raises it about monthly, for additions; what is read here (stacks,
their parameters, tags and dependencies, file assets) has been the same since 2."""
_STACK, _ASSETS, _NESTED = "aws:cloudformation:stack", "cdk:asset-manifest", "cdk:cloud-assembly"
_DOING = "reading a cloud assembly"
_RESYNTH = "run `cdk synth` again and give its whole output folder as the release's `path`"


@dataclass(frozen=True, slots=True)
class FileAsset:
    """A file or folder that a template refers to by where it is uploaded.

    Attributes:
        bucket, key: with the CDK's `${AWS::AccountId}` and `${AWS::Region}` still in them.
    """

    source: Path
    packaging: Literal["zip", "file"]
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class StackSource:
    """One stack of a release, as its folder has it, under the name that it gets in the account.

    Attributes:
        key: its key in the system file.
        after: names of stacks that are deployed before it.
        assets: what must be uploaded before.
        protected: whether the assembly asks for termination protection.
    """

    key: str
    name: str
    path: Path
    template: Template
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    assets: tuple[FileAsset, ...] = ()
    protected: bool = False
    limit: float = 300.0


def read_release(
    folder: Path, stacks: Mapping[str, Stack], *, fill: Callable[[str], str]
) -> list[StackSource]:
    """The stacks of a release, each after those that it depends on.

    Args:
        folder: a `cdk synth` output when it holds a manifest.json, else one of templates.
        fill: fills the placeholders of the system file's texts in.

    Raises BadInput: a template, manifest or asset is missing or wrong; a circle of dependencies.
    """
    if not folder.is_dir():
        raise BadInput(
            "there is no such folder",
            doing="reading a release",
            where=str(folder),
            remedy="build the release, or correct its `path`",
        )
    manifest = folder / MANIFEST
    artifacts = _artifacts(manifest) if manifest.is_file() else []
    picked = {key: _pick(artifacts, spec, fill(spec.name)) for key, spec in stacks.items() if artifacts}
    found = [_source(folder, key, spec, fill) for key, spec in stacks.items()]
    found = [_of_assembly(one, picked[one.key], artifacts) if one.key in picked else one for one in found]
    found = [replace(one, template=read_template(one.path)) for one in found]
    names = {source.key: source.name for source in found}
    names |= {artifact.stack_name: names[key] for key, artifact in picked.items()}
    return in_order([replace(one, after=tuple(names.get(item, "") for item in one.after)) for one in found])


def in_order(found: Sequence[StackSource]) -> list[StackSource]:
    """By `after`, and by what one stack imports and another exports. Raises BadInput for a circle."""
    exporters = {text: source.name for source in found for text in exports(source.template)}
    names = {source.name: source for source in found}
    graph = {
        source.name: {name for name in source.after if name in names}
        | {exporters[text] for text in imports(source.template) if text in exporters} - {source.name}
        for source in found
    }
    try:
        return [names[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise BadInput(
            f"the stacks depend on each other in a circle: {' -> '.join(error.args[1])}",
            doing="ordering the stacks of a release",
            remedy="take one of them out of `after`, or the import that closes the circle",
        ) from error


def _source(folder: Path, key: str, spec: Stack, fill: Callable[[str], str]) -> StackSource:
    return StackSource(
        key=key,
        name=fill(spec.name),
        path=folder / spec.template,
        template={},
        parameters=dict(spec.parameters),
        tags={tag: fill(value) for tag, value in spec.tags.items()},
        capabilities=spec.capabilities,
        after=spec.after,
        limit=spec.limit,
    )


def _of_assembly(source: StackSource, artifact: _Artifact, artifacts: Sequence[_Artifact]) -> StackSource:
    by_id = {other.id: other for other in artifacts if other.folder == artifact.folder}
    needed = [by_id[item] for item in artifact.dependencies if item in by_id]
    said = artifact.properties
    own = [item for item in needed if item.type == _ASSETS]
    return replace(
        source,
        path=artifact.folder / str(said.get("templateFile")),
        parameters={**_texts(said.get("parameters")), **source.parameters},
        tags={**_texts(said.get("tags")), **source.tags},
        after=source.after + tuple(item.stack_name for item in needed if item.type == _STACK),
        assets=tuple(asset for item in own for asset in _file_assets(item)),
        protected=bool(said.get("terminationProtection")),
    )


@dataclass(frozen=True, slots=True)
class _Artifact:
    folder: Path
    id: str
    type: str
    properties: Mapping[str, Any]
    dependencies: tuple[str, ...]

    @property
    def stack_name(self) -> str:
        return str(self.properties.get("stackName") or self.id)


def _artifacts(manifest: Path) -> list[_Artifact]:
    """Of an assembly and of those within it (stages)."""
    said = _versioned(manifest)
    found: list[_Artifact] = []
    for name, item in _object(said.get("artifacts")).items():
        properties = _object(item.get("properties"))
        kind = str(item.get("type"))
        found.append(
            _Artifact(manifest.parent, name, kind, properties, tuple(item.get("dependencies") or ()))
        )
        if kind == _NESTED:
            found += _artifacts(manifest.parent / str(properties.get("directoryName")) / MANIFEST)
    return found


def _versioned(path: Path) -> dict[str, Any]:
    """A manifest of a version that is known."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"it cannot be read: {error}", doing=_DOING, where=str(path), remedy=_RESYNTH
        ) from error
    version = str(said.get("version", "")) if isinstance(said, dict) else ""
    known = re.fullmatch(r"(\d+)\.\d+\.\d+(?:[-+].*)?", version)
    if known is None or not 1 <= int(known[1]) <= NEWEST_MAJOR:
        raise BadInput(
            f"a manifest of version {version or 'none'} is not known here, only 1 to {NEWEST_MAJOR}",
            doing=_DOING,
            where=str(path),
            remedy="update Rollproof, or synthesise with a version of the CDK that it knows",
        )
    assert isinstance(said, dict)
    return said


def _pick(artifacts: Sequence[_Artifact], spec: Stack, name: str) -> _Artifact:
    """The stack of the assembly that a `[stack.*]` means: by its template's file, its name or its id."""
    stacks = [item for item in artifacts if item.type == _STACK]
    wants: list[Callable[[_Artifact], bool]] = [
        lambda item: str(item.properties.get("templateFile")) == spec.template,
        lambda item: item.stack_name == name,
        lambda item: item.id == spec.template,
    ]
    for wanted in wants:
        if found := [item for item in stacks if wanted(item)]:
            return found[0]
    raise BadInput(
        f"the assembly has no stack with the template {spec.template} or the name {name}",
        doing=_DOING,
        where=str(artifacts[0].folder / MANIFEST),
        remedy=f"name one of: {', '.join(str(item.properties.get('templateFile')) for item in stacks)}",
    )


def _file_assets(artifact: _Artifact) -> list[FileAsset]:
    """What an asset manifest wants uploaded."""
    path = artifact.folder / str(artifact.properties.get("file"))
    said = _versioned(path)
    if images := _object(said.get("dockerImages")):
        raise BadInput(
            f"the assembly has {len(images)} Docker image assets, which are not built here",
            doing=_DOING,
            where=str(path),
            remedy="build and push them and refer to them by URI, or deploy with a `[deploy] command`",
        )
    return [_file_asset(path, name, item) for name, item in _object(said.get("files")).items()]


def _file_asset(path: Path, name: str, item: Mapping[str, Any]) -> FileAsset:
    source = _object(item.get("source"))
    if source.get("executable"):
        raise BadInput(
            f"asset {name} is built by a command, which is not run here",
            doing=_DOING,
            where=str(path),
            remedy="bundle it when synthesising, or deploy with a `[deploy] command`",
        )
    destinations = list(_object(item.get("destinations")).values())
    place = path.parent / str(source.get("path"))
    if not destinations or not place.exists():
        lacks = f"{place.name} is not there" if destinations else "says nowhere to upload it to"
        raise BadInput(f"asset {name}: {lacks}", doing=_DOING, where=str(path), remedy=_RESYNTH)
    target = destinations[0]
    packaging: Literal["zip", "file"] = "zip" if source.get("packaging") == "zip" else "file"
    return FileAsset(place, packaging, str(target["bucketName"]), str(target["objectKey"]))


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    """Tags are a list of pairs in a manifest, parameters an object."""
    if isinstance(value, list):
        return {
            str(item.get("Key") or item.get("key")): str(item.get("Value", item.get("value")))
            for item in value
        }
    return {name: str(item) for name, item in _object(value).items()}
