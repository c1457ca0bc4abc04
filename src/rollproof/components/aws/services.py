"""Services whose releases are images: deployed, rolled back to a digest, and asked what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from rollproof.components.aws.apprunner import AppRunnerService
from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.ecs import EcsService
from rollproof.components.aws.images import Images, Version, command_of, digest_of, image_of
from rollproof.components.aws.releases import Deployments
from rollproof.components.commands import fill_in
from rollproof.components.postgres.bench import Bench
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.model.aws import Release
from rollproof.model.json import Json
from rollproof.model.system import Service
from rollproof.privacy.known import remember_variables

Runner = AppRunnerService | EcsService
DATABASE = "DATABASE_URL"
_SECONDS = 10.0
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A release while it served.

    Attributes:
        digest: of its image, as the registry had it under the tag at that moment.
        tree: digest of its files; empty where Rollproof did not make the image.
        identity: what the service answered, see `ServiceReleases.identity`.
        variables: its environment variables; they may be secret.
    """

    version: str
    tag: str
    digest: str
    tree: str
    identity: str
    variables: Mapping[str, str] = field(repr=False)

    def to_json(self) -> dict[str, Json]:
        return {
            "version": self.version,
            "tag": self.tag,
            "digest": self.digest,
            "tree": self.tree,
            "identity": self.identity,
        }


class ServiceReleases:
    """The services of a scenario whose releases are images.

    Attributes:
        served: what served, by key of the service, oldest first.
        trees: digest of the files of each image that the drill itself has made, by the image's digest.
        fronts: where clients ask a service whose name weights share among its revisions.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.served: dict[str, list[Served]] = {}
        self.trees: dict[str, str] = {}
        self.fronts: dict[str, str] = {}
        self._runners: dict[tuple[str, str], Runner] = {}
        self.http = httpx.Client(
            timeout=_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        drill.on_heal(self.close)

    def close(self) -> None:
        """In an account of the drill's own, what it has started ends with the scenario."""
        self.http.close()
        if self.cloud.endpoint.private:
            for runner in self._runners.values():
                runner.delete()

    def key(self, name: str = "") -> str:
        """The service that is meant: the one named, or the first whose releases are images.

        Raises NotApplicable: the system has none. BadInput: it has none of that name.
        """
        return key_of(self.drill, name)

    def spec(self, key: str) -> Service:
        return self.drill.system.service[key]

    def runner(self, key: str, *, suffix: str = "") -> Runner:
        """How the service is talked to: by App Runner's API, or by that of ECS."""
        if (key, suffix) not in self._runners:
            spec = self.spec(key)
            kind = EcsService if spec.runner == "ecs" else AppRunnerService
            self._runners[key, suffix] = kind(self.cloud, key, spec, suffix=suffix)
        return self._runners[key, suffix]

    def images(self, key: str) -> Images:
        """Its repository."""
        return Images(self.cloud, self.cloud.fill(self.spec(key).repository or ""))

    def versions(self, key: str) -> list[Version]:
        """Every image that there is of it, newest first. Raises AttemptFailed."""
        return self.images(key).versions()

    def publish(self, key: str, folder: Path | None, tag: str, *, start: Sequence[str] = ()) -> str:
        """The digest of a release's image. In an account of the drill's own it is made from `folder`
        and pushed; elsewhere the system's own pipeline has pushed it.

        Raises AttemptFailed: it is not there, or ECR has another digest for what was pushed.
        """
        images = self.images(key)
        if not self.cloud.endpoint.private or folder is None:
            return images.digest_of_tag(tag)
        images.make_repository()
        image = image_of(folder, argv=start or command_of(folder, self.spec(key).start))
        digest = images.push(image, tag)
        self.trees[digest] = image.tree
        return digest

    def variables(self, key: str) -> dict[str, str]:
        """What the system file gives it, without what is secret."""
        env = self.spec(key).env
        values = {"env": self.cloud.environment.name}
        filled = fill_in(tuple(env.values()), **values)
        return {name: value for name, value in zip(env, filled, strict=True) if "{dsn}" not in value}

    def secrets(self, key: str) -> dict[str, str]:
        """ARNs of what is secret, by the variable: the database's address, kept in Secrets Manager."""
        bench = self.drill.use(Bench) if self.drill.system.database is not None else None
        if bench is None or not bench.database:
            return {}
        env = self.spec(key).env
        names = [DATABASE, *(name for name, value in env.items() if "{dsn}" in value)]
        return {name: self._secret(key, name) for name in dict.fromkeys(names)}

    def _secret(self, key: str, variable: str) -> str:
        dsn = self.drill.use(Cloud).dsn
        text = self.spec(key).env.get(variable, "{dsn}")
        name, value = f"{self.runner(key).name}/{variable}", fill_in([text], dsn=dsn)[0]
        with calling("keeping a service's secret", where=name):
            client = self.cloud.client("secretsmanager")
            listed = client.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]
            known = next((one for one in listed if one["Name"] == name), None)
            if known is None:
                return str(client.create_secret(Name=name, SecretString=value)["ARN"])
            client.put_secret_value(SecretId=known["ARN"], SecretString=value)
        return str(known["ARN"])

    def deploy(
        self,
        key: str,
        image: str,
        *,
        suffix: str = "",
        variables: Mapping[str, str] | None = None,
        unhealthy_after: float | None = None,
    ) -> None:
        """Has an image serve. Raises AttemptFailed; what served before still does then."""
        runner = self.runner(key, suffix=suffix)
        own, fresh = self.cloud.endpoint.private, runner.arn() is None
        if fresh and not own:
            raise PreconditionNotMet(
                f"there is no service {runner.name}",
                doing="deploying a release of it",
                where=f"{self.drill.system.source}: service.{key}.name",
                remedy="create it first: in an account of yours a drill only deploys to what is there",
            )
        runner.deploy(
            image,
            variables=self.variables(key) if variables is None and fresh else variables,
            secrets=self.secrets(key) if own else None,
            unhealthy_after=unhealthy_after,
        )

    def url(self, key: str) -> str:
        """Where clients ask it: its front, if weights share requests among its revisions."""
        return self.fronts.get(key) or self.runner(key).url

    def serve(self, key: str, *, version: str, tag: str, digest: str) -> Served:
        """Remembers what serves now, and lets clients and checks ask it. Raises AttemptFailed."""
        identity = self._steady_identity(key)
        now = Served(version, tag, digest, self.trees.get(digest, ""), identity, self.runner(key).variables())
        self.served.setdefault(key, []).append(now)
        self.drill.use(Services).urls[key] = self.url(key)
        self.drill.recorder.note("service.serving", {"name": key, "items": [now.to_json()]})
        return now

    def before(self, key: str) -> Served:
        """What served before that which serves now. Raises PreconditionNotMet: nothing did."""
        served = self.served.get(key, [])
        now = served[-1].digest if served else ""
        earlier = [one for one in served if one.digest != now]
        if not earlier:
            raise PreconditionNotMet(
                f"no other image has served as {key} yet", doing="looking for the one to go back to"
            )
        return earlier[-1]

    def _steady_identity(self, key: str) -> str:
        """Raises AttemptFailed for an answer that is another each time: it tells no release from another."""
        identity = self.identity(key)
        if self.identity(key) != identity:
            spec = self.spec(key)
            raise AttemptFailed(
                f"{spec.identity or spec.health} is answered otherwise each time: it tells no releases apart",
                doing="asking the service who it is",
                where=f"{self.drill.system.source}: service.{key}",
                remedy="name the field of it that does as `identity_field`, or another path as `identity`",
            )
        return identity

    def identity(self, key: str, *, base: str = "") -> str:
        """What the service says that it is: a digest of its answer, or of the field of it that tells.

        Raises AttemptFailed: it does not answer, or not with that field.
        """
        spec = self.spec(key)
        url = (base or self.url(key)) + (spec.identity or spec.health)
        try:
            answer = self.http.get(url)
        except httpx.HTTPError as error:
            raise AttemptFailed(f"the service does not answer: {type(error).__name__}", where=key) from error
        if answer.status_code >= 400:
            raise AttemptFailed(f"the service answers {answer.status_code}", where=key)
        return _identity(answer, spec.identity_field, key)


def _identity(answer: httpx.Response, name: str, key: str) -> str:
    if not name:
        return digest_of(answer.content)[7:27]
    try:
        value = json.loads(answer.content)[name]
    except (ValueError, KeyError, TypeError) as error:
        raise AttemptFailed(f"its answer has no {name!r}", where=key) from error
    return str(value)[:_LONGEST]


def key_of(drill: Drill, name: str = "") -> str:
    """See `ServiceReleases.key`; opens no account."""
    known = [key for key, spec in drill.system.service.items() if spec.runner != "process"]
    if name and name not in drill.system.service:
        raise BadInput(f"no [service.{name}] is declared", where=str(drill.system.source))
    if not known or (name and name not in known):
        raise NotApplicable(f"system {drill.system.name} has no service whose releases are images")
    return name or known[0]


def release_of(drill: Drill, which: str) -> Release:
    """A release as features call it. Raises NotApplicable."""
    return drill.use(Deployments).release(which)


def service_settings(drill: Drill, name: str = "") -> dict[str, str]:
    """Environment variables of a running service, as its runner has them; never what is secret.

    Raises NotApplicable: its releases are no images. AttemptFailed: it cannot be asked.
    """
    releases = drill.use(ServiceReleases)
    found = releases.runner(releases.key(name)).variables()
    remember_variables(found)
    return found


def set_service_settings(drill: Drill, variables: Mapping[str, str], name: str = "") -> None:
    """Gives a running service other environment variables, and nothing else: same image, same secrets.

    Raises AttemptFailed: with them it is not well; it goes on with those that it had.
    """
    releases = drill.use(ServiceReleases)
    runner = releases.runner(releases.key(name))
    runner.deploy("", variables=variables)


def folders(drill: Drill, release: Release) -> Path | None:
    """Where a release's code is, for an image made from it."""
    return drill.system.root / release.path if release.path is not None else None


def listed(versions: Sequence[Version]) -> list[Json]:
    return [version.to_json() for version in versions]


def processes(releases: ServiceReleases, key: str) -> list[dict[str, Any]]:
    """The processes of a service where the suite runs them; empty on AWS, which shows none."""
    runner = releases.runner(key)
    return runner.host.instances(releases.cloud.endpoint, runner.name) if runner.host else []
