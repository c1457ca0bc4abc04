"""[stack.*]: CloudFormation and SAM templates, and what `cdk synth` has written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollproof.adopt.blocks import Block, Entry, Survey
from rollproof.adopt.cfnvalues import Values
from rollproof.adopt.documents import Document, read_toml, read_yaml, table
from rollproof.adopt.folder import Repository, apart, slug
from rollproof.components.aws.assembly import MANIFEST
from rollproof.migrations.tools.choice import ASIDE

MOST_STACKS = 20
_FILE = re.compile(r"(?i)\.(?:ya?ml|json|template)$")
_NOT = re.compile(
    r"(?i)^(?:package(?:-lock)?|tsconfig.*|composer)\.json$|\.(?:assets|tree)\.json$|compose.*\.ya?ml$"
)
_SIGN = re.compile(
    r"AWSTemplateFormatVersion|AWS::Serverless-2016-10-31|[\"']?Type[\"']?\s*:\s*[\"']?AWS::\w+::"
)
_SERVERLESS = re.compile(r"^serverless\.(?:ya?ml|json|ts)$")
_STACK = "aws:cloudformation:stack"
_SAM_CONFIG = "samconfig.toml"


@dataclass(frozen=True, slots=True)
class StackFile:
    """A template and what the stack of it is called.

    Attributes:
        template: its path relative to a release's folder.
        told: file that the stack's name comes from; empty when it is made up.
    """

    key: str
    name: str
    template: str
    told: str
    document: Document
    values: Values

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: table(item) for name, item in table(self.document.data.get("Resources")).items()}


def find_stacks(repository: Repository, survey: Survey) -> list[StackFile]:
    """Adds a block for each template; says what has to be built first."""
    documents = _serious(repository, list(_templates(repository)))
    for document in documents:
        survey.found.append(("template", repository.shown(document.path)))
    if len(documents) > MOST_STACKS:
        survey.notes.append(f"{len(documents)} templates; the first {MOST_STACKS} were taken")
    taken: set[str] = set()
    stacks = [_stack(repository, survey, document, taken) for document in documents[:MOST_STACKS]]
    survey.blocks += [_block(repository, stack) for stack in stacks]
    _unbuilt(repository, survey)
    return stacks


def _templates(repository: Repository) -> Iterator[Document]:
    for path in repository.files(_FILE.search):
        inside = path.relative_to(repository.root).parts
        if _NOT.search(path.name) or any(part.startswith("asset.") for part in inside):
            continue
        if not repository.may_open():
            return
        text = repository.text(path)
        if not _SIGN.search(text):
            continue
        document = read_yaml(repository, path, text)
        if document and _is_template(document):
            yield document


def _is_template(document: Document) -> bool:
    resources = table(document.data.get("Resources"))
    return any(str(table(item).get("Type", "")).startswith("AWS::") for item in resources.values())


def _serious(repository: Repository, found: list[Document]) -> list[Document]:
    """Those that are not for show, when there are such; and no template that is only the last build's."""

    def aside(document: Document) -> bool:
        return bool(ASIDE & {part.lower() for part in document.path.relative_to(repository.root).parts[:-1]})

    return [one for one in found if not aside(one)] or found


def _stack(repository: Repository, survey: Survey, document: Document, taken: set[str]) -> StackFile:
    path = document.path
    name, told, base = f"{survey.name}-{{env}}", "", repository.root
    stem = re.sub(r"(?i)(?:\.template)?\.(?:ya?ml|json|template)$", "", path.name)
    plain = stem.lower() in ("template", "cloudformation", "stack", "main")
    key = slug((path.parent.name if path.parent != repository.root else survey.name) if plain else stem)
    if not plain:
        name = f"{survey.name}-{key}-{{env}}"
    if (path.parent / MANIFEST).exists():
        base = path.parent
        name, told = _assembled(repository, path) or (name, "")
    elif sam := _sam_name(repository, path.parent):
        name, told = sam
    relative = path.relative_to(base).as_posix()
    values = Values(document.data, name, _overrides(repository, path.parent))
    return StackFile(apart(key, taken), name, relative, told, document, values)


def _assembled(repository: Repository, template: Path) -> tuple[str, str] | None:
    """A stack's name, as the manifest of a cloud assembly has it."""
    manifest = template.parent / MANIFEST
    document = read_yaml(repository, manifest)
    for key, raw in table(document.data.get("artifacts") if document else None).items():
        artifact = table(raw)
        properties = table(artifact.get("properties"))
        if artifact.get("type") == _STACK and properties.get("templateFile") == template.name:
            return str(properties.get("stackName") or key), repository.shown(manifest)
    return None


def _sam_name(repository: Repository, folder: Path) -> tuple[str, str] | None:
    """`stack_name` of samconfig.toml."""
    name = _sam_parameter(repository, folder, "stack_name")
    return (name, repository.shown(folder / _SAM_CONFIG)) if isinstance(name, str) and name else None


def _overrides(repository: Repository, folder: Path) -> dict[str, str]:
    """`parameter_overrides` of samconfig.toml: `A=1 B="two words"`, or a list of such."""
    said = _sam_parameter(repository, folder, "parameter_overrides")
    texts = said if isinstance(said, list) else [said]
    try:
        words = [word for text in texts if isinstance(text, str) for word in shlex.split(text)]
    except ValueError:
        return {}
    pairs = [word.partition("=") for word in words]
    return {name: value for name, sign, value in pairs if sign and name != "ParameterKey"}


def _sam_parameter(repository: Repository, folder: Path, wanted: str) -> object:
    """A parameter of samconfig.toml's default environment, for deploying or for all commands."""
    path = folder / _SAM_CONFIG
    data = table(read_toml(repository, path).get("default")) if path.exists() else {}
    told = [table(table(data.get(command)).get("parameters")) for command in ("deploy", "global")]
    return next((item[wanted] for item in told if item.get(wanted)), None)


def _block(repository: Repository, stack: StackFile) -> Block:
    note = "made up: name the stack as it is called in the account"
    entries = [
        Entry("name", stack.name, stack.told, note),
        Entry("template", stack.template, repository.shown(stack.document.path)),
    ]
    if given := stack.values.given:
        line = stack.document.line("Parameters", next(iter(given)))
        entries.append(Entry("parameters", given, repository.shown(stack.document.path, line)))
    missing = stack.values.missing
    said = (
        [f"Parameters without a default, to be given in `parameters`: {', '.join(missing)}."]
        if missing
        else []
    )
    return Block(("stack", stack.key), tuple(entries), tuple(said))


def _unbuilt(repository: Repository, survey: Survey) -> None:
    """Programs whose templates are only there once they have been built."""
    for path in repository.files(lambda name: name == "cdk.json"):
        survey.found.append(("CDK", repository.shown(path)))
        if not (path.parent / "cdk.out" / MANIFEST).exists():
            where = repository.shown(path)
            survey.notes.append(f"{where}: no cdk.out beside it; run `cdk synth` there, then init again")
    packaged = [repository.shown(path) for path in repository.files(_SERVERLESS.match)]
    survey.found += [("Serverless", where) for where in packaged]
    if packaged:
        more = f" and {len(packaged) - 1} more" if packaged[1:] else ""
        survey.notes.append(
            f"{packaged[0]}{more}: run `serverless package`, and name the template that it writes"
        )
