"""ECS' operations over workloads: task definitions, services, deployments and their circuit breaker.

As the Amazon ECS API Reference and Developer Guide ("How the Amazon ECS deployment circuit breaker detects
failures") describe them, for rolling updates. Tasks are processes; a target group's health check says when
one is well.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from botocore import xform_name

from rollproof.environments.embedded.apprunner_images import RefusedError, call, client
from rollproof.environments.embedded.apprunner_instances import Health
from rollproof.environments.embedded.apprunner_model import ApiError
from rollproof.environments.embedded.apprunner_workload import PORT, Wanted, Workload
from rollproof.waiting import rest

CLIENT, MISSING = "ClientException", "ServiceNotFoundException"
LEAST_FAILURES, MOST_FAILURES = 3, 200
ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
RETRY_SECONDS = 0.2
_KEPT = ("loadBalancers", "networkConfiguration", "deploymentConfiguration")


@dataclass
class Deployment:
    """One deployment of a service, and what became of it."""

    definition: str
    desired: int
    id: str = field(default_factory=lambda: f"ecs-svc/{uuid.uuid4().int % 10**19:019d}")
    status: str = "PRIMARY"
    state: str = "IN_PROGRESS"
    reason: str = ""
    failures: int = 0
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def said(self, running: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "status": self.status,
            "taskDefinition": self.definition,
            "desiredCount": self.desired,
            "pendingCount": 0,
            "runningCount": running if self.state == "COMPLETED" else 0,
            "failedTasks": self.failures,
            "createdAt": self.created,
            "updatedAt": self.created,
            "rolloutState": self.state,
            "rolloutStateReason": self.reason,
        }


@dataclass
class EcsService:
    """A service: `definition` is the task definition that it runs, or is on its way to."""

    name: str
    arn: str
    cluster: str
    url: str
    workload: Workload
    definition: str
    desired: int
    configured: dict[str, Any]
    status: str = "ACTIVE"
    deployments: list[Deployment] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    rolling: asyncio.Task[None] | None = None

    def event(self, said: str) -> None:
        message = f"(service {self.name}) {said}"
        at = datetime.now(UTC)
        self.events.insert(0, {"id": str(uuid.uuid4()), "createdAt": at, "message": message})

    def said(self) -> dict[str, Any]:
        running = len(self.workload.serving)
        return {
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster,
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": running,
            "pendingCount": 0,
            "launchType": "FARGATE",
            "taskDefinition": self.definition,
            "deployments": [one.said(running) for one in self.deployments],
            "events": self.events[:100],
            "createdAt": self.created,
            **self.configured,
        }


@dataclass
class Ecs:
    """The clusters of one account in one region."""

    account: str
    region: str
    emulator: str
    opened: Any
    definitions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    services: dict[str, EcsService] = field(default_factory=dict)

    names: ClassVar[tuple[str, ...]] = (
        *("CreateCluster", "RegisterTaskDefinition", "DescribeTaskDefinition", "CreateService"),
        *("UpdateService", "DescribeServices", "ListServices", "DeleteService"),
    )

    async def handle(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """One operation's answer. Raises ApiError."""
        done: dict[str, Any] = await getattr(self, xform_name(operation))(given)
        return done

    def _arn(self, what: str) -> str:
        return f"arn:aws:ecs:{self.region}:{self.account}:{what}"

    async def create_cluster(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given.get("clusterName", "default")
        known = {"clusterArn": self._arn(f"cluster/{name}"), "clusterName": name, "status": "ACTIVE"}
        return {"cluster": known}

    async def register_task_definition(self, given: dict[str, Any]) -> dict[str, Any]:
        revisions = self.definitions.setdefault(given["family"], [])
        number = len(revisions) + 1
        arn = self._arn(f"task-definition/{given['family']}:{number}")
        kept = {name: value for name, value in given.items() if name != "tags"}
        made = {**kept, "taskDefinitionArn": arn, "revision": number, "status": "ACTIVE"}
        revisions.append(made)
        return {"taskDefinition": made}

    async def describe_task_definition(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"taskDefinition": self._definition(given["taskDefinition"])}

    def _definition(self, named: str) -> dict[str, Any]:
        family, _, number = named.rpartition("/")[2].partition(":")
        revisions = self.definitions.get(family, [])
        if not revisions or (number and not 0 < int(number) <= len(revisions)):
            raise ApiError(CLIENT, "Unable to describe task definition.")
        return revisions[int(number or len(revisions)) - 1]

    async def create_service(self, given: dict[str, Any]) -> dict[str, Any]:
        name, cluster = given["serviceName"], given.get("cluster", "default").rpartition("/")[2]
        arn = self._arn(f"service/{cluster}/{name}")
        if arn in self.services and self.services[arn].status == "ACTIVE":
            raise ApiError("InvalidParameterException", "Creation of service was not idempotent.")
        definition = self._definition(given["taskDefinition"])["taskDefinitionArn"]
        workload, url = await self.opened(self)
        configured = {key: given[key] for key in _KEPT if key in given}
        place, count = self._arn(f"cluster/{cluster}"), given.get("desiredCount", 1)
        service = EcsService(name, arn, place, url, workload, definition, count, configured)
        self.services[arn] = service
        self._begin(service)
        return {"service": service.said()}

    async def update_service(self, given: dict[str, Any]) -> dict[str, Any]:
        service = self._service(given)
        definition = self._definition(given.get("taskDefinition", service.definition))["taskDefinitionArn"]
        service.configured |= {key: given[key] for key in _KEPT if key in given}
        changed = definition != service.definition or given.get("forceNewDeployment", False)
        changed |= given.get("desiredCount", service.desired) != service.desired
        service.definition, service.desired = definition, given.get("desiredCount", service.desired)
        if changed:
            self._begin(service)
        return {"service": service.said()}

    async def describe_services(self, given: dict[str, Any]) -> dict[str, Any]:
        found, failures = [], []
        for name in given["services"]:
            try:
                found.append(self._service({**given, "service": name}).said())
            except ApiError:
                failures.append({"arn": name, "reason": "MISSING"})
        return {"services": found, "failures": failures}

    async def list_services(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"serviceArns": [arn for arn, one in self.services.items() if one.status == "ACTIVE"]}

    async def delete_service(self, given: dict[str, Any]) -> dict[str, Any]:
        service = self._service(given)
        if service.desired and not given.get("force", False):
            raise ApiError("InvalidParameterException", "The service is scaled above 0.")
        service.status, service.desired = "DRAINING", 0
        if service.rolling is not None:
            service.rolling.cancel()
        service.rolling = asyncio.create_task(self._end(service))
        return {"service": service.said()}

    async def _end(self, service: EcsService) -> None:
        await service.workload.stop()
        service.status = "INACTIVE"

    def _service(self, given: Mapping[str, Any]) -> EcsService:
        name, cluster = (
            given["service"].rpartition("/")[2],
            given.get("cluster", "default").rpartition("/")[2],
        )
        service = self.services.get(self._arn(f"service/{cluster}/{name}"))
        if service is None or service.status == "INACTIVE":
            raise ApiError(MISSING, "Service not found.")
        return service

    def _begin(self, service: EcsService) -> None:
        """A new deployment; one that is still under way is superseded, and its tasks are ended."""
        if service.rolling is not None:
            service.rolling.cancel()
        for one in service.deployments:
            one.status = "ACTIVE"
        deployment = Deployment(service.definition, service.desired)
        service.deployments.insert(0, deployment)
        service.rolling = asyncio.create_task(self._roll(service, deployment))

    async def _roll(self, service: EcsService, deployment: Deployment) -> None:
        """Starts tasks until they are well, or the circuit breaker has seen enough of them fail."""
        breaker = service.configured.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
        limit = min(MOST_FAILURES, max(LEAST_FAILURES, math.ceil(service.desired / 2)))
        while True:
            try:
                wanted = await asyncio.to_thread(self._wanted, service, deployment)
                await service.workload.roll_out(wanted)
            except RefusedError as error:
                deployment.failures += 1
                service.event(f"(deployment {deployment.id}) a task failed: {error}")
                if breaker.get("enable") and deployment.failures >= limit:
                    self._fail(service, deployment, rollback=bool(breaker.get("rollback")))
                    return
                await rest(RETRY_SECONDS)
            else:
                break
        deployment.state, deployment.reason = "COMPLETED", "ECS deployment completed."
        service.deployments = [deployment]
        service.event(f"(deployment {deployment.id}) deployment completed.")

    def _fail(self, service: EcsService, deployment: Deployment, *, rollback: bool) -> None:
        deployment.state = "FAILED"
        deployment.reason = "ECS deployment circuit breaker: tasks failed to start."
        service.event(f"(deployment {deployment.id}) deployment failed: tasks failed to start.")
        before = next((one for one in service.deployments if one.state == "COMPLETED"), None)
        if rollback and before is not None:
            deployment.status, before.status = "ACTIVE", "PRIMARY"
            before.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {before.id}."
            service.definition = before.definition
            service.event(f"rolling back to deployment {before.id}.")

    def _wanted(self, service: EcsService, deployment: Deployment) -> Wanted:
        """Raises RefusedError for a target group that is not there."""
        definition = self._definition(deployment.definition)
        container = definition["containerDefinitions"][0]
        family = definition.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")
        return Wanted(
            container["image"],
            self._health(service),
            ARCHITECTURES[family],
            tuple(container.get("command", ())),
            service.desired,
            port=next((one["containerPort"] for one in container.get("portMappings", ())), PORT),
            env={one["name"]: one.get("value", "") for one in container.get("environment", ())},
            secrets={one["name"]: one["valueFrom"] for one in container.get("secrets", ())},
        )

    def _health(self, service: EcsService) -> Health:
        """As the service's target group checks; without one a task is well once it listens."""
        arns = [one["targetGroupArn"] for one in service.configured.get("loadBalancers", ())]
        if not arns:
            return Health()
        elb = client(self.emulator, self.account, self.region, "elbv2")
        group = call(elb.describe_target_groups, TargetGroupArns=arns[:1])["TargetGroups"][0]
        within = group["HealthCheckIntervalSeconds"] * group["UnhealthyThresholdCount"]
        return Health(
            group.get("HealthCheckPath", "/"), float(within), float(group["HealthCheckTimeoutSeconds"])
        )
