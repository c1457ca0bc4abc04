"""What was found out about a place before anything is done there. Facts only; judging is apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rollproof.environments.staging.target import Target


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason not to touch a place.

    Attributes:
        what: what it concerns: `PGHOSTADDR`, `system_identifier`, `tag environment`.
        found: one sentence without a full stop, which names it.
        remedy: what to do about it.
    """

    what: str
    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Marker:
    """Something at the place itself that says what kind of place it is.

    Attributes:
        kind: setting, comment, table, cluster_name, database, tag, alias, foreign server or extension.
        name: of the setting, the tag's key, the database that is commented.
        value: as found.
        where: which database or resource bears it.
    """

    kind: str
    name: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a Postgres server says of itself.

    Attributes:
        connected: the address that was connected to; empty for a socket.
        address, port: the server's own, as it sees this connection; None for a socket.
        read_only: `default_transaction_read_only`.
        rights: what the role may do: createdb, createrole, superuser, copy (of the system's database).
        sessions: others that are connected to the system's database.
        now: what time it is there; None where that is not known.
        outward: foreign servers and extensions by which the database, and each copy of it, reaches others.
    """

    system_identifier: str
    connected: str
    address: str | None
    port: int | None
    database: str
    user: str
    in_recovery: bool
    read_only: bool
    version: int
    databases: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    rights: frozenset[str] = frozenset()
    sessions: int = 0
    bytes: int = 0
    markers: tuple[Marker, ...] = ()
    now: datetime | None = None
    outward: tuple[Marker, ...] = ()

    @property
    def major(self) -> int:
        return self.version // 10000


@dataclass(frozen=True, slots=True)
class AwsFacts:
    """What AWS says of the credentials and of the account.

    Attributes:
        unseen: what could not be looked at, one line each: then nobody knows whether it is marked.
    """

    account: str
    arn: str
    region: str
    endpoint: str
    markers: tuple[Marker, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """What a profile of the AWS files holds: its keys and harmless values, never a secret."""

    name: str
    found: bool
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What AWS says of the Aurora cluster that is to be copied.

    Attributes:
        arn: empty when there is no such cluster.
        hosts: its endpoints: the writer's, the readers', those that were defined by hand.
        addresses: what those names lead to now.
        snapshot, taken: the newest that is available; empty and None where none was looked for, or is.
        markers: its tags.
    """

    name: str
    arn: str = ""
    engine: str = ""
    hosts: tuple[str, ...] = ()
    port: int = 0
    addresses: tuple[str, ...] = ()
    snapshot: str = ""
    taken: datetime | None = None
    markers: tuple[Marker, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is known so far; what was not looked at yet is None.

    Attributes:
        environ: variables of the process that could aim a connection elsewhere; no secrets among them.
        user: who runs the drill.
    """

    environment: str
    environ: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    user: str = ""
    target: Target | None = None
    server: ServerFacts | None = None
    profile: ProfileFacts | None = None
    aws: AwsFacts | None = None
    cluster: ClusterFacts | None = None
