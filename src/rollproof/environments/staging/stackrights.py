"""What CloudFormation needs with a drill's rights, from the types of resources in the releases' templates.

Each type says itself which actions it needs to be made, read, changed and deleted: `handlers` of its schema
in the CloudFormation registry, which cfn-lint brings along. They are allowed to CloudFormation alone, on
behalf of the role that drills (`aws:CalledVia`), for which resources they are about no schema says.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollproof.errors import EnvironmentUnavailable, RollproofError
from rollproof.model.json import Json

if TYPE_CHECKING:
    from rollproof.model.system import System

LONGEST = 6144
"""characters of a managed policy, white space aside (IAM User Guide, quotas)"""
_VIA = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}}
_CUSTOM = ("lambda:InvokeFunction", "sns:Publish")
"""What a custom resource needs: it is a function that is called, or a topic that is told."""
_OWN: dict[str, Collection[str]] = {
    "AWS::CloudFormation::CustomResource": _CUSTOM,
    "AWS::CloudFormation::WaitCondition": (),
    "AWS::CloudFormation::WaitConditionHandle": (),
    "AWS::CDK::Metadata": (),
}
"""CloudFormation's own types, which the registry does not have."""
_HANDLERS = ("create", "read", "update", "delete")


@dataclass(frozen=True, slots=True)
class StackRights:
    """Policies, each short enough for IAM.

    Attributes:
        unknown: types of resources of which nobody says what they need.
    """

    documents: tuple[dict[str, Json], ...]
    unknown: tuple[str, ...]


Needs = Callable[[str], Collection[str] | None]
"""The actions that a type of resource needs, `lambda:CreateFunction`; None for one that nobody knows."""


def types_of(system: System) -> set[str]:
    """Types of resources in the templates of all releases; a release without templates has none."""
    from rollproof.components.aws.templates import read_template

    found: set[str] = set()
    for release in system.release:
        for spec in system.stack.values() if release.path else ():
            file = system.root / str(release.path) / spec.template
            try:
                template = read_template(file) if file.is_file() else {}
            except RollproofError:
                continue  # a release that is broken on purpose may not even be read
            resources = template.get("Resources")
            if isinstance(resources, Mapping):
                found |= {str(one["Type"]) for one in resources.values() if isinstance(one, Mapping)}
    return found


def stack_rights(types: Iterable[str], needs: Needs) -> StackRights:
    """The policies, and what is not in them."""
    actions: dict[str, set[str]] = defaultdict(set)
    unknown = []
    for name in sorted(set(types)):
        found = _CUSTOM if name.startswith("Custom::") else _OWN.get(name, needs(name))
        if found is None:
            unknown.append(name)
        for action in found or ():
            actions[action.partition(":")[0]].add(action)
    return StackRights(tuple(_documents(actions)), tuple(unknown))


def _documents(actions: Mapping[str, Collection[str]]) -> Iterator[dict[str, Json]]:
    """As few as hold all statements, in the order of the services."""
    held: list[Json] = []
    for service, some in sorted(actions.items()):
        for statement in _statements(service, sorted(some)):
            if held and len(_text(_document([*held, statement]))) > LONGEST:
                yield _document(held)
                held = []
            held.append(statement)
    if held:
        yield _document(held)


def _statements(service: str, actions: list[str]) -> Iterator[Json]:
    """One of a service, or halves of it until each fits alone."""
    statement: Json = {
        "Sid": f"{''.join(filter(str.isalnum, service)).capitalize()}InStacks",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": "*",
        "Condition": _VIA,
    }
    if len(actions) > 1 and len(_text(_document([statement]))) > LONGEST:
        middle = len(actions) // 2
        for half in (actions[:middle], actions[middle:]):
            yield from _statements(service, half)
        return
    yield statement


def _document(statements: list[Json]) -> dict[str, Json]:
    return {"Version": "2012-10-17", "Statement": _numbered(statements)}


def _numbered(statements: list[Json]) -> list[Json]:
    """Statement ids are unique in a policy."""
    found: list[Json] = []
    for number, statement in enumerate(statements, start=1):
        assert isinstance(statement, dict)
        found.append({**statement, "Sid": f"{str(statement['Sid']).rstrip('0123456789')}{number}"})
    return found


def _text(document: Mapping[str, Json]) -> str:
    return json.dumps(document, separators=(",", ":"))


def needs_by_schema(region: str) -> Needs:
    """By cfn-lint's copy of the registry. Raises EnvironmentUnavailable without the package."""
    from rollproof.environments.staging.policy import known_action

    try:
        from cfnlint.schema import (  # type: ignore[import-untyped]
            PROVIDER_SCHEMA_MANAGER,
            ResourceNotFoundError,
        )
    except ImportError as error:
        raise EnvironmentUnavailable(
            "the package cfn-lint is not installed",
            doing="looking up what CloudFormation needs for the stacks' resources",
            remedy="pip install 'rollproof[permissions]'",
        ) from error

    def needs(name: str) -> Collection[str] | None:
        try:
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, name).schema
        except ResourceNotFoundError:
            return None
        handlers = schema.get("handlers")
        if not handlers:
            return None
        listed = [action for one in _HANDLERS for action in handlers.get(one, {}).get("permissions", ())]
        return {action for action in listed if known_action(action)}

    return needs
