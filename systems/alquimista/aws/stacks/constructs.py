"""The few parts of a construct library that this system needs: logical ids, references, metadata.

Ids are made as the CDK makes them (path components run together, then eight digits of the path's MD5), so
that a template looks, and behaves in an update, like one that `cdk synth` wrote.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from stacks.releases import Release

Value = Any
"""whatever JSON can hold"""


@dataclass(frozen=True, slots=True)
class Asset:
    """A folder that a template refers to by the digest of its content."""

    name: str
    digest: str

    @property
    def code(self) -> dict[str, Value]:
        """A function's `Code`, in the bucket that `cdk bootstrap` makes."""
        return {
            "S3Bucket": sub("cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"),
            "S3Key": f"{self.digest}.zip",
        }

    @property
    def metadata(self) -> dict[str, Value]:
        return {"aws:asset:path": f"../asset.{self.digest}", "aws:asset:property": "Code"}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource in a template, to refer to."""

    id: str

    @property
    def ref(self) -> dict[str, str]:
        return {"Ref": self.id}

    def att(self, name: str) -> dict[str, list[str]]:
        return {"Fn::GetAtt": [self.id, name]}


def sub(text: str, **values: Value) -> dict[str, Value]:
    """`Fn::Sub`, with values for what is no parameter and no resource."""
    return {"Fn::Sub": [text, values] if values else text}


@dataclass(slots=True)
class Stack:
    """One template in the making.

    Attributes:
        name: of the construct, such as `FibonacciStack`.
        release: what is built, and with which defect.
        assets: folders by function name.
    """

    name: str
    release: Release
    assets: dict[str, Asset]
    description: str = ""
    parameters: dict[str, Value] = field(default_factory=dict)
    conditions: dict[str, Value] = field(default_factory=dict)
    resources: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    used: list[Asset] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parameter(
            "Env", Description="Name of the environment, part of every name", AllowedPattern="[a-z0-9-]+"
        )

    def parameter(self, name: str, **properties: Value) -> dict[str, str]:
        self.parameters[name] = {"Type": "String", **properties}
        return {"Ref": name}

    def add(
        self,
        path: str,
        kind: str,
        properties: dict[str, Value],
        *,
        salt: str = "",
        metadata: dict[str, Value] | None = None,
        **attributes: Value,
    ) -> Resource:
        """A resource.

        Args:
            path: of the construct within the stack, such as `ListAgents/ServiceRole/Resource`.
            salt: what a changed value of makes another resource: a version or a deployment, which
                CloudFormation would not make anew otherwise.
            attributes: `DependsOn`, `Condition`, `DeletionPolicy`…
        """
        name = logical_id(path) + salt
        self.resources[name] = {
            "Type": kind,
            "Properties": properties,
            **attributes,
            "Metadata": {"aws:cdk:path": f"{self.name}/{path}", **(metadata or {})},
        }
        return Resource(name)

    def output(self, name: str, value: Value, description: str) -> None:
        self.outputs[name] = {"Description": description, "Value": value}

    def asset(self, name: str) -> Asset:
        self.used.append(self.assets[name])
        return self.assets[name]

    def template(self) -> dict[str, Value]:
        """The template, without what would be empty."""
        parts = {
            "Description": f"{self.description} ({self.release.name})",
            "Parameters": self.parameters,
            "Conditions": self.conditions,
            "Resources": self.resources,
            "Outputs": self.outputs,
        }
        return {name: part for name, part in parts.items() if part}


def logical_id(path: str) -> str:
    """As `makeUniqueId` of the CDK: `ListAgents/Resource` becomes `ListAgents` and eight digits."""
    parts = path.split("/")
    readable = "".join(re.sub(r"[^A-Za-z0-9]", "", part) for part in parts if part != "Resource")
    return readable + hashlib.md5("/".join(parts).encode(), usedforsecurity=False).hexdigest()[:8].upper()


def digest_of(value: Value) -> str:
    """Digest of a JSON value, however its keys are ordered."""
    return hashlib.md5(json.dumps(value, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
