"""What a DSN says, taken apart without connecting to anything."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict

from rollproof.errors import WrongPlace

KEPT = frozenset(
    """sslmode sslrootcert sslcert sslkey sslcrl sslcrldir sslnegotiation sslcertmode channel_binding
    gssencmode require_auth keepalives keepalives_idle keepalives_interval keepalives_count
    tcp_user_timeout ssl_min_protocol_version ssl_max_protocol_version krbsrvname""".split()
)
"""Parameters of a DSN that say how to connect, not where to; every connection gets them."""
IGNORED = frozenset(["application_name", "fallback_application_name", "connect_timeout", "client_encoding"])
"""Parameters that Rollproof sets itself."""
PLAIN = frozenset(["host", "hostaddr", "port", "user", "dbname", "password"])


@dataclass(frozen=True, slots=True)
class Target:
    """Where a DSN leads.

    Attributes:
        source: where the DSN came from, for messages: `the variable STAGING_DSN`.
        host: name, address or socket folder as written; several with commas in between.
        port: as written; `5432` when left out.
        user, database: empty when left out.
        hostaddr: the address that would be connected to in the host's place; empty when none is given.
        parameters: everything else but the password.
        resolved: addresses that the host's name has now; empty for a socket, or when it has none.
    """

    source: str
    host: str
    port: str
    user: str
    database: str
    hostaddr: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    resolved: tuple[str, ...] = ()

    @property
    def is_socket(self) -> bool:
        return self.host.startswith(("/", "@"))

    @property
    def hosts(self) -> list[str]:
        return self.host.split(",")


def read_target(dsn: str, source: str) -> Target:
    """The parts of a DSN; variables, service files and ~/.pgpass are not looked at.

    Raises WrongPlace when it is none. The message never repeats it, for it may hold a password.
    """
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise WrongPlace(
            "this is no connection string that libpq can read",
            doing="reading the DSN of the database",
            where=source,
            remedy="set it to postgresql://user:password@host:port/database",
        ) from error
    return target_of(parts, source)


def target_of(parts: Mapping[str, str], source: str) -> Target:
    """The same from parameters that are apart already."""
    return Target(
        source=source,
        host=parts.get("host", ""),
        port=parts.get("port") or "5432",
        user=parts.get("user", ""),
        database=parts.get("dbname", ""),
        hostaddr=parts.get("hostaddr", ""),
        parameters={name: value for name, value in parts.items() if name not in PLAIN},
        password=parts.get("password", ""),
    )


def addresses_of(host: str) -> tuple[str, ...]:
    """Every address of a host's name, sorted; empty when it has none, and for a socket's folder."""
    if host.startswith(("/", "@")) or not host:
        return ()
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({str(entry[4][0]).partition("%")[0] for entry in found}))


def same_host(one: str, other: str) -> bool:
    """Names are compared without regard to capitals and a closing dot, addresses by their value."""
    return _plain(one) == _plain(other)


def _plain(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return host if host.startswith(("/", "@")) else host.lower().rstrip(".")


def is_within(address: str, allowed: str) -> bool:
    """Whether an address is one that is allowed, or in a network that is. False for what is no address."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(allowed, strict=False)
    except (ValueError, TypeError):
        return False


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
