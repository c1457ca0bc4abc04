"""Settings in Systems Manager's Parameter Store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.digests import Digests
from rollproof.components.aws.setting import Restored, Secret, Version
from rollproof.errors import AttemptFailed
from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json
from rollproof.privacy.known import remember

GONE = "ParameterNotFound"
SECURE = "SecureString"


class Parameters:
    """The parameters below one path."""

    def __init__(self, cloud: Cloud, path: str) -> None:
        self.cloud, self.path = cloud, path
        self._digests = cloud.drill.use(Digests)
        self._labels: dict[str, dict[str, int]] = {}

    @property
    def _ssm(self) -> Any:
        return self.cloud.client("ssm")

    def facts(self) -> Iterable[Fact]:
        """Value, type, tier, data type, description, pattern, policies, key, labels and tags of each.

        The number of its version is none: putting a value back makes a new one. A label counts by the
        value that it stands for.
        """
        for said in self._described():
            history = self._history(said["Name"])
            yield Fact("parameter", said["Name"], self._attributes(said, history[-1], history))

    def _attributes(
        self, said: Mapping[str, Any], now: Mapping[str, Any], history: list[dict[str, Any]]
    ) -> dict[str, Json]:
        labels = {label: self._digest(one) for one in history for label in one.get("Labels", [])}
        with calling("reading a parameter's tags", where=said["Name"]):
            tags = self._ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=said["Name"])
        return {
            "value": self._digest(now),
            "type": said["Type"],
            "tier": said.get("Tier", "Standard"),
            "data type": said.get("DataType", "text"),
            "description": said.get("Description", ""),
            "allowed pattern": said.get("AllowedPattern", ""),
            "key": said.get("KeyId", "") if said["Type"] == SECURE else "",
            "policies": policies_of(said),
            "labels": dict(sorted(labels.items())),
            "tags": {tag["Key"]: tag["Value"] for tag in tags["TagList"]},
        }

    def versions(self) -> list[Version]:
        found = []
        for said in self._described():
            history = self._history(said["Name"])
            self._labels.setdefault(
                said["Name"], {label: one["Version"] for one in history for label in one.get("Labels", [])}
            )
            found.append(Version(said["Name"], str(history[-1]["Version"]), self._digest(history[-1])))
        return found

    def change(self, wrong: Mapping[str, str]) -> list[str]:
        """Keys are names below the path, or whole names. Only the value is changed."""
        names = []
        for key, value in wrong.items():
            name = key if key.startswith("/") else f"{self.path.rstrip('/')}/{key}"
            self._put(self._history(name)[-1] | {"Value": value})
            names.append(name)
        return names

    def restore(self, known: Version) -> Restored:
        history = self._history(known.name)
        earlier = next((one for one in history if str(one["Version"]) == known.version), None)
        if earlier is None:
            raise AttemptFailed(
                f"version {known.version} is not in its history any more",
                doing="putting a parameter back",
                where=known.name,
                remedy="Parameter Store keeps 100 versions; take the value from where it is kept otherwise",
            )
        number = self._put(earlier)
        self._move_labels(known, number)
        return Restored(
            known.name, f"version {known.version} of its history", str(number), self._digest(earlier)
        )

    def _move_labels(self, known: Version, number: int) -> None:
        """Each label back to where it was; one that was on the value in force goes with it."""
        for label, version in self._labels.get(known.name, {}).items():
            target = number if str(version) == known.version else version
            with calling("moving a parameter's label", where=known.name):
                self._ssm.label_parameter_version(Name=known.name, ParameterVersion=target, Labels=[label])

    def secrets(self) -> Iterable[Secret]:
        for said in self._described():
            if said["Type"] == SECURE:
                history = self._history(said["Name"])
                yield from (Secret(said["Name"], one["Value"]) for one in history)

    def _put(self, said: Mapping[str, Any]) -> int:
        """A new version that is as `said`, an entry of a history. Returns its number."""
        wanted = {
            name: said[name]
            for name in ("Name", "Value", "Type", "Description", "AllowedPattern", "Tier", "DataType")
            if said.get(name)
        }
        if said["Type"] == SECURE and said.get("KeyId"):
            wanted["KeyId"] = said["KeyId"]
        if policies := policies_text(said):
            wanted["Policies"] = policies
        with calling("setting a parameter", where=said["Name"]):
            return int(self._ssm.put_parameter(**wanted, Overwrite=True)["Version"])

    def _described(self) -> list[dict[str, Any]]:
        condition = {"Key": "Path", "Option": "Recursive", "Values": [self.path.rstrip("/") or "/"]}
        with calling("reading parameters", where=self.path):
            pages = self._ssm.get_paginator("describe_parameters").paginate(ParameterFilters=[condition])
            return sorted((p for page in pages for p in page["Parameters"]), key=lambda p: str(p["Name"]))

    def _history(self, name: str) -> list[dict[str, Any]]:
        """All versions, oldest first. Raises AttemptFailed for a parameter that is not there."""
        try:
            with calling("reading a parameter's history", where=name):
                pages = self._ssm.get_paginator("get_parameter_history").paginate(
                    Name=name, WithDecryption=True
                )
                found = [one for page in pages for one in page["Parameters"]]
        except AttemptFailed as error:
            if code_of(error) != GONE:
                raise
            found = []
        if not found:
            raise AttemptFailed(
                "there is no such parameter, and with a parameter its history goes",
                doing="reading a parameter's history",
                where=name,
                remedy="create it again from where its value is kept otherwise",
                facts={"code": GONE},
            )
        remember(*(one["Value"] for one in found if one.get("Type") == SECURE))
        return sorted(found, key=lambda one: int(one["Version"]))

    def _digest(self, said: Mapping[str, Any]) -> str:
        return self._digests.of(said["Value"])


def policies_of(said: Mapping[str, Any]) -> list[Json]:
    """The texts of a parameter's policies, however the endpoint lays them out."""
    found = said.get("Policies") or []
    if isinstance(found, str):
        return [found]
    return sorted(one["PolicyText"] if isinstance(one, Mapping) else str(one) for one in found)


def policies_text(said: Mapping[str, Any]) -> str:
    """As PutParameter takes them: one JSON list."""
    texts = [str(text).strip() for text in policies_of(said)]
    if len(texts) == 1 and texts[0].startswith("["):
        return texts[0]
    return f"[{','.join(texts)}]" if texts else ""
