"""Verifying a place step by step: each thing is looked at only when all before it is as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rollproof.environments.base import AwsEndpoint
from rollproof.environments.staging.account import (
    drilling_endpoint,
    look_at_account,
    look_at_cluster,
    profile_of,
    read_secret,
)
from rollproof.environments.staging.database import look_at
from rollproof.environments.staging.facts import Facts, Refusal
from rollproof.environments.staging.judge import judged
from rollproof.environments.staging.sources import (
    aiming_variables,
    operator,
    target_for,
    unset_variables,
)
from rollproof.errors import WrongPlace
from rollproof.model.environments import Staging
from rollproof.model.json import Json
from rollproof.model.system import System

DOING = "making sure of the place before anything is touched"


@dataclass(frozen=True, slots=True)
class Verified:
    """A place that is what the allow-list says: what was found, and as whom AWS is used.

    Attributes:
        root: the system file's folder.
    """

    facts: Facts
    allowed: Staging
    endpoint: AwsEndpoint | None
    root: Path = field(default_factory=Path)


class Guard:
    """One verification of one environment of one system. Nothing in it writes."""

    def __init__(self, system: System, name: str, *, healing: bool = False) -> None:
        """`healing`: what was done there before is undone, which a list that has expired does not forbid."""
        self.system = system
        self.name = name
        self.allowed = system.environments[name]
        self.healing = healing
        self.facts = Facts(environment=name, environ=aiming_variables(), user=operator())

    def verify(self) -> Verified:
        """Raises WrongPlace with every reason, EnvironmentUnavailable when something does not answer."""
        self._expect_allowed()
        self._expect_set()
        endpoint = self._account()
        if self.allowed.database is not None:
            self._target(endpoint)
            self._server()
            self._cluster(endpoint)
        return Verified(self.facts, self.allowed, endpoint, self.system.root)

    def _expect_set(self) -> None:
        """Raises WrongPlace with every variable that is missing, not with the first alone."""
        missing = unset_variables(self.allowed)
        if missing:
            which = f"variables {', '.join(missing)} are" if len(missing) > 1 else f"variable {missing[0]} is"
            found = Refusal(
                "variables",
                f"the {which} not set",
                "set them to what docs/how-to/staging.md says, where the drill runs",
            )
            raise refused([found], f"[environments.{self.name}] of {self.system.source}")

    def _account(self) -> AwsEndpoint | None:
        if self.allowed.aws_account is None:
            return None
        self._learn(profile=profile_of(self.allowed))
        endpoint = drilling_endpoint(self.allowed)
        self._learn(aws=look_at_account(endpoint, self.allowed, self.system, self.name))
        return endpoint

    def _target(self, endpoint: AwsEndpoint | None) -> None:
        spec = self.allowed.database
        assert spec is not None

        def secret(name: str) -> str:
            assert endpoint is not None  # the model asks for an account where a secret is named
            return read_secret(endpoint, name)

        self._learn(target=target_for(spec, self.system.root, secret))

    def _server(self) -> None:
        assert self.facts.target is not None
        self._learn(server=look_at(self.facts.target, self.allowed, healing=self.healing))

    def _cluster(self, endpoint: AwsEndpoint | None) -> None:
        """Not where something is only undone: a copy is deleted whatever became of its source."""
        spec = self.allowed.database
        if spec is not None and spec.aurora is not None and endpoint is not None and not self.healing:
            self._learn(cluster=look_at_cluster(endpoint, spec.aurora))

    def _learn(self, **found: object) -> None:
        self.facts = replace(self.facts, **found)  # type: ignore[arg-type]  # its own fields
        self._expect_allowed()

    def _expect_allowed(self) -> None:
        others = {name: one for name, one in self.system.environments.items() if name != self.name}
        if found := judged(self.facts, self.allowed, others=others, healing=self.healing):
            raise refused(found, f"[environments.{self.name}] of {self.system.source}")


def refused(found: Sequence[Refusal], where: str) -> WrongPlace:
    """All reasons as one error."""
    return WrongPlace(
        "; ".join(one.found for one in found),
        doing=DOING,
        where=where,
        remedy="; ".join(dict.fromkeys(one.remedy for one in found)),
    )


def said_of(verified: Verified) -> dict[str, Json]:
    """What a journal may hold of a verification: no secret, no password, no DSN."""
    said: dict[str, Json] = {}
    server, aws, target = verified.facts.server, verified.facts.aws, verified.facts.target
    if server is not None and target is not None:
        said["database"] = {
            "system_identifier": server.system_identifier,
            "host": target.host,
            "port": target.port,
            "address": server.connected,
            "name": server.database,
            "user": server.user,
            "version": server.version,
            "source": target.source,
        }
    if aws is not None:
        said["account"] = {
            "number": aws.account,
            "caller": aws.arn,
            "region": aws.region,
            "endpoint": aws.endpoint,
        }
    return said
