"""The AWS account: whose credentials, what it says it is, and what in it is marked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any

from rollproof.environments.base import AwsEndpoint
from rollproof.environments.staging.facts import AwsFacts, ClusterFacts, Marker, ProfileFacts
from rollproof.environments.staging.markers import TAG_KEYS, WORDS
from rollproof.environments.staging.sources import profile_settings, variable
from rollproof.environments.staging.target import addresses_of
from rollproof.errors import RollproofError, WrongPlace
from rollproof.model.environments import Aurora, Staging
from rollproof.model.system import System

if TYPE_CHECKING:
    from rollproof.components.aws.clients import Aws

SESSION_SECONDS = 3600
"""How long an assumed role's credentials hold: what a role that assumes another may ask for at most."""
_FORMS = (str.lower, str.capitalize, str.upper)
"""Tags are looked up as they are written, so each common word is asked for in three ways."""

_MOST_VALUES = 20
"""of a tag in one question (GetResources, TagFilter)"""


def profile_of(allowed: Staging) -> ProfileFacts | None:
    """The declared profile, without its secrets; None when none is declared."""
    if not allowed.profile:
        return None
    found, settings, _ = profile_settings(allowed.profile)
    return ProfileFacts(allowed.profile, found, settings)


def first_endpoint(allowed: Staging) -> AwsEndpoint:
    """As whom the first call is made. Raises WrongPlace when there is no access key."""
    if allowed.credentials is not None:
        names = allowed.credentials
        access = variable(names.access_key_env, "the access key id of the environment's account")
        secret = variable(names.secret_key_env, "the secret access key")
        token = variable(names.session_token_env, "the session token") if names.session_token_env else None
    else:
        _, _, keys = profile_settings(allowed.profile)
        access, secret = keys.get("aws_access_key_id", ""), keys.get("aws_secret_access_key", "")
        token = keys.get("aws_session_token")
    if not (access and secret):
        raise WrongPlace(
            f"profile {allowed.profile} has no access key",
            doing="finding out whose credentials count",
            where="~/.aws/credentials",
            remedy="write one there (`aws configure export-credentials` has it), or use `credentials`",
        )
    return _endpoint(allowed, access, secret, token)


def _endpoint(allowed: Staging, access: str, secret: str, token: str | None) -> AwsEndpoint:
    return AwsEndpoint(
        url=allowed.endpoint_url or None,
        region=allowed.region,
        account=allowed.aws_account or "",
        access_key=access,
        secret_key=secret,
        session_token=token,
        emulator=f"at {allowed.endpoint_url}" if allowed.endpoint_url else "",
        private=False,
    )


def drilling_endpoint(allowed: Staging) -> AwsEndpoint:
    """As whom the drill works: the role, where one is declared, assumed with the first credentials.

    Raises WrongPlace when there are none, EnvironmentUnavailable or AttemptFailed when STS refuses.
    """
    first = first_endpoint(allowed)
    if not allowed.role_arn:
        return first
    asked: dict[str, Any] = {"RoleArn": allowed.role_arn, "RoleSessionName": allowed.session_name}
    if allowed.external_id_env:
        asked["ExternalId"] = variable(allowed.external_id_env, "the role's external id")
    with _calling("assuming the role that drills", where=allowed.role_arn):
        got = _aws(first).client("sts").assume_role(**asked, DurationSeconds=SESSION_SECONDS)["Credentials"]
    return _endpoint(allowed, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])


def look_at_account(endpoint: AwsEndpoint, allowed: Staging, system: System, environment: str) -> AwsFacts:
    """What the account says of itself and of what is declared in it. Reads only.

    Raises EnvironmentUnavailable or AttemptFailed when not even STS answers.
    """
    aws = _aws(endpoint)
    with _calling("asking STS whose credentials these are"):
        said = aws.client("sts").get_caller_identity()
    account, arn = str(said["Account"]), str(said["Arn"])
    if account != allowed.aws_account:  # a stranger's: nothing more is looked at there
        return AwsFacts(account, arn, endpoint.region, endpoint.url or "AWS")
    seen = _Seen(aws, allowed)
    seen.look(system, environment, account)
    return AwsFacts(
        account, arn, endpoint.region, endpoint.url or "AWS", tuple(seen.markers), tuple(seen.unseen)
    )


def read_secret(endpoint: AwsEndpoint, name: str) -> str:
    """A secret's text, from the verified account."""
    with _calling("reading the secret with the database's DSN", where=name):
        return str(_aws(endpoint).client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def look_at_cluster(endpoint: AwsEndpoint, declared: Aurora) -> ClusterFacts:
    """What AWS says of the cluster that is to be copied. Reads only."""
    from rollproof.components.aws.clusters import cluster_of, newest_snapshot

    aws = _aws(endpoint)
    said = cluster_of(aws, declared.cluster)
    if said is None:
        return ClusterFacts(declared.cluster)
    hosts = [said.get("Endpoint"), said.get("ReaderEndpoint"), *said.get("CustomEndpoints", ())]
    named = tuple(dict.fromkeys(str(host) for host in hosts if host))
    snapshot = newest_snapshot(aws, declared.cluster) if declared.take == "snapshot" else None
    return ClusterFacts(
        declared.cluster,
        arn=str(said["DBClusterArn"]),
        engine=str(said["Engine"]),
        hosts=named,
        port=int(said["Port"]),
        addresses=tuple(sorted({address for host in named for address in addresses_of(host)})),
        snapshot=str(snapshot["DBClusterSnapshotIdentifier"]) if snapshot else "",
        taken=snapshot["SnapshotCreateTime"].astimezone(UTC) if snapshot else None,
        markers=tuple(_tags(said.get("TagList", []), f"cluster {declared.cluster}")),
    )


class _Seen:
    """Marks that were found, and what could not be looked at."""

    def __init__(self, aws: Aws, allowed: Staging) -> None:
        self.aws = aws
        self.allowed = allowed
        self.markers: list[Marker] = []
        self.unseen: list[str] = []

    def look(self, system: System, environment: str, account: str) -> None:
        self._try("the account's alias (iam:ListAccountAliases)", self._aliases)
        for key in self._keys():
            self._try(f"resources tagged {key} (tag:GetResources)", lambda key=key: self._tagged(key))
        filled = {"env": environment, "account": account, "region": self.aws.endpoint.region}
        for spec in system.stack.values():
            name = _fill(spec.name, filled)
            self._try(f"the tags of stack {name}", lambda name=name: self._stack(name))
        for spec_ in system.function.values():
            name = _fill(spec_.name, filled)
            self._try(f"the tags of function {name}", lambda name=name: self._function(name))

    def _try(self, what: str, look: Any) -> None:
        try:
            self.markers += list(look())
        except RollproofError as error:
            self.unseen.append(f"{what}: {error.found}")

    def _keys(self) -> list[str]:
        common = [form(key) for key in TAG_KEYS for form in _FORMS]
        return sorted({*common, *self.allowed.production.tags})

    def _aliases(self) -> Iterator[Marker]:
        with _calling("reading the account's alias"):
            found = self.aws.client("iam").list_account_aliases()["AccountAliases"]
        for alias in found:
            yield Marker("alias", "", str(alias), f"account {self.aws.endpoint.account}")

    def _tagged(self, key: str) -> Iterator[Marker]:
        """Anything in the account and region that bears one of production's values under this key."""
        declared = self.allowed.production.tags.get(key, ())
        values = sorted({form(word) for word in (*WORDS, *declared) for form in _FORMS} | {*declared})
        with _calling("looking for resources that are marked as production"):
            for first in range(0, len(values), _MOST_VALUES):
                found = self.aws.client("resourcegroupstaggingapi").get_resources(
                    TagFilters=[{"Key": key, "Values": values[first : first + _MOST_VALUES]}],
                    ResourcesPerPage=10,
                )
                for item in found["ResourceTagMappingList"]:
                    yield from _tags(item["Tags"], str(item["ResourceARN"]))

    def _stack(self, name: str) -> Iterator[Marker]:
        from rollproof.components.aws.clients import code_of

        try:
            with _calling("reading a stack's tags", where=name):
                found = self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except RollproofError as error:
            if code_of(error) == "ValidationError":
                return  # there is none
            raise
        for stack in found:
            yield from _tags(stack.get("Tags", []), f"stack {name}")

    def _function(self, name: str) -> Iterator[Marker]:
        from rollproof.components.aws.clients import code_of

        try:
            with _calling("reading a function's tags", where=name):
                found = self.aws.client("lambda").get_function(FunctionName=name)
        except RollproofError as error:
            if code_of(error) in ("ResourceNotFoundException", "404"):
                return
            raise
        tags = [{"Key": key, "Value": value} for key, value in found.get("Tags", {}).items()]
        yield from _tags(tags, f"function {name}")


def _tags(tags: list[dict[str, str]], where: str) -> Iterator[Marker]:
    for tag in tags:
        yield Marker("tag", tag["Key"], tag["Value"], where)


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _aws(endpoint: AwsEndpoint) -> Aws:
    from rollproof.components.aws.clients import Aws

    return Aws(endpoint)


def _calling(doing: str, *, where: str = "") -> Any:
    from rollproof.components.aws.clients import calling

    return calling(doing, where=where)
