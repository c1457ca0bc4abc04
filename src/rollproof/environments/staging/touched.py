"""What a drill would touch in a place, before it does: by the system file, and by what is there now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollproof.environments.staging.guard import Verified
from rollproof.model.system import System

MOST = 30
"""Things that are printed of one kind; a system with more says how many there are."""


@dataclass(frozen=True, slots=True)
class Touched:
    """One thing, or one kind of thing that is made for the drill.

    Attributes:
        kind: as the system file calls it: database, role, stack, function…
        name: with the environment's name, the account and the region filled in.
        how: what happens to it, in words.
    """

    kind: str
    name: str
    how: str


def touched(system: System, verified: Verified) -> list[Touched]:
    """Everything that the drills of a system may touch there. Reads nothing but what was verified."""
    found = list(_database(system, verified))
    if verified.facts.aws is not None:
        found += _aws(system, verified)
    return found


def _database(system: System, verified: Verified) -> Iterator[Touched]:
    server = verified.facts.server
    if system.database is None or server is None:
        return
    place = f"{server.database} on {server.connected or 'a socket'} ({server.system_identifier})"
    if copies := _copies(verified):
        yield copies
    if verified.allowed.touch == "in-place":
        yield Touched("database", place, "waits under another name while a clone bears its own; sessions end")
    elif copies:
        yield Touched("database", place, "asked which server it is on, never written to")
    else:
        yield Touched("database", place, "read and cloned, never written to")
    size = f"{server.bytes >> 20} MB each"
    yield Touched("database", "rollproof_<run>_…", f"made and dropped: clones, backups restored; {size}")
    for role in system.database.all_roles:
        if role not in server.roles:
            yield Touched("role", role, "made, and dropped at the end")


def _copies(verified: Verified) -> Touched | None:
    """What working copies are made of, where it is not the database itself."""
    spec = verified.allowed.database
    if spec is not None and spec.backup:
        return Touched(
            "backup", spec.backup, "the newest is read, and restored into databases of the drill's"
        )
    if spec is not None and spec.aurora is not None:
        how = f"made as a copy ({spec.aurora.take}) of cluster {spec.aurora.cluster}, deleted with all in it"
        return Touched("cluster", "rollproof-<run>-…", how)
    return None


def _aws(system: System, verified: Verified) -> Iterator[Touched]:
    values = _values(verified)
    for kind, entries in _declared(system).items():
        for name in entries:
            yield Touched(kind, _fill(name, values), _HOW[kind])
    if system.release:
        bucket = f"rollproof-{values['account']}-{values['region']}"
        yield Touched("bucket", bucket, "made for the files of releases, where there is none")


_HOW = {
    "stack": "updated by releases, and put back to its template from before",
    "function": "deployed, its alias moved, its concurrency changed; put back",
    "api": "called, and deployed with its stack",
    "table": "restored beside, items read; put back",
    "site": "files replaced, cache emptied; put back to the versions from before",
    "secret": "read, rotated where a scenario says so",
    "settings": "changed and put back",
    "alarm": "read",
    "topic": "published to",
    "mail": "written to",
}


def _declared(system: System) -> dict[str, Sequence[str]]:
    told = system.notifications
    return {
        "stack": [spec.name for spec in system.stack.values()],
        "function": [spec.name for spec in system.function.values()],
        "api": list(system.api),
        "table": [spec.name for spec in system.table.values()],
        "site": [spec.bucket for spec in system.site.values()],
        "secret": [spec.name for spec in system.secret.values()],
        "settings": list(system.settings),
        "alarm": [spec.name for spec in system.alarm.values()],
        "topic": [told.topic] if told and told.topic else [],
        "mail": list(told.stakeholders) if told else [],
    }


def _values(verified: Verified) -> dict[str, str]:
    aws = verified.facts.aws
    account, region = (aws.account, aws.region) if aws else ("", "")
    name = verified.facts.environment
    env = name if verified.allowed.stacks == "in-place" else f"{name}-rp<run>"
    return {"env": env, "account": account, "region": region}


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def say(system: System, verified: Verified) -> list[str]:
    """The list as lines for a terminal."""
    aws, lines = verified.facts.aws, [f"{system.name} on {verified.facts.environment}:"]
    if aws is not None:
        lines.append(f"  account {aws.account} in {aws.region} as {aws.arn}, endpoint {aws.endpoint}")
    by_kind: dict[str, list[Touched]] = {}
    for one in touched(system, verified):
        by_kind.setdefault(one.kind, []).append(one)
    for kind, some in by_kind.items():
        lines += [f"  {kind:9} {one.name}: {one.how}" for one in some[:MOST]]
        if len(some) > MOST:
            lines.append(f"  {kind:9} and {len(some) - MOST} more")
    if len(lines) == 1:
        lines.append("  nothing: it declares neither a database nor anything in AWS that is there")
    return lines
