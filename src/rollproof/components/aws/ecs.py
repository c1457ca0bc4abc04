"""A service of ECS: deployed by a revision of its task definition, asked for its state and its variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from rollproof.components.aws.apprunner import AppRunnerHosts
from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.environments.embedded.apprunner import AppRunnerHost
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fidelity.registry import Fidelity
from rollproof.model.system import Service
from rollproof.waiting import eventually

RUNS = "ecs-runs-releases"
"""The experiment that says whether what runs ECS' tasks must be provided."""
PROVIDED = "ECS tasks"
SETTLE_SECONDS = 900.0
BREAKER_FAILURES = 3
"""Tasks that must fail before ECS' circuit breaker stops a deployment of few tasks."""
_BREAKER = {
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
}
_MOST_CHECKS = 10
LEAST_INTERVAL = 5
"""Seconds; with two checks at least, no target group gives a task up sooner than after 10."""
_SHOWN = ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities")
_SHOWN_TOO = ("registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt")


def reach(cloud: Cloud) -> AppRunnerHost | None:
    """Sees to it that `cloud` reaches an ECS that runs what it is given; noted when it is the suite's."""
    if cloud.endpoint.url is None:
        return None
    session = cloud.drill.session
    finding = session.use(Fidelity, cloud.system).finding(RUNS)
    if finding.holds:
        return None
    host = session.use(AppRunnerHosts, cloud.system).host()
    if "ecs" not in cloud.endpoint.others:
        cloud.provide("ecs", host.url)
        cloud.drill.recorder.note("provided", {"name": PROVIDED, "found": finding.said})
    return host


class EcsService:
    """One service, its newest task definition's first container being the release.

    The same as `AppRunnerService` for whoever deploys releases; see there.
    """

    def __init__(self, cloud: Cloud, key: str, spec: Service, *, suffix: str = "") -> None:
        self.cloud, self.key, self.spec = cloud, key, spec
        self.host = reach(cloud)
        self.name = cloud.fill(spec.name or key) + suffix
        self.cluster = cloud.fill(spec.cluster)
        self.client = cloud.client("ecs")

    def _found(self) -> dict[str, Any] | None:
        with calling("describing a service of ECS", where=self.name):
            said = self.client.describe_services(cluster=self.cluster, services=[self.name])["services"]
        return next((dict(one) for one in said if one["status"] == "ACTIVE"), None)

    def arn(self) -> str | None:
        """None when there is no such service."""
        found = self._found()
        return str(found["serviceArn"]) if found else None

    def describe(self) -> dict[str, Any]:
        """ECS' whole answer. Raises PreconditionNotMet: there is no such service."""
        found = self._found()
        if found is None:
            raise PreconditionNotMet(f"ECS has no service {self.name} in {self.cluster}", where=self.key)
        return found

    def definition(self) -> dict[str, Any]:
        """The task definition that it runs."""
        with calling("describing a task definition", where=self.name):
            found: dict[str, Any] = self.client.describe_task_definition(
                taskDefinition=self.describe()["taskDefinition"]
            )["taskDefinition"]
        return found

    @property
    def url(self) -> str:
        """Where clients ask it: behind its load balancer, by its declared name.

        Raises PreconditionNotMet without one on AWS.
        """
        if self.host is not None:
            return self.host.address(self.cloud.endpoint, self.name)
        if self.spec.domain is None:
            raise PreconditionNotMet(
                f"nobody says where {self.name} is asked", remedy=f"give [service.{self.key}] its `domain`"
            )
        return f"https://{self.cloud.fill(self.spec.domain)}"

    @property
    def image(self) -> str:
        """Which image the task definition that it runs names."""
        return str(self.definition()["containerDefinitions"][0]["image"])

    @property
    def status(self) -> str:
        """ACTIVE, with the state of the deployment that serves: `ACTIVE COMPLETED`."""
        found = self.describe()
        known: dict[str, Any] = {}
        primary = next((one for one in found["deployments"] if one["status"] == "PRIMARY"), known)
        return f"{found['status']} {primary.get('rolloutState', '')}".strip()

    def variables(self) -> dict[str, str]:
        """Its environment variables; of secrets only the names are in the task definition."""
        listed = self.definition()["containerDefinitions"][0].get("environment", ())
        return {one["name"]: one["value"] for one in listed}

    def secret_names(self) -> dict[str, str]:
        """ARNs of the secrets that it gets in variables, by the variable."""
        listed = self.definition()["containerDefinitions"][0].get("secrets", ())
        return {one["name"]: one["valueFrom"] for one in listed}

    def deploy(
        self,
        image: str,
        *,
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        unhealthy_after: float | None = None,
    ) -> None:
        """Registers a revision of the task definition and has the service run it, as `AppRunnerService` does.

        A deployment that fails is taken back by ECS' circuit breaker, after three tasks have failed.
        """
        after = self.spec.unhealthy_after if unhealthy_after is None else unhealthy_after
        there = self._found()
        definition = self._registered(image, variables, secrets, fresh=there is None)
        with calling("deploying to ECS", where=self.name):
            if there is None:
                done = self._create(definition, after)
            else:
                self._check_after(there, after)
                done = self.client.update_service(
                    cluster=self.cluster,
                    service=self.name,
                    taskDefinition=definition,
                    deploymentConfiguration=_BREAKER,
                    forceNewDeployment=True,
                )["service"]
        self._settle(str(done["deployments"][0]["id"]), after)

    def delete(self) -> None:
        """Takes the service away, if it is there."""
        if self._found() is not None:
            with calling("deleting a service of ECS", where=self.name):
                self.client.delete_service(cluster=self.cluster, service=self.name, force=True)

    def _registered(
        self,
        image: str,
        variables: Mapping[str, str] | None,
        secrets: Mapping[str, str] | None,
        *,
        fresh: bool,
    ) -> str:
        """The ARN of a revision that differs from the one that runs in what is given, and in nothing else."""
        known = self._first() if fresh else deepcopy(self.definition())
        kept = {name: value for name, value in known.items() if name not in (*_SHOWN, *_SHOWN_TOO)}
        container = kept["containerDefinitions"][0]
        container["image"] = image or container["image"]
        if variables is not None:
            container["environment"] = [{"name": name, "value": text} for name, text in variables.items()]
        if secrets is not None:
            container["secrets"] = [{"name": name, "valueFrom": arn} for name, arn in secrets.items()]
        with calling("registering a task definition", where=self.name):
            done = self.client.register_task_definition(**kept)["taskDefinition"]
        return str(done["taskDefinitionArn"])

    def _first(self) -> dict[str, Any]:
        """For a service that Rollproof creates, in an account of the drill's own."""
        container = {
            "name": self.key,
            "image": "",
            "essential": True,
            "portMappings": [{"containerPort": self.spec.port, "protocol": "tcp"}],
        }
        return {
            "family": self.name,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [container],
        }

    def _create(self, definition: str, after: float) -> dict[str, Any]:
        self.client.create_cluster(clusterName=self.cluster)
        group = self.cloud.client("elbv2").create_target_group(
            Name=self.name[:32].strip("-"),
            Protocol="HTTP",
            Port=self.spec.port,
            TargetType="ip",
            VpcId="vpc-00000001",
            HealthCheckPath=self.spec.health,
            **_checks(after),
        )["TargetGroups"][0]["TargetGroupArn"]
        balancer = {"targetGroupArn": group, "containerName": self.key, "containerPort": self.spec.port}
        done: dict[str, Any] = self.client.create_service(
            cluster=self.cluster,
            serviceName=self.name,
            taskDefinition=definition,
            desiredCount=1,
            loadBalancers=[balancer],
            deploymentConfiguration=_BREAKER,
        )["service"]
        return done

    def _check_after(self, there: Mapping[str, Any], after: float) -> None:
        """Has the target group give a task up after so many seconds, in an account of the drill's own."""
        if not self.cloud.endpoint.private:
            return
        for one in there.get("loadBalancers", ()):
            self.cloud.client("elbv2").modify_target_group(
                TargetGroupArn=one["targetGroupArn"], **_checks(after)
            )

    def _settle(self, deployment: str, after: float) -> None:
        """Raises AttemptFailed unless the deployment completed."""

        def ended() -> dict[str, Any] | None:
            found = next((one for one in self.describe()["deployments"] if one["id"] == deployment), None)
            gone = {"rolloutState": "FAILED", "failedTasks": 0}
            known: dict[str, Any] = dict(found or gone)
            return None if known.get("rolloutState", "COMPLETED") == "IN_PROGRESS" else known

        within = SETTLE_SECONDS + BREAKER_FAILURES * after
        found = eventually(ended, within=within, what=f"{self.name}'s deployment has ended")
        if found.get("rolloutState", "COMPLETED") == "COMPLETED":
            return
        raise AttemptFailed(
            f"the deployment was stopped by the circuit breaker: {self._reason(deployment)}",
            doing="deploying to ECS",
            where=self.name,
            remedy="mend the release or its task definition; what served before still does",
            facts={"code": str(found.get("rolloutState"))},
        )

    def _reason(self, deployment: str) -> str:
        """What the service's events say of a deployment's tasks."""
        events = [str(event["message"]) for event in self.describe()["events"]]
        said = [one for one in events if deployment in one and "task failed: " in one]
        return said[0].partition("task failed: ")[2] if said else (events or ["its events say nothing"])[0]


def _checks(after: float) -> dict[str, int]:
    """A target group's health check that gives a task up after so many seconds, 10 at least."""
    interval = max(LEAST_INTERVAL, math.ceil(after / _MOST_CHECKS))
    return {
        "HealthCheckIntervalSeconds": interval,
        "UnhealthyThresholdCount": min(_MOST_CHECKS, max(2, math.ceil(after / interval))),
        "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2,
    }
