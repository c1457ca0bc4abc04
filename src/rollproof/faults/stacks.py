"""Faults of deploys: one that fails half way, a lost file that a rollback needs, a change by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Literal

from rollproof.components.aws.assembly import StackSource
from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.held.base import Held
from rollproof.components.aws.releases import BROKEN, Deployments
from rollproof.components.aws.sam import transform
from rollproof.components.aws.stack import NESTED, describe
from rollproof.components.aws.stackfacts import resources_of, template_of
from rollproof.components.aws.templates import SAM, Template, resources, transforms
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable, NotProvenHere
from rollproof.faults.base import Fault
from rollproof.model.aws import Release
from rollproof.model.json import JsonObject

FAILS = "RollproofFails"
_FUNCTION = "AWS::Lambda::Function"


@dataclass(frozen=True)
class DeployFailing(Act):
    """Deploys what fails half way, after everything else of a stack has been created or updated.

    The system's own release that is `broken = "failing-create"` or `"failing-update"`, where it declares
    one; else another release of it with a resource more, which cannot be created.

    Attributes:
        nested: the resource that fails is in a nested stack.
        code: the update changes the code of functions; implies that no declared release is taken.
    """

    phase: Literal["create", "update"]
    nested: bool = False
    code: bool = False
    name = "release.deploy_failing"

    def declared(self, drill: Drill) -> Release | None:
        if self.nested or self.code:
            return None
        try:
            return drill.use(Deployments).release(f"{BROKEN}failing-{self.phase}")
        except NotApplicable:
            return None

    def describe(self, drill: Drill) -> JsonObject:
        found = self.declared(drill)
        name = found.name if found else f"{twin_of(drill, self.phase).name}, made to fail"
        return {"version": name, "kind": f"failing-{self.phase}"}

    def undo(self, drill: Drill) -> JsonObject | None:
        return drill.use(Deployments).undo()

    def run(self, drill: Drill) -> JsonObject:
        deployments, release = drill.use(Deployments), self.declared(drill)
        drill.incident("fault", cause=f"a deploy that fails while its stacks are {self.phase}d")
        if release is not None:
            deployments.names.append(release.name)
            sources = deployments.sources(release, ())
        else:
            release = twin_of(drill, self.phase)
            deployments.names.append(f"{release.name}, made to fail")
            sources = self.twin(drill, release)
        return {"count": len(deployments.deploy_all(release, sources))}

    def twin(self, drill: Drill, release: Release) -> list[StackSource]:
        """The stack of a release that nothing depends on, with a resource more, which comes last and fails.

        An update touches no other stack; a creation needs those before it.
        """
        deployments = drill.use(Deployments)
        sources = deployments.sources(release, ())
        if self.code:
            sources = [source for source in sources if changed_code(drill, source)]
        if not sources:
            raise NotApplicable(f"no stack of {drill.system.name} updates the code of a function")
        *others, last = sources
        failing = replace(last, template=self.made_to_fail(deployments, last.template))
        return [*others, failing] if self.phase == "create" else [failing]

    def made_to_fail(self, deployments: Deployments, template: Template) -> Template:
        """The template with a nested stack whose template is nowhere; or with one in which there is one."""
        copy = deepcopy(template)
        packager = deployments.packager
        fails = nowhere(packager.url(packager.bucket, "nowhere.template"))
        if self.nested:
            inner = {"Resources": {"Inside": _TOPIC, FAILS: {**fails, "DependsOn": "Inside"}}}
            packager.put(packager.bucket, "made-to-fail.template", json.dumps(inner).encode())
            fails = nowhere(packager.url(packager.bucket, "made-to-fail.template"))
        others = [name for name, _ in resources(copy)]
        copy["Resources"][FAILS] = {**fails, "DependsOn": others}
        return copy


_TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {}}


def nowhere(url: str) -> dict[str, Any]:
    return {"Type": NESTED, "Properties": {"TemplateURL": url}}


def twin_of(drill: Drill, phase: str) -> Release:
    """A healthy release; for an update another one than is deployed, where there is another."""
    deployments = drill.use(Deployments)
    healthy = [release for release in drill.system.release if not release.broken]
    if not healthy:
        raise NotApplicable(f"system {drill.system.name} declares no release")
    there = deployments.names[-1] if deployments.names else ""
    others = [release for release in healthy if release.name != there]
    return others[-1] if phase == "update" and others else healthy[-1]


def changed_code(drill: Drill, source: StackSource) -> dict[str, Mapping[str, str]]:
    """Functions of a stack whose code a release changes, with where it comes from now."""
    cloud = drill.use(Cloud)
    if not describe(cloud, source.name):
        return {}
    there = dict(resources(template_of(cloud, source.name)))
    new = plain(drill.use(Deployments).packager.template(source), source, cloud)
    found: dict[str, Mapping[str, str]] = {}
    for name, item in resources(new):
        before = _code(there.get(name, {}))
        if item["Type"] == _FUNCTION and before and before != _code(item):
            found[name] = before
    return found


def plain(template: Template, source: StackSource, cloud: Cloud) -> Template:
    """A SAM template as what it becomes, to compare it with what is deployed."""
    if SAM not in transforms(template):
        return template
    return transform(template, where=str(source.path), region=cloud.endpoint.region)


def _code(item: Mapping[str, Any]) -> dict[str, Any]:
    code = (item.get("Properties") or {}).get("Code") or {}
    return code if isinstance(code, dict) and "S3Key" in code else {}


class LoseCode(Fault):
    """The archive that a function's code came from is deleted from its bucket, as a lifecycle rule does it.

    A rollback to it fails then (CloudFormation User Guide, troubleshooting: update rollback failed).
    """

    def inject(self, drill: Drill) -> JsonObject:
        deployments, cloud = drill.use(Deployments), drill.use(Cloud)
        expect_private(cloud, "files are not deleted from a bucket in it")
        self.lost = ""
        for source in reversed(deployments.sources(twin_of(drill, "update"), ())):
            for code in changed_code(drill, source).values():
                self.lost = str(code["S3Key"])
                self.bucket = deployments.packager.here(code["S3Bucket"])
                with calling("deleting a file of a function's code", where=self.lost):
                    cloud.client("s3").delete_object(Bucket=self.bucket, Key=self.lost)
            if self.lost:
                return {"item": self.lost}
        raise NotApplicable(f"no two releases of {drill.system.name} differ in the code of a function")

    def took_hold(self, drill: Drill) -> bool:
        try:
            with calling("looking for a deleted file"):
                drill.use(Cloud).client("s3").head_object(Bucket=self.bucket, Key=self.lost)
        except AttemptFailed as error:
            return code_of(error) in ("404", "NoSuchKey")
        return False


def expect_private(cloud: Cloud, why: str) -> None:
    """Raises NotProvenHere in an account that is not the drill's own."""
    if not cloud.endpoint.private:
        raise NotProvenHere(f"account {cloud.endpoint.account} is not the drill's own: {why}")


Hand = Callable[[Any, str, Any], object]
HANDS: tuple[tuple[str, str, str, Hand], ...] = (
    (
        _FUNCTION,
        "lambda",
        "MemorySize",
        lambda api, name, now: api.update_function_configuration(FunctionName=name, MemorySize=int(now) * 2),
    ),
    (
        _FUNCTION,
        "lambda",
        "Timeout",
        lambda api, name, now: api.update_function_configuration(FunctionName=name, Timeout=int(now) + 1),
    ),
    (
        "AWS::Logs::LogGroup",
        "logs",
        "RetentionInDays",
        lambda api, name, now: api.put_retention_policy(
            logGroupName=name, retentionInDays=1 if int(now) != 1 else 3
        ),
    ),
    (
        "AWS::SQS::Queue",
        "sqs",
        "VisibilityTimeout",
        lambda api, url, now: api.set_queue_attributes(
            QueueUrl=url, Attributes={"VisibilityTimeout": str(int(now) + 1)}
        ),
    ),
    (
        "AWS::SSM::Parameter",
        "ssm",
        "Value",
        lambda api, name, now: api.put_parameter(Name=name, Value=f"{now}-by-hand", Overwrite=True),
    ),
)
"""What people change by hand in the console: type, API, property, and how."""


def change_by_hand(cloud: Cloud, held: Held) -> str:
    """Changes a property that the template sets; its name, empty when there is none that people change."""
    for kind, service, attribute, change in HANDS:
        now = held.properties.get(attribute)
        if kind == held.kind and held.physical and isinstance(now, str | int):
            with calling(f"changing {attribute} by hand", where=held.name):
                change(cloud.client(service), held.physical, now)
            return attribute
    return ""


class ChangeByHand(Fault):
    """Somebody changes a property that a template sets, in the console."""

    def inject(self, drill: Drill) -> JsonObject:
        cloud = drill.use(Cloud)
        expect_private(cloud, "nothing is changed by hand in it")
        for spec in cloud.system.stack.values():
            name = cloud.fill(spec.name)
            if said := describe(cloud, name):
                for held in resources_of(cloud, said, template_of(cloud, name), name=name):
                    if attribute := change_by_hand(cloud, held):
                        return self.changed(drill, held.name, held.kind, attribute)
        raise NotApplicable("no stack holds a function, log group, queue or parameter to change by hand")

    def changed(self, drill: Drill, item: str, kind: str, attribute: str) -> JsonObject:
        said = {"item": item, "kind": kind, "attribute": attribute}
        drill.recorder.note("stack.changed_by_hand", said)
        drill.incident("fault", cause=f"{attribute} of {item} was changed by hand")
        return said

    def took_hold(self, drill: Drill) -> bool:
        return drill.history.last("stack.changed_by_hand") is not None
