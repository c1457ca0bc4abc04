"""Secrets of Secrets Manager: what they are as facts, and their values, which nobody gets to see."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import BEFORE, Cloud, reader
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.aws import Secret
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json
from rollproof.privacy.known import remember

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
GONE = "ResourceNotFoundException"
KEY_FIELDS = ("key", "api_key", "apiKey", "api-key", "apikey", "token", "value", "password")
"""Where a JSON secret usually holds a key, when `field` does not say."""

_OPEN = ("username", "user", "host", "port", "dbname", "database", "engine", "region", "endpoint")
"""Of a JSON secret, what is none by itself."""


@dataclass(frozen=True, slots=True)
class Value:
    """A secret's value. It is shown by no `repr`, and no error quotes it."""

    name: str
    spec: Secret = field(repr=False)
    text: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = self.document or {"": self.text}
        remember(*(part for name, part in parts.items() if name not in _OPEN and isinstance(part, str)))

    @property
    def username(self) -> str:
        """Raises PreconditionNotMet when the JSON has none."""
        return self._part("username")

    @property
    def password(self) -> str:
        return self._part("password")

    @property
    def key(self) -> str:
        """What an API takes: the declared or the usual field of a JSON value, else the whole text."""
        document = self.document
        if document is None:
            return self.text
        if self.spec.field is not None:
            return self._part(self.spec.field)
        return self._part(next((name for name in KEY_FIELDS if name in document), KEY_FIELDS[0]))

    @property
    def document(self) -> dict[str, Any] | None:
        """The JSON object that it is; None for any other text."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    @property
    def changing(self) -> str:
        """Name of the field that a rotation changes; empty when the whole text is."""
        if self.document is None:
            return ""
        if self.spec.kind == "postgres":
            return "password"
        return self.spec.field or next((name for name in KEY_FIELDS if name in (self.document or {})), "")

    def renewed(self, fresh: str) -> Value:
        """The same with a fresh password or key in it."""
        document, changing = self.document, self.changing
        if document is None or not changing:
            return Value(self.name, self.spec, fresh)
        return Value(self.name, self.spec, json.dumps({**document, changing: fresh}))

    def _part(self, name: str) -> str:
        document = self.document
        if document is None or not isinstance(document.get(name), str) or not document[name]:
            has = "no JSON object" if document is None else f"has no {name!r}"
            raise PreconditionNotMet(
                f"the secret {has}",
                doing="reading a secret",
                where=self.name,
                remedy=f"let it be a JSON object with a text {name!r}, as a {self.spec.kind} secret is",
            )
        return str(document[name])


class Secrets:
    """A scenario's secrets: names, what they were before, and connections opened with what they were.

    Attributes:
        old: values before anything was rotated, by key.
        versions: id of the current version before anything was rotated, by key.
        pending: token of a rotation that was begun by the drill and not finished, by key.
        witnesses: connections to the database that were opened with the old password.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.old: dict[str, Value] = {}
        self.versions: dict[str, str] = {}
        self.pending: dict[str, str] = {}
        self.witnesses: dict[str, Connection] = {}
        self._key = secrets.token_bytes(32)

    @property
    def client(self) -> Any:
        return self.cloud.client("secretsmanager")

    def declared(self) -> Mapping[str, Secret]:
        """Raises NotApplicable when the system declares no secret."""
        if not self.drill.system.secret:
            raise NotApplicable(f"system {self.drill.system.name} declares no [secret.*]")
        return self.drill.system.secret

    def name(self, key: str) -> str:
        return self.cloud.fill(self.declared()[key].name)

    def describe(self, key: str) -> dict[str, Any]:
        """What Secrets Manager says of it, never its value.

        Raises AttemptFailed when it is not there, PreconditionNotMet when it is scheduled for deletion.
        """
        name = self.name(key)
        with calling("reading a secret's description", where=name):
            found: dict[str, Any] = self.client.describe_secret(SecretId=name)
        if found.get("DeletedDate"):
            raise PreconditionNotMet(
                "the secret is scheduled for deletion",
                where=name,
                remedy="restore it (`aws secretsmanager restore-secret`) or take it out of the system file",
            )
        return found

    def stages(self, key: str) -> dict[str, str]:
        """Version id by stage."""
        versions = self.describe(key).get("VersionIdsToStages") or {}
        return {stage: version for version, stages in versions.items() for stage in stages}

    def value(self, key: str, stage: str = CURRENT) -> Value:
        """The value of a stage. Raises AttemptFailed when there is none."""
        name = self.name(key)
        with calling("reading a secret", where=name):
            found = self.client.get_secret_value(SecretId=name, VersionStage=stage)
        return Value(name, self.declared()[key], _text(found))

    def digest(self, value: Value) -> str:
        """A keyed digest of a value; the key lives as long as the scenario, and nowhere else."""
        return "#" + hmac.digest(self._key, value.text.encode(), "sha256").hex()[:16]

    def fresh(self, length: int = 40) -> str:
        """A random password, made by Secrets Manager."""
        with calling("making a password"):
            made = self.client.get_random_password(PasswordLength=length, ExcludePunctuation=True)
        return str(made["RandomPassword"])


def _text(found: Mapping[str, Any]) -> str:
    if found.get("SecretString") is not None:
        return str(found["SecretString"])
    return bytes(found.get("SecretBinary") or b"").hex()


@reader("secret")
def read_secrets(cloud: Cloud) -> Fingerprint:
    """Description, key, rotation, policy, tags and stages; of values keyed digests only.

    Ids of versions are no facts: a rotation that was taken back leaves other ones.
    """
    facts: list[Fact] = []
    held = cloud.drill.use(Secrets)
    for key in held.declared():
        try:
            facts += list(_facts(held, key))
        except AttemptFailed as error:
            if code_of(error) != GONE or BEFORE not in cloud.seen:
                raise
        except PreconditionNotMet:
            if BEFORE not in cloud.seen:
                raise
            facts.append(Fact("secret", held.name(key), {"scheduled for deletion": True}))
    return Fingerprint.of(facts)


def _facts(held: Secrets, key: str) -> Iterator[Fact]:
    said, name = held.describe(key), held.name(key)
    rules = said.get("RotationRules") or {}
    parent = f"secret {name}"
    stages: dict[str, Json] = {"stages": sorted(held.stages(key))}
    yield Fact(
        "secret",
        name,
        {
            "description": said.get("Description", ""),
            "encryption key": said.get("KmsKeyId", "aws/secretsmanager"),
            "rotation": bool(said.get("RotationEnabled")),
            "rotation function": said.get("RotationLambdaARN", ""),
            "rotation rules": {str(k): str(v) for k, v in sorted(rules.items())},
            "replicas": sorted(str(r.get("Region")) for r in said.get("ReplicationStatus") or []),
        },
    )
    yield Fact("secret stages", name, stages, parent)
    yield Fact("secret value", name, {"digest": held.digest(held.value(key))}, parent)
    for tag in said.get("Tags") or []:
        if not str(tag["Key"]).startswith("aws:"):
            yield Fact("tag", f"{name} {tag['Key']}", {"value": tag["Value"]}, parent)
    with calling("reading a secret's policy", where=name):
        policy = held.client.get_resource_policy(SecretId=name).get("ResourcePolicy")
    if policy:
        yield Fact("secret policy", name, {"text": json.dumps(json.loads(policy), sort_keys=True)}, parent)
