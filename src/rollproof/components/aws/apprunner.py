"""A service of App Runner: deployed, asked for its state and its variables, by App Runner's own API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded.apprunner import AppRunnerHost
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fidelity.registry import Fidelity
from rollproof.model.system import Service, System
from rollproof.waiting import eventually

RUNS = "apprunner-runs-releases"
"""The experiment that says whether App Runner must be provided."""
PROVIDED = "App Runner"
SETTLE_SECONDS = 600.0
"""What an operation may take besides the time that a release may be unhealthy; App Runner takes minutes."""
_LONGEST = 20


class AppRunnerHosts:
    """A run's stand-in for App Runner, started when first needed."""

    def __init__(self, session: DrillSession, system: System) -> None:
        self._session, self._system = session, system
        self._host: AppRunnerHost | None = None

    def unsteady(self) -> list[str]:
        return []

    def host(self) -> AppRunnerHost:
        """Raises EnvironmentUnavailable: it does not start."""
        if self._host is None:
            environment = self._session.open(self._system)
            self._host = AppRunnerHost.start(environment=environment, endpoint=environment.aws())
            self._session.on_finish(self._host.stop)
        return self._host


def reach(cloud: Cloud) -> AppRunnerHost | None:
    """Sees to it that `cloud` reaches an App Runner that runs what it is given; noted when it is the suite's.

    Returns the stand-in, or None where App Runner itself is there.
    """
    if cloud.endpoint.url is None:
        return None
    session = cloud.drill.session
    finding = session.use(Fidelity, cloud.system).finding(RUNS)
    if finding.holds:
        return None
    host = session.use(AppRunnerHosts, cloud.system).host()
    if "apprunner" not in cloud.endpoint.others:
        cloud.provide("apprunner", host.url)
        cloud.drill.recorder.note("provided", {"name": PROVIDED, "found": finding.said})
    return host


class AppRunnerService:
    """One service. `suffix` tells a second one beside it apart, as blue-green needs."""

    def __init__(self, cloud: Cloud, key: str, spec: Service, *, suffix: str = "") -> None:
        self.cloud, self.key, self.spec = cloud, key, spec
        self.host = reach(cloud)
        self.name = cloud.fill(spec.name or key) + suffix
        self.client = cloud.client("apprunner")

    def arn(self) -> str | None:
        """None when there is no such service."""
        with calling("looking for a service of App Runner", where=self.name):
            said = self.client.list_services()
            found = list(said["ServiceSummaryList"])
            while token := said.get("NextToken"):
                said = self.client.list_services(NextToken=token)
                found += said["ServiceSummaryList"]
        return next((one["ServiceArn"] for one in found if one["ServiceName"] == self.name), None)

    def describe(self) -> dict[str, Any]:
        """App Runner's whole answer. Raises PreconditionNotMet: there is no such service."""
        arn = self.arn()
        if arn is None:
            raise PreconditionNotMet(f"App Runner has no service {self.name}", where=self.key)
        with calling("describing a service of App Runner", where=self.name):
            found: dict[str, Any] = self.client.describe_service(ServiceArn=arn)["Service"]
        return found

    @property
    def url(self) -> str:
        """Where clients ask it."""
        scheme = "http" if self.cloud.endpoint.url else "https"
        return f"{scheme}://{self.describe()['ServiceUrl']}"

    @property
    def image(self) -> str:
        """Which image its configuration names: `REPOSITORY@DIGEST`, or by a tag."""
        repository = self.describe()["SourceConfiguration"].get("ImageRepository", {})
        return str(repository.get("ImageIdentifier", ""))

    @property
    def status(self) -> str:
        return str(self.describe()["Status"])

    def variables(self) -> dict[str, str]:
        """Its environment variables as configured; secrets are not among them, only their names are there."""
        about = self.describe()["SourceConfiguration"]["ImageRepository"].get("ImageConfiguration", {})
        return dict(about.get("RuntimeEnvironmentVariables", {}))

    def secret_names(self) -> dict[str, str]:
        """ARNs of the secrets that it gets in variables, by the variable."""
        about = self.describe()["SourceConfiguration"]["ImageRepository"].get("ImageConfiguration", {})
        return dict(about.get("RuntimeEnvironmentSecrets", {}))

    def deploy(
        self,
        image: str,
        *,
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        unhealthy_after: float | None = None,
        protocol: str = "HTTP",
    ) -> None:
        """Creates the service, or gives the one that is there another image; waits to the end of it.

        Args:
            variables: None leaves those of a service that is there.
            unhealthy_after: seconds; the service's own when None.

        Raises AttemptFailed: the deployment failed, with App Runner's own reason; what served serves on.
        """
        after = self.spec.unhealthy_after if unhealthy_after is None else unhealthy_after
        arn = self.arn()
        checked: dict[str, Any] = {}
        if arn is None or self.cloud.endpoint.private or unhealthy_after is not None:
            checked["HealthCheckConfiguration"] = self._health(after, protocol)
        with calling("deploying to App Runner", where=self.name):
            if arn is None:
                done = self.client.create_service(
                    ServiceName=self.name,
                    SourceConfiguration=self._source(image, variables or {}, secrets or {}),
                    **checked,
                )
            else:
                source = self._changed(image, variables, secrets)
                done = self.client.update_service(ServiceArn=arn, SourceConfiguration=source, **checked)
        self._settle(done["Service"]["ServiceArn"], done["OperationId"], after)

    def delete(self) -> None:
        """Takes the service away, if it is there and nothing is being done to it."""
        arn = self.arn()
        if arn is not None and self.status != "OPERATION_IN_PROGRESS":
            with calling("deleting a service of App Runner", where=self.name):
                self.client.delete_service(ServiceArn=arn)

    def _health(self, after: float, protocol: str) -> dict[str, Any]:
        interval = max(1, math.ceil(after / _LONGEST))
        threshold = min(_LONGEST, max(1, math.ceil(after / interval)))
        path = {"Path": self.spec.health} if protocol == "HTTP" else {}
        about = {"Interval": interval, "Timeout": 5, "HealthyThreshold": 1, "UnhealthyThreshold": threshold}
        return {"Protocol": protocol, **path, **about}

    def _source(self, image: str, variables: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, Any]:
        about: dict[str, Any] = {"Port": str(self.spec.port)}
        about |= {"RuntimeEnvironmentVariables": dict(variables)} if variables else {}
        about |= {"RuntimeEnvironmentSecrets": dict(secrets)} if secrets else {}
        repository = {
            "ImageIdentifier": image,
            "ImageRepositoryType": "ECR",
            "ImageConfiguration": about,
        }
        return {"ImageRepository": repository, "AutoDeploymentsEnabled": False}

    def _changed(
        self, image: str, variables: Mapping[str, str] | None, secrets: Mapping[str, str] | None
    ) -> dict[str, Any]:
        """Its configuration with what is to change: UpdateService drops all that is left out."""
        source: dict[str, Any] = deepcopy(self.describe()["SourceConfiguration"])
        repository = source["ImageRepository"]
        repository["ImageIdentifier"] = image or repository["ImageIdentifier"]
        about = repository.setdefault("ImageConfiguration", {})
        if variables is not None:
            about["RuntimeEnvironmentVariables"] = dict(variables)
        if secrets is not None:
            about["RuntimeEnvironmentSecrets"] = dict(secrets)
        return source

    def _settle(self, arn: str, operation: str, after: float) -> None:
        """Raises AttemptFailed unless the operation succeeded."""

        def ended() -> str | None:
            with calling("waiting for a deployment of App Runner", where=self.name):
                listed = self.client.list_operations(ServiceArn=arn)["OperationSummaryList"]
            status = next((one["Status"] for one in listed if one["Id"] == operation), "")
            return None if status in ("", "PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS") else str(status)

        within = SETTLE_SECONDS + after
        status = eventually(ended, within=within, what=f"{self.name}'s deployment has ended")
        if status == "SUCCEEDED":
            return
        raise AttemptFailed(
            f"the deployment ended in {status}: {self._reason(arn, operation)}",
            doing="deploying to App Runner",
            where=self.name,
            remedy="mend the release or its configuration; what served before still does",
            facts={"code": status},
        )

    def _reason(self, arn: str, operation: str) -> str:
        """What the service's event log says of an operation; App Runner says why nowhere else."""
        number = arn.rpartition("/")[2]
        group = f"/aws/apprunner/{self.name}/{number}/service"
        try:
            with calling("reading the service's event log", where=group):
                events = self.cloud.client("logs").filter_log_events(logGroupName=group)["events"]
        except AttemptFailed as error:
            return f"its event log cannot be read ({error.found})"
        said = [str(event["message"]) for event in events if operation in event["message"]]
        said = said or [str(event["message"]) for event in events if "failed" in event["message"]]
        return said[-1].partition("failed. ")[2] or said[-1] if said else "its event log says nothing"
