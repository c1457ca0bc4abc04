"""Settings in a function's environment variables; its published versions are their history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.digests import Digests
from rollproof.components.aws.function import LATEST, Functions
from rollproof.components.aws.setting import Restored, Secret, Version, is_secret
from rollproof.errors import AttemptFailed
from rollproof.model.fingerprint import Fact
from rollproof.model.json import canonical
from rollproof.privacy.known import remember_variables


class Variables:
    """The environment of one function: of the version that serves, and of what is published next."""

    def __init__(self, cloud: Cloud, key: str) -> None:
        self.cloud, self.key = cloud, key
        self._functions = cloud.drill.use(Functions)
        self._digests = cloud.drill.use(Digests)

    @property
    def _lambda(self) -> Any:
        return self.cloud.client("lambda")

    @property
    def name(self) -> str:
        return self.cloud.fill(self._functions.declared()[self.key].name)

    @property
    def _alias(self) -> str:
        return self._functions.declared()[self.key].alias

    def facts(self) -> Iterable[Fact]:
        """Each variable, once as it serves and once as it would be published next."""
        for where, found in self._both().items():
            for name, value in found.items():
                yield Fact("variable", f"{self.name}:{where} {name}", {"value": self._digests.of(value)})

    def _both(self) -> dict[str, Mapping[str, str]]:
        found = {self._alias or LATEST: self._functions.serving(self.key).variables}
        return {LATEST: self._of(LATEST), **found}

    def _of(self, version: str) -> dict[str, str]:
        found = self._functions.version(self.key, version).get("Environment", {}).get("Variables", {})
        remember_variables(found)
        return dict(found)

    def versions(self) -> list[Version]:
        serving = self._functions.serving(self.key)
        return [Version(self.name, serving.version, self._digest(serving.variables))]

    def _digest(self, variables: Mapping[str, str]) -> str:
        return self._digests.of(canonical(dict(variables)).decode())

    def change(self, wrong: Mapping[str, str]) -> list[str]:
        """Changes variables, and lets the changed configuration serve as a deploy would."""
        self._update(self._of(LATEST) | dict(wrong))
        if self._alias:
            self._serve(self._publish())
        return [self.name]

    def restore(self, known: Version) -> Restored:
        """The environment of the version that served when all was well, on code that stays as it is.

        Where that version has the code that serves now, the alias goes back to it; else its
        environment is published anew with the code of now.
        """
        if known.version == LATEST:
            raise AttemptFailed(
                "it has no published version, so its configuration has no history",
                doing="putting environment variables back",
                where=self.name,
                remedy="publish a version with each change, and let an alias say which one serves",
            )
        earlier = self._functions.version(self.key, known.version)
        number, code = known.version, self._functions.code_of(self.name, known.version, earlier)
        if code == self._functions.serving(self.key).code:
            self._serve(number)
        self._update(self._of(known.version))
        if code != self._functions.serving(self.key).code:
            number = self._publish()
            self._serve(number)
        source = f"the configuration of version {known.version}"
        return Restored(self.name, source, number, self._digest(self._of(number)))

    def secrets(self) -> Iterable[Secret]:
        """Values of variables whose names tell of a secret, unless they only name where it is kept."""
        for found in self._both().values():
            for name, value in found.items():
                if is_secret(name, value):
                    yield Secret(f"{self.name} {name}", value)

    def _update(self, variables: Mapping[str, str]) -> None:
        with calling("setting environment variables", where=self.name):
            self._lambda.update_function_configuration(
                FunctionName=self.name, Environment={"Variables": dict(variables)}
            )
        self._functions.settle(self.name)

    def _publish(self) -> str:
        with calling("publishing a version", where=self.name):
            number: str = self._lambda.publish_version(FunctionName=self.name)["Version"]
        self._functions.settle(self.name, number)
        return number

    def _serve(self, version: str) -> None:
        if not self._alias:
            return
        with calling("moving an alias", where=f"{self.name}:{self._alias}"):
            self._lambda.update_alias(FunctionName=self.name, Name=self._alias, FunctionVersion=version)
