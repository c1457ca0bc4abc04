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
_HERE = "embedded"
"""what `{env}` stands for in a drill on this machine"""
_LIVE = re.compile(r"(?i)pro?d|live")
_NODES = 5000
"""most parts of a value that are looked at; aliases of YAML can make a small file endless"""


class Values:
    """A template's parameters, and the name of the stack that it is deployed as.

    Attributes:
        given: what parameters are to be set to where their defaults will not do; `{env}` for those that
            say which environment it is and take any name.
        environments: parameters that say which environment it is.
    """

    def __init__(
        self, template: Mapping[str, Any], stack: str, overrides: Mapping[str, str] | None = None
    ) -> None:
        self.parameters = {name: table(spec) for name, spec in table(template.get("Parameters")).items()}
        self.known = _PSEUDO | {"AWS::StackName": stack}
        self.given: dict[str, str] = {}
        self.environments = [name for name in self.parameters if _ENVIRONMENT.match(name)]
        self._mappings = table(template.get("Mappings"))
        self._conditions = table(template.get("Conditions"))
        self._met: dict[str, bool | None] = {}
        for name, spec in self.parameters.items():
            self._tell(name, spec, (overrides or {}).get(name))

    def _tell(self, name: str, spec: Mapping[str, Any], override: str | None) -> None:
        if hidden := str(spec.get("NoEcho", "")).lower() == "true":
            override = None
        if name in self.environments:
            override = _environment(spec, override)
        if override is not None:
            self.given[name] = override
        default = spec.get("Default")
        plain = isinstance(default, str | int) and str(spec.get("Type", "")).startswith(("String", "Number"))
        if override is not None or (plain and not hidden):
            self.known[name] = str(default) if override is None else override

    @property
    def missing(self) -> list[str]:
        """Parameters without a default that nothing is known of."""
        return [n for n, spec in self.parameters.items() if "Default" not in spec and n not in self.given]

    def holds(self, condition: object) -> bool | None:
        """Whether a condition of the template is met in a drill on this machine; None: nobody can tell."""
        if isinstance(condition, str):
            condition = {"Condition": condition}
        if not isinstance(condition, dict) or len(condition) != 1:
            return None
        [(name, raw)] = condition.items()
        if name == "Condition":
            return self._named(str(raw))
        parts = raw if isinstance(raw, list) else []
        if name == "Fn::Equals" and len(parts) == 2:
            sides = [self.text(part) for part in parts]
            return None if None in sides else len({_here(side or "") for side in sides}) == 1
        return _combined(name, [self.holds(part) for part in parts])

    def _named(self, name: str) -> bool | None:
        """Each condition is worked out once; one that rests on itself is not known."""
        if name not in self._met:
            self._met[name] = None
            self._met[name] = self.holds(self._conditions.get(name))
        return self._met[name]

    def text(self, value: object) -> str | None:
        """The value as a system file has it; None when only the deployed stack knows it."""
        if isinstance(value, str | int):
            return str(value)
        if not isinstance(value, dict) or len(value) != 1:
            return None
        [(name, argument)] = value.items()
        match name, argument:
            case "Ref", str():
                return self.known.get(argument)
            case "Fn::Sub", _:
                return self._substituted(argument)
        listed = {"Fn::Join": self._joined, "Fn::If": self._chosen, "Fn::FindInMap": self._found}
        return listed[name](argument) if name in listed and isinstance(argument, list) else None

    def _substituted(self, argument: object) -> str | None:
        match argument:
            case str():
                return self._filled(argument)
            case [str() as pattern, dict() as own]:
                return self._filled(pattern, {str(k): self.text(v) for k, v in own.items()})
        return None

    def _joined(self, argument: list[Any]) -> str | None:
        match argument:
            case [str() as between, list() as parts]:
                texts = [self.text(part) for part in parts]
                return None if None in texts else between.join(text or "" for text in texts)
        return None

    def _chosen(self, argument: list[Any]) -> str | None:
        match argument:
            case [str() as condition, yes, no] if (met := self.holds(condition)) is not None:
                return self.text(yes if met else no)
        return None

    def _found(self, keys: list[Any]) -> str | None:
        """A value of the template's mappings."""
        at: Any = self._mappings
        for key in keys:
            at = table(at).get(self.text(key) or "")
        return str(at) if isinstance(at, str | int) else None

    def _filled(self, pattern: str, own: Mapping[str, str | None] | None = None) -> str | None:
        values = {**self.known, **(own or {})}
        names = re.findall(r"\$\{([^!}]+)\}", pattern)
        if any(values.get(name.strip()) is None for name in names):
            return None
        return re.sub(r"\$\{([^!}]+)\}", lambda found: values[found[1].strip()] or "", pattern)


def _environment(spec: Mapping[str, Any], override: str | None) -> str:
    """What a parameter for the environment is set to: `{env}` where it takes the name of any."""
    listed = spec.get("AllowedValues")
    allowed = [str(value) for value in listed] if isinstance(listed, list) else []
    pattern, longest = str(spec.get("AllowedPattern") or ".*"), str(spec.get("MaxLength") or "99")
    try:
        fits = re.fullmatch(pattern, _HERE) is not None
    except re.error:
        fits = False
    if fits and (not allowed or _HERE in allowed) and longest.isdecimal() and int(longest) >= len(_HERE):
        return "{env}"
    default = spec.get("Default")
    wanted = [value for value in (override, None if default is None else str(default)) if value]
    tame = [value for value in allowed if not _LIVE.search(value)]
    able = [value for value in wanted if not allowed or value in allowed]
    return next(iter([*(v for v in able if not _LIVE.search(v)), *tame, *able, *allowed]), "{env}")


def _here(text: str) -> str:
    return text.replace("{env}", _HERE)


def _combined(name: str, met: list[bool | None]) -> bool | None:
    """And, Or and Not of conditions of which nobody may know some."""
    if name == "Fn::Not" and len(met) == 1:
        return None if met[0] is None else not met[0]
    if name not in ("Fn::And", "Fn::Or"):
        return None
    decides = name == "Fn::Or"
    if decides in met:
        return decides
    return None if None in met or not met else not decides


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
