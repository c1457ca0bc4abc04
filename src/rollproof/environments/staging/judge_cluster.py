"""Whether a cluster may be copied, and whether what came of it may be worked on. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from rollproof.environments.staging.facts import ClusterFacts, Facts, Refusal, ServerFacts
from rollproof.environments.staging.target import Target, is_within, same_host
from rollproof.model.durations import say_duration
from rollproof.model.environments import Staging

ENGINE = "aurora-postgresql"


def cluster_refusals(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    """Reasons not to copy the declared cluster; none where none is declared, or not looked at yet."""
    cluster, spec = facts.cluster, allowed.database
    if cluster is None or spec is None or spec.aurora is None:
        return
    if not cluster.arn:
        yield Refusal(
            "aurora.cluster",
            f"there is no cluster {cluster.name} in the account and region",
            "correct `database.aurora.cluster`",
        )
        return
    yield from _identity(facts, cluster, allowed)
    if spec.aurora.take == "snapshot":
        yield from _snapshot(facts, cluster, spec.backup_age)


def _identity(facts: Facts, cluster: ClusterFacts, allowed: Staging) -> Iterator[Refusal]:
    if cluster.engine != ENGINE:
        yield Refusal(
            "aurora.cluster",
            f"cluster {cluster.name} is {cluster.engine}, and only {ENGINE} can be cloned",
            'use `clone = "database"` or `clone = "backup"`',
        )
    region, account = cluster.arn.split(":")[3:5]
    if (account, region) != (allowed.aws_account, allowed.region):
        yield Refusal(
            "aurora.cluster",
            f"cluster {cluster.name} is in account {account}, region {region}, not on the allow-list",
            "name one of the environment's own account and region",
        )
    if facts.target is not None and not _leads_to(facts.target, cluster):
        yield Refusal(
            "aurora.cluster",
            f"the DSN leads to {facts.target.host}:{facts.target.port}, which is none of the endpoints of"
            f" cluster {cluster.name} ({', '.join(cluster.hosts) or 'none'}; port {cluster.port})",
            "correct the DSN, or `database.aurora.cluster`: what is copied must be what was verified",
        )


def _leads_to(target: Target, cluster: ClusterFacts) -> bool:
    """By an endpoint's name, or by an address that one of them has, where the DSN has a name of its own."""
    named = any(same_host(target.host, host) for host in cluster.hosts)
    return target.port == str(cluster.port) and (named or bool({*target.resolved} & {*cluster.addresses}))


def _snapshot(facts: Facts, cluster: ClusterFacts, oldest: float | None) -> Iterator[Refusal]:
    if cluster.taken is None:
        yield Refusal(
            "aurora.take",
            f"cluster {cluster.name} has no snapshot that is available",
            'take one, or use `take = "clone"`',
        )
        return
    age = (facts.now - cluster.taken).total_seconds()
    if oldest is not None and age > oldest:
        yield Refusal(
            "backup_age",
            f"the newest snapshot, {cluster.snapshot}, is {say_duration(age)} old,"
            f" and {say_duration(oldest)} are allowed",
            "see why none has been taken since, or allow more in `database.backup_age`",
        )


def copy_refusals(facts: Facts, copy: Target, server: ServerFacts, allowed: Staging) -> Iterator[Refusal]:
    """Reasons not to work on the copy, beside those that hold for any server.

    Its system identifier is not compared with the source's: a clone is of the same files, and whether
    Aurora gives it another one is not documented. What tells it from its source is where it answers.
    """
    source = facts.server
    assert source is not None
    assert allowed.database is not None
    if (server.connected, copy.port) == (source.connected, facts.target.port if facts.target else ""):
        yield Refusal(
            "address",
            f"the copy is said to be at {copy.host}:{copy.port}, where its source answers",
            "see what the name service and the endpoint of AWS say",
        )
    if server.database != source.database:
        yield Refusal(
            "database",
            f"the copy answers with database {server.database!r}, not {source.database!r}",
            "see what was copied",
        )
    if server.major != source.major:
        yield Refusal(
            "version",
            f"the copy is PostgreSQL {server.major}, its source {source.major}",
            "see what was copied",
        )
    wanted = {source.system_identifier}
    if server.system_identifier in {*allowed.production.system_identifiers} - wanted:
        yield Refusal(
            "system_identifier",
            f"{server.system_identifier} is the system identifier of production: the copy is of its files",
            "copy a cluster that was loaded from a dump",
        )
    for network in (allowed.database.addresses,) if allowed.database.addresses else ():
        if server.connected and not any(is_within(server.connected, one) for one in network):
            yield Refusal(
                "address",
                f"the copy is at {server.connected}, the allow-list has {', '.join(network)}",
                "add the subnets of the cluster to `database.addresses`",
            )
