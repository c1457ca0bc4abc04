"""Which resource a property names: CloudFormation's references, as far as an id can be told from outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_IN_SUB = re.compile(r"\$\{([^!}][^}]*)\}")
_IDS = frozenset({"Id", "ApiId", "RestApiId", "QueueUrl", "Name", "GroupId"})
"""Attributes that are the id of the resource itself."""
ROOT = "/"
"""What stands behind the id of a REST API for the resource that is its root."""
_ARN_ENDS = re.compile(r"(?i)arn$")


@dataclass(frozen=True)
class Scope:
    """What references of one template stand for.

    Attributes:
        physical: ids of the stack's resources by logical id.
        parameters: values by name, pseudo parameters such as `AWS::Region` among them.
        export: looks the value of an export up; None when there is none.
    """

    physical: Mapping[str, str]
    parameters: Mapping[str, str]
    export: Callable[[str], str | None]

    def resolve(self, value: Any) -> Any:
        """A copy with references replaced; None stands for what cannot be told.

        An attribute of a resource other than its ARN, which serves as its id where an API asks for
        one, cannot be told.
        """
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: self.resolve(item) for key, item in value.items()}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(str(argument))
            case "Fn::GetAtt":
                return self._attribute(argument)
            case "Fn::ImportValue":
                wanted = self.resolve(argument)
                return self.export(wanted) if isinstance(wanted, str) else None
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::Join":
                return self._join(argument)
            case _:
                return None

    def _reference(self, name: str) -> str | None:
        return self.parameters.get(name) or self.physical.get(name)

    def _attribute(self, argument: Any) -> str | None:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not (isinstance(parts, list) and len(parts) == 2 and isinstance(parts[0], str)):
            return None
        owner = self.physical.get(parts[0])
        if parts[1] == "RootResourceId" and owner:
            return f"{owner}{ROOT}"
        named = isinstance(parts[1], str) and (_ARN_ENDS.search(parts[1]) or parts[1] in _IDS)
        return owner if named else None

    def _sub(self, argument: Any) -> str | None:
        text, own = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
        found = {
            name: self.resolve(own[name])
            if name in own
            else self._attribute(name)
            if "." in name and not name.startswith("AWS::")
            else self._reference(name)
            for name in _IN_SUB.findall(text)
        }
        if not all(isinstance(item, str) for item in found.values()):
            return None
        return _IN_SUB.sub(lambda match: str(found[match[1]]), text)

    def _join(self, argument: Any) -> str | None:
        if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], list)):
            return None
        parts = self.resolve(argument[1])
        return str(argument[0]).join(parts) if all(isinstance(item, str) for item in parts) else None
