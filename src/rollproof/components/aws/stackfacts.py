"""What a stack is, as facts: its template, parameters, tags and outputs, and every resource that it holds."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud, reader
from rollproof.components.aws.digests import Digests, digest_of
from rollproof.components.aws.held.base import Asked, Held, Unreadable, read, tidy
from rollproof.components.aws.held.resolve import Scope
from rollproof.components.aws.stack import NESTED, describe
from rollproof.components.aws.templates import Template, effective, parse
from rollproof.errors import AttemptFailed
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json
from rollproof.model.resources import LEFT_OUT, MISSING, UNREAD
from rollproof.privacy.known import remember_variables

NOTHING_TO_READ = frozenset(
    {"AWS::CloudFormation::WaitConditionHandle", "AWS::CloudFormation::WaitCondition", "AWS::CDK::Metadata"}
)
"""Types that are nothing outside their stack."""
MADE_ANEW = frozenset(
    {
        "AWS::Lambda::Version",
        "AWS::Lambda::LayerVersion",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGatewayV2::Deployment",
        "AWS::AppConfig::HostedConfigurationVersion",
        "AWS::AppConfig::Deployment",
    }
)
"""Types that nothing can change: going back makes one anew, whose id then says nothing. In what refers to
one of the stack's own it is shown by its logical id."""


@reader("stack")
def stack_facts(cloud: Cloud) -> Fingerprint:
    """Every declared stack that is there, with all that it holds; nothing for one that is not there."""
    declared = {cloud.fill(spec.name): spec.uncompared for spec in cloud.system.stack.values()}
    facts = [fact for name, left in declared.items() for fact in facts_of(cloud, name, leave_out=left)]
    return Fingerprint.of(facts)


def facts_of(cloud: Cloud, stack: str, *, under: str = "", leave_out: Collection[str] = ()) -> Iterator[Fact]:
    """The facts of one stack, nested ones included. Raises AttemptFailed when AWS refuses to say.

    Args:
        stack: its name or id.
        under: what it is called, for a nested one.
        leave_out: types that are not to be asked for where nobody can read them.
    """
    said = describe(cloud, stack)
    if not said or said["StackStatus"] == "REVIEW_IN_PROGRESS":
        return
    name = under or str(said["StackName"])
    template = template_of(cloud, said["StackId"])
    held = resources_of(cloud, said, template, name=name)
    yield Fact("stack", name, _attributes(cloud, said, template))
    ids = {one.physical: f"<{one.name}>" for one in held if one.kind in MADE_ANEW}
    known: dict[str, Any] = {}
    for one in held:
        if one.kind == NESTED and one.physical:
            yield from facts_of(cloud, one.physical, under=one.name, leave_out=leave_out)
        elif one.kind not in NOTHING_TO_READ:
            asked = Asked(cloud, one, cloud.drill.use(Digests), known)
            fact = _fact(asked, ids, parent=f"stack {name}")
            yield replace(fact, kind=LEFT_OUT) if fact.kind == UNREAD and one.kind in leave_out else fact


def template_of(cloud: Cloud, stack: str) -> Template:
    """The template that is deployed, macros carried out."""
    with calling("reading the template of a stack", where=stack):
        body = cloud.client("cloudformation").get_template(StackName=stack, TemplateStage="Processed")
    found = body["TemplateBody"]
    parsed = parse(found, where=stack) if isinstance(found, str) else json.loads(json.dumps(found))
    return parsed if isinstance(parsed, dict) else {}


def _attributes(cloud: Cloud, said: Mapping[str, Any], template: Template) -> dict[str, Json]:
    digests = cloud.drill.use(Digests)
    parameters = {p["ParameterKey"]: p.get("ParameterValue", "") for p in said.get("Parameters", [])}
    remember_variables(parameters)
    found: dict[str, Json] = {
        "template": digest_of(tidy(effective(template))),
        "tags": {tag["Key"]: tag["Value"] for tag in said.get("Tags", [])},
        "termination protection": bool(said.get("EnableTerminationProtection")),
        "policy": _policy(cloud, str(said["StackId"])),
    }
    found |= {f"parameter {name}": digests.of(value) for name, value in sorted(parameters.items())}
    outputs = {item["OutputKey"]: item["OutputValue"] for item in said.get("Outputs", [])}
    return found | {f"output {name}": digests.of(value) for name, value in sorted(outputs.items())}


def _policy(cloud: Cloud, stack: str) -> Json:
    with calling("reading the policy of a stack", where=stack):
        found = cloud.client("cloudformation").get_stack_policy(StackName=stack).get("StackPolicyBody")
    return tidy(found) if found else None


def resources_of(cloud: Cloud, said: Mapping[str, Any], template: Template, *, name: str) -> list[Held]:
    """What a stack holds now, by CloudFormation's own list."""
    summaries: list[Any] = []
    with calling("listing what a stack holds", where=name):
        pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=said["StackId"]):
            summaries += page["StackResourceSummaries"]
    there = [item for item in summaries if not item["ResourceStatus"].startswith("DELETE_COMPLETE")]
    ids = {item["LogicalResourceId"]: item.get("PhysicalResourceId", "") for item in there}
    scope = scope_of(cloud, said, ids)
    declared = template.get("Resources") or {}
    return [
        Held(
            name=f"{name}/{item['LogicalResourceId']}",
            kind=str(item["ResourceType"]),
            physical=str(item.get("PhysicalResourceId", "")),
            properties=scope.resolve((declared.get(item["LogicalResourceId"]) or {}).get("Properties") or {}),
        )
        for item in there
    ]


def scope_of(cloud: Cloud, said: Mapping[str, Any], physical: Mapping[str, str]) -> Scope:
    """What references of a stack's template stand for; `physical`: ids of its resources by logical id."""
    endpoint = cloud.endpoint
    values = {
        p["ParameterKey"]: p.get("ResolvedValue") or p.get("ParameterValue", "")
        for p in said.get("Parameters", [])
    }
    values |= {
        "AWS::Region": endpoint.region,
        "AWS::AccountId": endpoint.account,
        "AWS::Partition": str(said["StackId"]).split(":")[1],
        "AWS::StackName": str(said["StackName"]),
        "AWS::StackId": str(said["StackId"]),
        "AWS::URLSuffix": "amazonaws.com",
    }
    return Scope(physical, values, lambda name: _export(cloud, name))


def _export(cloud: Cloud, name: str) -> str | None:
    with calling("looking an export up", where=name):
        for page in cloud.client("cloudformation").get_paginator("list_exports").paginate():
            for item in page["Exports"]:
                if item["Name"] == name:
                    return str(item["Value"])
    return None


def _fact(asked: Asked, ids: Mapping[str, str], *, parent: str) -> Fact:
    """One resource; one that nobody here can read becomes a fact that says so."""
    held = asked.held
    own: dict[str, Json] = {} if held.kind in MADE_ANEW else {"id": held.physical}
    try:
        found = read(asked) if held.physical else None
    except Unreadable as error:
        return Fact(UNREAD, held.name, {"type": held.kind, "why": str(error), **own}, parent)
    except AttemptFailed as error:
        if code_of(error) not in ("InvalidAction", "UnknownOperationException", "NotImplemented", "501"):
            raise
        return Fact(UNREAD, held.name, {"type": held.kind, "why": error.found, **own}, parent)
    if found is None:
        return Fact(MISSING, held.name, {"type": held.kind, **own}, parent)
    return Fact(held.kind, held.name, {**own, **_renamed(found, ids)}, parent)


def _renamed(value: Json, ids: Mapping[str, str]) -> Any:
    """With ids of what is made anew replaced by what they are called in their stack."""
    if isinstance(value, dict):
        return {ids.get(key, key): _renamed(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value
