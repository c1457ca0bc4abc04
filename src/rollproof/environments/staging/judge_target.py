"""What is wrong with where a DSN leads, and with the variables around it, before anything is connected."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from rollproof.environments.staging.facts import Facts, Refusal
from rollproof.environments.staging.markers import smells
from rollproof.environments.staging.target import IGNORED, KEPT, Target, is_within, same_host
from rollproof.model.environments import Staging

REDIRECTING = {
    "PGHOSTADDR": "another address in the host's place",
    "PGSERVICE": "a section of a service file",
    "PGSERVICEFILE": "another service file",
    "PGSYSCONFDIR": "another folder of service files",
    "PGOPTIONS": "settings for every session",
    "PGTARGETSESSIONATTRS": "which of several servers is wanted",
    "PGLOADBALANCEHOSTS": "that any of several servers will do",
    "PGREALM": "another Kerberos realm",
}
"""Variables of libpq that could aim a connection elsewhere, and what each says. None is needed."""
PLACES = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "database"}
"""Variables that name a place too. They do not count, yet where they differ somebody is mistaken."""
_HARMLESS = {"target_session_attrs": ("any", "read-write", "primary"), "load_balance_hosts": ("disable",)}
_NEVER = {
    "service": "a service file would say where it leads",
    "options": "it would set what drills set themselves",
    "passfile": "the password belongs into the DSN",
}


def target_refusals(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    """Nothing where the environment has no database, or its DSN has not been read yet."""
    if allowed.database is None:
        return
    yield from _redirecting(facts)
    target = facts.target
    if target is None:
        return
    yield from _places(facts, target)
    yield from _parts(target)
    yield from _host(target, allowed)
    yield from _extras(target)
    if target.database != allowed.database.name:
        yield Refusal(
            "dbname",
            f"the DSN names database {target.database!r}, the allow-list has {allowed.database.name!r}",
            f"correct {target.source}, or `database.name`",
        )
    if smells(target.database) and not allowed.not_production:
        yield Refusal(
            "dbname",
            f"the database is called {target.database!r}, which sounds like production",
            "say in `not_production` why it is not, if it is not",
        )


def _redirecting(facts: Facts) -> Iterator[Refusal]:
    for name, says in REDIRECTING.items():
        if facts.environ.get(name):
            yield Refusal(
                name,
                f"the variable {name} is set, which tells libpq {says}",
                f"unset {name}: all of that stands in the DSN",
            )


def _places(facts: Facts, target: Target) -> Iterator[Refusal]:
    for name, part in PLACES.items():
        said, meant = facts.environ.get(name), getattr(target, part)
        if said and not same_host(said, meant):
            yield Refusal(
                name,
                f"the variable {name} says {said!r}, and {target.source} {meant!r}: one of them is wrong",
                f"unset {name}, or correct the DSN",
            )


def _parts(target: Target) -> Iterator[Refusal]:
    for part, key in (("host", "host"), ("user", "user"), ("database", "dbname")):
        if not getattr(target, part):
            yield Refusal(
                key,
                f"{target.source} names no {key}, so libpq would take one from elsewhere",
                f"add {key} to the DSN",
            )
    if re.search(r"=|://", target.database):
        yield Refusal(
            "dbname",
            "the DSN's database is a connection string of its own, which programs would follow",
            "name the database and nothing else",
        )
    if not re.fullmatch(r"[0-9]{1,5}", target.port) and "," not in target.port:
        yield Refusal("port", f"the DSN's port is {target.port!r}, which is no port", "correct the DSN")


def _host(target: Target, allowed: Staging) -> Iterator[Refusal]:
    if len(target.hosts) > 1 or "," in target.port:
        yield Refusal(
            "host",
            f"the DSN names several hosts ({target.host}): which one answers is left to chance",
            "name one",
        )
        return
    if target.host and not any(same_host(target.host, host) for host in allowed.hosts):
        yield Refusal(
            "host",
            f"the DSN leads to {target.host}, the allow-list has {', '.join(allowed.hosts)}",
            f"correct {target.source}, or `hosts` if that is staging's",
        )
    yield from _production_host(target.host, allowed)
    if not target.is_socket and target.host:
        yield from _addresses(target, allowed)


def _production_host(host: str, allowed: Staging) -> Iterator[Refusal]:
    for pattern in allowed.production.hosts:
        if fnmatch.fnmatchcase(host.lower().rstrip("."), pattern.lower()):
            yield Refusal(
                "production.hosts",
                f"the host {host} fits {pattern}, which is production's",
                "aim the drill elsewhere",
            )
    if smells(host) and not host.startswith("/") and not allowed.not_production:
        yield Refusal(
            "host",
            f"the host is called {host}, which sounds like production",
            "say in `not_production` why it is not, if it is not",
        )


def _addresses(target: Target, allowed: Staging) -> Iterator[Refusal]:
    assert allowed.database is not None
    if not target.resolved:
        yield Refusal("host", f"the name {target.host} has no address", "see whether the name service is up")
    networks = allowed.database.addresses
    for address in target.resolved if networks else ():
        if not any(is_within(address, network) for network in networks):
            yield Refusal(
                "address",
                f"the name {target.host} leads to {address}, the allow-list has {', '.join(networks)}",
                "see who has changed the name; correct `database.addresses` if that is staging's",
            )
    if target.hostaddr and not any(same_host(target.hostaddr, address) for address in target.resolved):
        yield Refusal(
            "hostaddr",
            f"the DSN has hostaddr={target.hostaddr}, which is none of the addresses of {target.host}",
            "leave hostaddr out",
        )


def _extras(target: Target) -> Iterator[Refusal]:
    for name, value in target.parameters.items():
        if name in _NEVER:
            yield Refusal(name, f"the DSN has {name}: {_NEVER[name]}", f"leave {name} out")
        elif value not in _HARMLESS.get(name, ()) and name not in KEPT | IGNORED:
            yield Refusal(
                name, f"the DSN has {name}={value}, which could lead elsewhere", f"leave {name} out"
            )
