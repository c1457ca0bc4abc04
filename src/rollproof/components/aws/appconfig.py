"""Settings in AppConfig: a hosted document, its versions, and how they are deployed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.digests import Digests
from rollproof.components.aws.setting import Restored, Secret, Version
from rollproof.errors import AttemptFailed, BadInput
from rollproof.model.aws import Settings
from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json
from rollproof.privacy.known import remember_document
from rollproof.waiting import eventually

UNFINISHED = frozenset({"DEPLOYING", "BAKING", "VALIDATING", "ROLLING_BACK"})
DEPLOY_SECONDS = 1800.0
"""Strategies take their time: the slowest that AWS brings takes 30 minutes, and then bakes as long."""


class Configuration:
    """One configuration profile, deployed to one environment of an application."""

    def __init__(self, cloud: Cloud, key: str, spec: Settings) -> None:
        self.cloud, self.key = cloud, key
        self._spec = spec
        self._digests = cloud.drill.use(Digests)

    @property
    def _api(self) -> Any:
        return self.cloud.client("appconfig")

    @cached_property
    def ids(self) -> dict[str, str]:
        """Of application, environment and profile, for calls. Raises BadInput, AttemptFailed."""
        application = self._id("application", self._api.list_applications)
        within = {"ApplicationId": application}
        return {
            **within,
            "EnvironmentId": self._id("environment", self._api.list_environments, **within),
            "ConfigurationProfileId": self._id("profile", self._api.list_configuration_profiles, **within),
        }

    def _id(self, what: str, list_all: Any, **within: str) -> str:
        given = getattr(self._spec, what)
        where = f"{self.cloud.system.source}: settings.{self.key}.{what}"
        if not given:
            raise BadInput("an AppConfig setting needs it", where=where, remedy="give its name")
        name = self.cloud.fill(given)
        with calling(f"looking for an AppConfig {what}", where=name):
            found = [item for item in _pages(list_all, **within) if name in (item["Name"], item["Id"])]
        if not found:
            raise AttemptFailed(f"there is no AppConfig {what} {name!r}", where=where)
        return str(found[0]["Id"])

    @property
    def name(self) -> str:
        parts = (self._spec.application, self._spec.environment, self._spec.profile)
        return "/".join(self.cloud.fill(part or "") for part in parts)

    def facts(self) -> Iterable[Fact]:
        """What is deployed and what clients get, whether a deployment is under way, and the profile."""
        ids = self.ids
        with calling("reading a configuration profile", where=self.name):
            profile = self._api.get_configuration_profile(
                ApplicationId=ids["ApplicationId"], ConfigurationProfileId=ids["ConfigurationProfileId"]
            )
        deployed = self._deployed()
        content = self._content(deployed["ConfigurationVersion"]) if deployed else {}
        attributes: dict[str, Json] = {
            "content": self._digests.of(content["text"]) if content else "none",
            "content type": content.get("type", ""),
            "served": self._digests.of(self._served()),
            "deployment under way": any(one["State"] in UNFINISHED for one in self._deployments()),
            "profile": {key: profile.get(key, "") for key in ("Description", "LocationUri", "Type")},
            "validators": [one["Type"] for one in profile.get("Validators") or []],
        }
        yield Fact("configuration", self.name, attributes)

    def versions(self) -> list[Version]:
        deployed = self._deployed()
        if deployed is None:
            return []
        number = str(deployed["ConfigurationVersion"])
        digest = self._digests.of(self._content(number)["text"])
        under_way = self._deployments()[0]["State"] in UNFINISHED
        return [Version(self.name, number, f"{digest} and another under way" if under_way else digest)]

    def change(self, wrong: Mapping[str, str], *, strategy: str = "") -> list[str]:
        """Puts other values under top-level keys of the JSON document, and deploys that.

        Values are read as JSON where they are: `false` is no text. Waits until all clients get it,
        unless a strategy is given, which is then under way.
        """
        deployed = self._expect_deployed("changing a configuration")
        content = self._content(deployed["ConfigurationVersion"])
        document = json.loads(content["text"])
        document |= {key: _value(text) for key, text in wrong.items()}
        number = self._add_version(json.dumps(document), content["type"])
        self._deploy(number, strategy or deployed["DeploymentStrategyId"], wait=not strategy)
        return [self.name]

    def restore(self, known: Version) -> Restored:
        """Stops a deployment that is under way, which rolls it back; goes back by one that is over."""
        newest = self._deployments()[0]
        if newest["State"] in UNFINISHED:
            self._stop(newest, AllowRevert=newest["State"] == "BAKING")
            source = f"deployment {newest['DeploymentNumber']} stopped"
        else:
            strategy = self._expect_deployed("putting a configuration back")["DeploymentStrategyId"]
            self._deploy(known.version, strategy, wait=True)
            source = f"version {known.version} of the profile"
        return Restored(self.name, source, known.version, self._digests.of(self._served()))

    def secrets(self) -> Iterable[Secret]:
        return ()

    def _stop(self, deployment: Mapping[str, Any], **more: bool) -> None:
        number = deployment["DeploymentNumber"]
        where = {key: self.ids[key] for key in ("ApplicationId", "EnvironmentId")}
        with calling("stopping a deployment", where=self.name):
            self._api.stop_deployment(**where, DeploymentNumber=number, **more)
        self._wait(number, {"ROLLED_BACK", "REVERTED"})

    def _add_version(self, text: str, content_type: str) -> str:
        ids = {key: self.ids[key] for key in ("ApplicationId", "ConfigurationProfileId")}
        with calling("adding a version of a configuration", where=self.name):
            said = self._api.create_hosted_configuration_version(
                **ids, Content=text.encode(), ContentType=content_type
            )
        return str(said["VersionNumber"])

    def _deploy(self, version: str, strategy: str, *, wait: bool) -> None:
        with calling("deploying a configuration", where=self.name):
            said = self._api.start_deployment(
                **self.ids, DeploymentStrategyId=strategy, ConfigurationVersion=version
            )
        if wait:
            self._wait(said["DeploymentNumber"], {"COMPLETE"})

    def _wait(self, number: int, states: set[str]) -> None:
        what = f"deployment {number} is {' or '.join(sorted(states))}"
        eventually(lambda: self._deployment(number)["State"] in states, within=DEPLOY_SECONDS, what=what)

    def _deployment(self, number: int) -> dict[str, Any]:
        where = {key: self.ids[key] for key in ("ApplicationId", "EnvironmentId")}
        with calling("reading a deployment", where=self.name):
            said: dict[str, Any] = self._api.get_deployment(**where, DeploymentNumber=number)
        return said

    def _deployments(self) -> list[dict[str, Any]]:
        """Of this profile to this environment, newest first."""
        where = {key: self.ids[key] for key in ("ApplicationId", "EnvironmentId")}
        with calling("listing deployments", where=self.name):
            listed = list(_pages(self._api.list_deployments, **where))
        whole = [self._deployment(one["DeploymentNumber"]) for one in listed]
        mine = [one for one in whole if one["ConfigurationProfileId"] == self.ids["ConfigurationProfileId"]]
        return sorted(mine, key=lambda one: -int(one["DeploymentNumber"]))

    def _deployed(self) -> dict[str, Any] | None:
        """The deployment in force: the newest that came to its end and was not taken back."""
        return next((one for one in self._deployments() if one["State"] == "COMPLETE"), None)

    def _expect_deployed(self, doing: str) -> dict[str, Any]:
        deployed = self._deployed()
        if deployed is None:
            raise AttemptFailed("no deployment of it ever came to its end", doing=doing, where=self.name)
        return deployed

    def _content(self, version: str) -> dict[str, str]:
        ids = {key: self.ids[key] for key in ("ApplicationId", "ConfigurationProfileId")}
        with calling("reading a version of a configuration", where=f"{self.name} version {version}"):
            said = self._api.get_hosted_configuration_version(**ids, VersionNumber=int(version))
            found = {"text": said["Content"].read().decode(), "type": said["ContentType"]}
        remember_document(found["text"])
        return found

    def _served(self) -> str:
        """What a client that asks for the first time gets; empty when nothing is deployed."""
        data, ids = self.cloud.client("appconfigdata"), self.ids
        with calling("asking for a configuration as a client does", where=self.name):
            session = data.start_configuration_session(
                ApplicationIdentifier=ids["ApplicationId"],
                EnvironmentIdentifier=ids["EnvironmentId"],
                ConfigurationProfileIdentifier=ids["ConfigurationProfileId"],
            )
            said = data.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
            content: bytes = said["Configuration"].read()
        return content.decode()


def _pages(list_all: Any, **given: str) -> Iterable[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        said = list_all(**given, **token)
        yield from said["Items"]
        if not said.get("NextToken"):
            return
        token = {"NextToken": said["NextToken"]}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
