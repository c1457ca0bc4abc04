"""CloudFormation templates as files: JSON, or YAML with CloudFormation's own tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rollproof.errors import BadInput

SAM = "AWS::Serverless-2016-10-31"
Template = dict[str, Any]
"""A template as JSON has it; short tags such as `!Ref` are written out."""


def read_template(path: Path) -> Template:
    """A template file. Raises BadInput, with the line, when it is missing or is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadInput(
            "there is no such template",
            doing="reading a release",
            where=str(path),
            remedy="build the release, or correct the `template` of its stack or the `path` of the release",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"it cannot be read: {error}", doing="reading a template", where=str(path)) from error
    return checked(parse(text, where=str(path)), where=str(path))


def parse(text: str, *, where: str) -> object:
    """JSON or YAML as plain data. Raises BadInput."""
    try:
        return json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _loader())  # noqa: S506
    except (yaml.YAMLError, json.JSONDecodeError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise BadInput(
            f"it is neither JSON nor YAML: {said}",
            doing="reading a template",
            where=where,
            remedy="have it checked by `aws cloudformation validate-template` or cfn-lint",
        ) from error


def checked(found: object, *, where: str) -> Template:
    """Plain data that is a template. Raises BadInput when it is not."""
    resources = found.get("Resources") if isinstance(found, dict) else None
    wrong = ""
    if not isinstance(found, dict) or not isinstance(resources, dict) or not resources:
        wrong = "it has no Resources, so it is no CloudFormation template"
    else:
        untyped = [
            name
            for name, item in resources.items()
            if not (isinstance(item, dict) and isinstance(item.get("Type"), str))
            and not str(name).startswith("Fn::ForEach::")
        ]
        wrong = f"resource {untyped[0]} has no Type" if untyped else ""
    if wrong:
        raise BadInput(
            wrong,
            doing="reading a template",
            where=where,
            remedy="name the template's file in the `template` of the stack",
        )
    assert isinstance(found, dict)
    return found


@cache
def _loader() -> type[yaml.SafeLoader]:
    """Knows CloudFormation's tags, and reads dates (`Version: 2012-10-17`) as the text that they are."""
    from samtranslator.yaml_helper import intrinsics_multi_constructor

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", intrinsics_multi_constructor)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: str(node.value))
    return Loader


def transforms(template: Template) -> list[str]:
    """Names of the macros that a template is to be sent through."""
    declared = template.get("Transform")
    entries = declared if isinstance(declared, list) else [declared]
    names = [entry.get("Name") if isinstance(entry, Mapping) else entry for entry in entries]
    return [str(name) for name in names if name]


def imports(template: Template) -> set[str]:
    """What it takes from other stacks: the arguments of Fn::ImportValue, as JSON texts."""
    return {_text(node["Fn::ImportValue"]) for node in _nodes(template) if "Fn::ImportValue" in node}


def exports(template: Template) -> set[str]:
    """What it gives to other stacks: the names of its exports, as JSON texts."""
    outputs = template.get("Outputs")
    items = outputs.values() if isinstance(outputs, dict) else []
    named = [item.get("Export") for item in items if isinstance(item, dict)]
    return {_text(export["Name"]) for export in named if isinstance(export, dict) and "Name" in export}


def resources(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Logical ids and definitions; loops of AWS::LanguageExtensions, which are none yet, left out."""
    for name, item in template["Resources"].items():
        if isinstance(item, dict) and isinstance(item.get("Type"), str):
            yield name, item


def effective(template: Template) -> Template:
    """What of a template has an effect: CloudFormation sees no change where only the rest differs."""
    return {name: value for name, value in template.items() if name not in ("Description", "Metadata")}


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
