"""Whether a cluster may be copied, and whether what came of it may be worked on: pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rollproof.environments.staging.facts import ClusterFacts, Facts, Marker, ServerFacts
from rollproof.environments.staging.guard import Verified
from rollproof.environments.staging.judge import judged, judged_copy
from rollproof.environments.staging.target import Target
from rollproof.environments.staging.touched import say
from rollproof.model.environments import Aurora, Staging
from rollproof.model.system import System

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
HOST = "shop-staging.cluster-abc123.eu-central-1.rds.amazonaws.com"
COPY = HOST.replace("shop-staging", "rollproof-1")
CLUSTER = ClusterFacts(
    "shop-staging",
    arn="arn:aws:rds:eu-central-1:123456789012:cluster:shop-staging",
    engine="aurora-postgresql",
    hosts=(HOST,),
    port=5432,
    addresses=("10.0.0.5",),
)
TARGET = Target("the variable DSN", HOST, "5432", "drill", "shop", resolved=("10.0.0.5",))
SERVER = ServerFacts(
    system_identifier="7400",
    connected="10.0.0.5",
    address="10.0.0.5",
    port=5432,
    database="shop",
    user="drill",
    in_recovery=False,
    read_only=False,
    version=160004,
    rights=frozenset(["createdb", "copy"]),
)
COPIED = replace(SERVER, connected="10.0.0.9", address="10.0.0.9")
AT_COPY = replace(TARGET, host=COPY, resolved=("10.0.0.9",))


def allowed(*, aurora: dict[str, Any] | None = None, **more: Any) -> Staging:
    database = {
        "dsn_env": "DSN",
        "system_identifier": "7400",
        "name": "shop",
        "clone": "aurora",
        "aurora": {"cluster": "shop-staging", **(aurora or {})},
        **more.pop("database", {}),
    }
    return Staging.model_validate(
        {
            "aws_account": "123456789012",
            "region": "eu-central-1",
            "profile": "drill",
            "hosts": [HOST],
            "expires": date(2027, 1, 1),
            "database": database,
            **more,
        }
    )


def facts(cluster: ClusterFacts = CLUSTER, target: Target = TARGET) -> Facts:
    return Facts(environment="staging", now=NOW, target=target, server=SERVER, cluster=cluster)


def found(cluster: ClusterFacts = CLUSTER, *, target: Target = TARGET, **declared: Any) -> list[str]:
    return [one.found for one in judged(facts(cluster, target), allowed(**declared))]


def test_the_databases_own_cluster_may_be_copied() -> None:
    assert found() == []


def test_a_name_of_ones_own_counts_when_it_leads_to_the_cluster() -> None:
    cname = replace(TARGET, host="db.staging.shop.example")
    assert found(target=cname, hosts=[cname.host]) == []
    [said] = found(target=replace(cname, resolved=("10.9.9.9",)), hosts=[cname.host])
    assert "none of the endpoints of cluster shop-staging" in said


SNAPSHOT = {"aurora": {"take": "snapshot"}, "database": {"backup_age": "26h"}}


@pytest.mark.parametrize(
    ("cluster", "declared", "says"),
    [
        (ClusterFacts("gone"), {}, "there is no cluster gone"),
        (replace(CLUSTER, engine="aurora-mysql"), {}, "is aurora-mysql"),
        (replace(CLUSTER, engine="postgres"), {}, "is postgres"),
        (replace(CLUSTER, arn=CLUSTER.arn.replace("1234", "9999")), {}, "is in account 999956789012"),
        (replace(CLUSTER, arn=CLUSTER.arn.replace("eu-central", "us-east")), {}, "region us-east-1"),
        (replace(CLUSTER, hosts=("other",), addresses=()), {}, "none of the endpoints"),
        (replace(CLUSTER, port=5433), {}, "none of the endpoints"),
        (
            replace(CLUSTER, markers=(Marker("tag", "environment", "production", "cluster shop-staging"),)),
            {},
            "it is marked as production",
        ),
        (CLUSTER, SNAPSHOT, "has no snapshot"),
        (replace(CLUSTER, snapshot="s", taken=NOW - timedelta(hours=27)), SNAPSHOT, "s, is 1 d 3 h old"),
    ],
)
def test_another_cluster_is_refused_with_what_is_wrong(
    cluster: ClusterFacts, declared: dict[str, Any], says: str
) -> None:
    said = found(cluster, **declared)
    assert any(says in one.replace("27 h", "1 d 3 h") for one in said), said


def test_a_snapshot_that_is_young_enough_may_be_restored() -> None:
    assert found(replace(CLUSTER, snapshot="s", taken=NOW - timedelta(hours=25)), **SNAPSHOT) == []


def of_copy(server: ServerFacts = COPIED, target: Target = AT_COPY, **declared: Any) -> list[str]:
    return [one.found for one in judged_copy(facts(), target, server, allowed(**declared))]


@pytest.mark.parametrize("identifier", ["7400", "7500"])
def test_a_copy_may_have_its_sources_identifier_or_another(identifier: str) -> None:
    assert of_copy(replace(COPIED, system_identifier=identifier)) == []


@pytest.mark.parametrize(
    ("change", "declared", "says"),
    [
        ({"connected": "10.0.0.5"}, {}, "where its source answers"),
        ({"database": "other"}, {}, "answers with database 'other'"),
        ({"version": 150004}, {}, "PostgreSQL 15, its source 16"),
        ({"system_identifier": "7300"}, {"production": {"system_identifiers": ["7300"]}}, "of production"),
        ({}, {"database": {"addresses": ["10.1.0.0/16", "10.0.0.5"]}}, "the copy is at 10.0.0.9"),
        ({"in_recovery": True}, {}, "standby"),
        ({"read_only": True}, {}, "default_transaction_read_only"),
        (
            {"markers": (Marker("setting", "rollproof.environment", "production", "database shop"),)},
            {},
            "it is marked as production",
        ),
        ({"outward": (Marker("foreign server", "live", "db.prod", "postgres_fdw"),)}, {}, "reach the same"),
        ({"rights": frozenset(["copy"])}, {}, "may not create databases"),
    ],
)
def test_a_copy_that_is_not_what_was_asked_for_is_refused(
    change: dict[str, Any], declared: dict[str, Any], says: str
) -> None:
    said = of_copy(replace(COPIED, **change), **declared)
    assert any(says in one for one in said), said


@pytest.mark.parametrize(
    ("database", "says"),
    [
        ({}, "cluster   rollproof-<run>-…: made as a copy (clone) of cluster shop-staging"),
        ({"clone": "backup", "backup": "/b/*", "aurora": None}, "backup    /b/*: the newest is read"),
    ],
)
def test_what_is_shown_before_a_drill_says_what_copies_are_made_of(
    database: dict[str, Any], says: str
) -> None:
    declared = {"system": {"name": "shop"}, "database": {"migrations": {"path": "."}}}
    shown = say(System.model_validate(declared), Verified(facts(), allowed(database=database), None))
    assert any(says in line for line in shown), shown
    assert any("never written to" in line for line in shown)


@pytest.mark.parametrize(
    ("database", "says"),
    [
        ({"clone": "aurora"}, "need each other"),
        ({"clone": "backup"}, "need each other"),
        ({"backup": "/x"}, "need each other"),
        ({"aurora": {"cluster": "shop"}}, "need each other"),
        ({"backup_age": "1h"}, "none is taken"),
        ({"clone": "aurora", "aurora": {"cluster": "shop"}, "backup_age": "1h"}, "none is taken"),
        ({"clone": "backup", "backup": "s3://a/b"}, "aws_account"),
        ({"clone": "aurora", "aurora": {"cluster": "shop"}}, "aws_account"),
        ({"clone": "aurora", "aurora": {"cluster": "no--name"}}, "pattern"),
    ],
)
def test_half_a_declaration_is_refused(database: dict[str, Any], says: str) -> None:
    place = {"dsn_env": "DSN", "system_identifier": "7400", "name": "shop"}
    with pytest.raises(ValueError, match=says):
        Staging.model_validate(
            {"hosts": [HOST], "expires": date(2027, 1, 1), "database": {**place, **database}}
        )


def test_a_copy_of_the_cluster_cannot_take_the_databases_place() -> None:
    with pytest.raises(ValueError, match="another address"):
        allowed(touch="in-place", database={"allow_write": ["shop"]})


def test_a_cluster_is_named_as_aws_names_clusters() -> None:
    assert Aurora(cluster="shop-staging-1").take == "clone"
