"""App Runner's operations over workloads, as the AWS App Runner API Reference describes them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from botocore import xform_name

from rollproof.environments.embedded.apprunner_images import ARCHITECTURE, RefusedError, call, client
from rollproof.environments.embedded.apprunner_instances import Health
from rollproof.environments.embedded.apprunner_model import ApiError
from rollproof.environments.embedded.apprunner_workload import PORT, Wanted, Workload

INVALID, STATE, MISSING = "InvalidRequestException", "InvalidStateException", "ResourceNotFoundException"
EVENTS = "events"
"""Log stream of a service's event log."""


@dataclass
class Operation:
    """One entry of a service's history."""

    type: str
    service: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "IN_PROGRESS"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None

    def said(self) -> dict[str, Any]:
        known = {
            "Id": self.id,
            "Type": self.type,
            "Status": self.status,
            "TargetArn": self.service,
            "StartedAt": self.started,
            "UpdatedAt": self.ended or self.started,
        }
        return known | ({"EndedAt": self.ended} if self.ended else {})


@dataclass
class Service:
    """A service and how it is configured. `configuration` is what the release that serves was made from."""

    name: str
    id: str
    arn: str
    url: str
    workload: Workload
    configuration: dict[str, Any]
    status: str = "OPERATION_IN_PROGRESS"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    deleted: datetime | None = None
    operations: list[Operation] = field(default_factory=list)
    rolling: asyncio.Task[None] | None = None

    def summary(self) -> dict[str, Any]:
        return {
            "ServiceName": self.name,
            "ServiceId": self.id,
            "ServiceArn": self.arn,
            "ServiceUrl": self.url,
            "CreatedAt": self.created,
            "UpdatedAt": self.updated,
            "Status": self.status,
        }

    def said(self) -> dict[str, Any]:
        place = self.arn.rsplit(":", 1)[0]
        scaling = f"{place}:autoscalingconfiguration/DefaultConfiguration/1/{'0' * 31}1"
        return {
            **self.summary(),
            **({"DeletedAt": self.deleted} if self.deleted else {}),
            **{"InstanceConfiguration": {"Cpu": "1024", "Memory": "2048"}, **self.configuration},
            "AutoScalingConfigurationSummary": {
                "AutoScalingConfigurationArn": scaling,
                "AutoScalingConfigurationName": "DefaultConfiguration",
                "AutoScalingConfigurationRevision": 1,
            },
            "NetworkConfiguration": {
                "EgressConfiguration": {"EgressType": "DEFAULT"},
                "IngressConfiguration": {"IsPubliclyAccessible": True},
            },
        }


CONFIGURED = ("SourceConfiguration", "InstanceConfiguration", "HealthCheckConfiguration")


def wanted_of(configuration: Mapping[str, Any]) -> Wanted:
    """What a service's configuration asks for. Raises ApiError for what is not provided here."""
    repository = configuration["SourceConfiguration"].get("ImageRepository")
    if repository is None or repository["ImageRepositoryType"] != "ECR":
        raise ApiError(INVALID, "only images of a private ECR repository can be run here")
    about = repository.get("ImageConfiguration", {})
    check = configuration.get("HealthCheckConfiguration", {})
    health = Health(
        path=check.get("Path", "/") if check.get("Protocol", "TCP") == "HTTP" else "",
        within=float(check.get("Interval", 5) * check.get("UnhealthyThreshold", 5)),
        timeout=float(check.get("Timeout", 2)),
        successes=check.get("HealthyThreshold", 1),
    )
    return Wanted(
        repository["ImageIdentifier"],
        health,
        ARCHITECTURE,
        tuple(about.get("StartCommand", "").split()),
        port=int(about.get("Port", PORT)),
        env=about.get("RuntimeEnvironmentVariables", {}),
        secrets=about.get("RuntimeEnvironmentSecrets", {}),
    )


@dataclass
class AppRunner:
    """The services of one account in one region."""

    account: str
    region: str
    emulator: str
    opened: Any
    """opens a front: called with a workload, it answers with the address that clients ask"""
    services: dict[str, Service] = field(default_factory=dict)

    names: ClassVar[tuple[str, ...]] = (
        *("CreateService", "UpdateService", "DescribeService", "ListServices", "DeleteService"),
        *("ListOperations", "PauseService", "ResumeService", "StartDeployment"),
    )

    async def handle(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """One operation's answer. Raises ApiError."""
        done: dict[str, Any] = await getattr(self, xform_name(operation))(given)
        return done

    async def create_service(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["ServiceName"]
        if any(one.name == name and one.status != "DELETED" for one in self.services.values()):
            raise ApiError(INVALID, f"Service with the provided name already exists: {name}")
        wanted = wanted_of(given)
        number = uuid.uuid4().hex
        arn = f"arn:aws:apprunner:{self.region}:{self.account}:service/{name}/{number}"
        workload, url = await self.opened(self)
        configuration = {key: given[key] for key in CONFIGURED if key in given}
        service = Service(name, number, arn, url, workload, configuration)
        self.services[arn] = service
        return self._begin(service, "CREATE_SERVICE", wanted, configuration)

    async def update_service(self, given: dict[str, Any]) -> dict[str, Any]:
        service = self._steady(given, "RUNNING")
        configuration = {**service.configuration, **{key: given[key] for key in CONFIGURED if key in given}}
        return self._begin(service, "UPDATE_SERVICE", wanted_of(configuration), configuration)

    async def start_deployment(self, given: dict[str, Any]) -> dict[str, Any]:
        service = self._steady(given, "RUNNING")
        wanted = wanted_of(service.configuration)
        begun = self._begin(service, "START_DEPLOYMENT", wanted, service.configuration)
        return {"OperationId": begun["OperationId"]}

    async def resume_service(self, given: dict[str, Any]) -> dict[str, Any]:
        service = self._steady(given, "PAUSED")
        wanted = wanted_of(service.configuration)
        return self._begin(service, "RESUME_SERVICE", wanted, service.configuration)

    async def pause_service(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._stop(self._steady(given, "RUNNING"), "PAUSE_SERVICE", "PAUSED")

    async def delete_service(self, given: dict[str, Any]) -> dict[str, Any]:
        service = self._steady(given, "RUNNING", "PAUSED", "CREATE_FAILED")
        service.deleted = datetime.now(UTC)
        return self._stop(service, "DELETE_SERVICE", "DELETED")

    async def describe_service(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"Service": self._service(given).said()}

    async def list_services(self, given: dict[str, Any]) -> dict[str, Any]:
        there = [one for one in self.services.values() if one.status != "DELETED"]
        return {"ServiceSummaryList": [one.summary() for one in there]}

    async def list_operations(self, given: dict[str, Any]) -> dict[str, Any]:
        newest = reversed(self._service(given).operations)
        return {"OperationSummaryList": [one.said() for one in newest]}

    def _service(self, given: Mapping[str, Any]) -> Service:
        service = self.services.get(given["ServiceArn"])
        if service is None:
            raise ApiError(MISSING, f"Service does not exist: {given['ServiceArn']}")
        return service

    def _steady(self, given: Mapping[str, Any], *states: str) -> Service:
        service = self._service(given)
        if service.status not in states:
            raise ApiError(STATE, f"the service is in state {service.status}, not in {' or '.join(states)}")
        return service

    def _stop(self, service: Service, kind: str, status: str) -> dict[str, Any]:
        operation = Operation(kind, service.arn)
        service.operations.append(operation)
        service.status = "OPERATION_IN_PROGRESS"
        service.rolling = asyncio.create_task(self._end(service, operation, status))
        return {"Service": service.said(), "OperationId": operation.id}

    async def _end(self, service: Service, operation: Operation, status: str) -> None:
        await service.workload.stop()
        operation.status, operation.ended = "SUCCEEDED", datetime.now(UTC)
        service.status, service.updated = status, datetime.now(UTC)

    def _begin(
        self, service: Service, kind: str, wanted: Wanted, configuration: dict[str, Any]
    ) -> dict[str, Any]:
        operation = Operation(kind, service.arn)
        service.operations.append(operation)
        before, service.status = service.status, "OPERATION_IN_PROGRESS"
        service.rolling = asyncio.create_task(self._roll(service, operation, wanted, configuration, before))
        return {"Service": service.said(), "OperationId": operation.id}

    async def _roll(
        self,
        service: Service,
        operation: Operation,
        wanted: Wanted,
        configuration: dict[str, Any],
        before: str,
    ) -> None:
        """To the end of a deployment: the new release serves, or the one before goes on serving."""
        created = operation.type == "CREATE_SERVICE"
        try:
            await service.workload.roll_out(wanted)
        except RefusedError as error:
            await self._log(service, f"Deployment {operation.id} failed. {error}")
            status, state = ("FAILED", "CREATE_FAILED") if created else ("ROLLBACK_SUCCEEDED", before)
        else:
            service.configuration = configuration
            await self._log(service, f"Deployment {operation.id} succeeded.")
            status, state = "SUCCEEDED", "RUNNING"
        operation.ended = service.updated = datetime.now(UTC)
        operation.status, service.status = status, state

    async def _log(self, service: Service, said: str) -> None:
        """Into the service's event log in CloudWatch Logs, where App Runner says why."""
        group = f"/aws/apprunner/{service.name}/{service.id}/service"
        with contextlib.suppress(RefusedError):  # a log that cannot be written must not decide a deployment
            await asyncio.to_thread(self._put, group, said)

    def _put(self, group: str, said: str) -> None:
        logs = client(self.emulator, self.account, self.region, "logs")
        for make, names in (
            (logs.create_log_group, {"logGroupName": group}),
            (logs.create_log_stream, {"logGroupName": group, "logStreamName": EVENTS}),
        ):
            try:
                call(make, **names)
            except RefusedError as error:
                if "AlreadyExists" not in str(error):
                    raise
        at = int(datetime.now(UTC).timestamp() * 1000)
        event = {"timestamp": at, "message": said}
        call(logs.put_log_events, logGroupName=group, logStreamName=EVENTS, logEvents=[event])
