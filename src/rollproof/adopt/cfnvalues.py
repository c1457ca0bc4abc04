"""Texts that a CloudFormation template computes, as far as they can be told without deploying it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollproof.adopt.documents import table

_ENVIRONMENT = re.compile(
    r"(?i)^(?:p|param)?(?:app|deploy(?:ment)?|target)?(?:env|environment|stage)(?:name|type)?$"
)
_PSEUDO = {"AWS::AccountId": "{account}", "AWS::Region": "{region}", "AWS::Partition": "aws"}
_NODES = 5000
"""most parts of a value that are looked at; aliases of YAML can make a small file endless"""


class Values:
    """A template's parameters, and the name of the stack that it is deployed as."""

    def __init__(self, template: Mapping[str, Any], stack: str) -> None:
        self.parameters = {name: table(spec) for name, spec in table(template.get("Parameters")).items()}
        self.known = _PSEUDO | {"AWS::StackName": stack}
        for name, spec in self.parameters.items():
            if (told := _told(name, spec)) is not None:
                self.known[name] = told

    @property
    def environments(self) -> list[str]:
        """Parameters that say which environment it is."""
        return [name for name in self.parameters if self.known.get(name) == "{env}"]

    @property
    def missing(self) -> list[str]:
        """Parameters without a default that nothing is known of."""
        return [
            name
            for name, spec in self.parameters.items()
            if "Default" not in spec and self.known.get(name) != "{env}"
        ]

    def text(self, value: object) -> str | None:
        """The value as a system file has it; None when only the deployed stack knows it."""
        if isinstance(value, str | int):
            return str(value)
        match value:
            case {"Ref": str() as name}:
                return self.known.get(name)
            case {"Fn::Sub": str() as pattern}:
                return self._filled(pattern)
            case {"Fn::Sub": [str() as pattern, dict() as own]}:
                return self._filled(pattern, {str(k): self.text(v) for k, v in own.items()})
            case {"Fn::Join": [str() as between, list() as parts]}:
                texts = [self.text(part) for part in parts]
                return None if None in texts else between.join(text or "" for text in texts)
        return None

    def _filled(self, pattern: str, own: Mapping[str, str | None] | None = None) -> str | None:
        values = {**self.known, **(own or {})}
        names = re.findall(r"\$\{([^!}]+)\}", pattern)
        if any(values.get(name.strip()) is None for name in names):
            return None
        return re.sub(r"\$\{([^!}]+)\}", lambda found: values[found[1].strip()] or "", pattern)


def _told(name: str, spec: Mapping[str, Any]) -> str | None:
    if _ENVIRONMENT.match(name):
        return "{env}"
    default = spec.get("Default")
    hidden = str(spec.get("NoEcho", "")).lower() == "true"
    plain = isinstance(default, str | int) and str(spec.get("Type", "")).startswith(("String", "Number"))
    return str(default) if plain and not hidden else None


def references(value: object) -> Iterator[str]:
    """Logical ids and texts in a value, at any depth within bounds."""
    waiting, looked = [value], 0
    while waiting and looked < _NODES:
        item = waiting.pop()
        looked += 1
        if isinstance(item, str):
            yield item
            yield from re.findall(r"\$\{([A-Za-z0-9]+)", item)
            yield item.partition(".")[0]
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
