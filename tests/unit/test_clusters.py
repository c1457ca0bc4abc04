"""Copies of clusters as botocore's Stubber answers: what the emulator cannot show; AWS alone proves it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from rollproof.components.aws import clusters
from rollproof.components.aws.clients import Aws
from rollproof.components.aws.clusters import (
    copy_cluster,
    newest_snapshot,
    remove_copy,
    wait_until_available,
)
from rollproof.environments.base import AwsEndpoint
from rollproof.errors import AttemptFailed

NAME, RUN = "rollproof-1", "20200101T000000Z-0a1b2c"
SOURCE: dict[str, Any] = {
    "DBClusterIdentifier": "shop-staging",
    "DBSubnetGroup": "inner",
    "DBClusterParameterGroup": "shop16",
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
    "IAMDatabaseAuthenticationEnabled": True,
    "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
    "Port": 5433,
    "DBClusterMembers": [
        {"DBInstanceIdentifier": "reader", "IsClusterWriter": False},
        {"DBInstanceIdentifier": "writer", "IsClusterWriter": True},
    ],
}
TAGS = [{"Key": "rollproof:run", "Value": RUN}]


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Aws, Stubber]]:
    monkeypatch.setattr(clusters, "EVERY", 0.001)
    aws = Aws(
        AwsEndpoint(
            url="http://127.0.0.1:1",
            region="eu-central-1",
            account="123456789012",
            access_key="a",
            secret_key="b",  # noqa: S106
            emulator="",
            private=False,
        ),
        attempts=1,
    )
    with Stubber(aws.client("rds")) as stub:
        yield aws, stub
        stub.assert_no_pending_responses()


def writer(stub: Stubber) -> None:
    said = {"DBInstanceIdentifier": "writer", "DBInstanceClass": "db.serverless", "PubliclyAccessible": False}
    stub.add_response("describe_db_instances", {"DBInstances": [said]}, {"DBInstanceIdentifier": "writer"})


def made(stub: Stubber, instance_class: str) -> None:
    expected = {
        "DBInstanceIdentifier": f"{NAME}-1",
        "DBClusterIdentifier": NAME,
        "DBInstanceClass": instance_class,
        "Engine": "aurora-postgresql",
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": False,
        "Tags": ANY,
    }
    stub.add_response("create_db_instance", {}, expected)


KEPT = {
    "DBClusterIdentifier": NAME,
    "DBSubnetGroupName": "inner",
    "DBClusterParameterGroupName": "shop16",
    "VpcSecurityGroupIds": ["sg-1"],
    "EnableIAMDatabaseAuthentication": True,
    "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
    "Port": 5433,
    "DeletionProtection": False,
    "Tags": ANY,
}


def test_by_the_stubber_a_clone_keeps_network_parameters_and_capacity(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stub = stubbed
    writer(stub)
    expected = {
        **KEPT,
        "SourceDBClusterIdentifier": "shop-staging",
        "RestoreType": "copy-on-write",
        "UseLatestRestorableTime": True,
    }
    stub.add_response("restore_db_cluster_to_point_in_time", {}, expected)
    made(stub, "db.serverless")
    copy_cluster(aws, SOURCE, NAME, run=RUN)


def test_by_the_stubber_a_snapshot_is_restored_with_the_class_that_was_asked_for(
    stubbed: tuple[Aws, Stubber],
) -> None:
    aws, stub = stubbed
    writer(stub)
    snapshot = {"SnapshotIdentifier": "rds:shop-1", "Engine": "aurora-postgresql"}
    stub.add_response("restore_db_cluster_from_snapshot", {}, {**KEPT, **snapshot})
    made(stub, "db.t4g.medium")
    copy_cluster(aws, SOURCE, NAME, run=RUN, snapshot="rds:shop-1", instance_class="db.t4g.medium")


def test_by_the_stubber_a_cluster_without_a_writer_needs_a_class(stubbed: tuple[Aws, Stubber]) -> None:
    with pytest.raises(AttemptFailed, match="no writer"):
        copy_cluster(stubbed[0], {**SOURCE, "DBClusterMembers": []}, NAME, run=RUN)


def look(stub: Stubber, cluster: str, instance: str) -> None:
    members = [{"DBInstanceIdentifier": f"{NAME}-1", "IsClusterWriter": True}]
    said = {"DBClusterIdentifier": NAME, "Status": cluster, "TagList": TAGS, "DBClusterMembers": members}
    stub.add_response("describe_db_clusters", {"DBClusters": [said]}, {"DBClusterIdentifier": NAME})
    if instance:
        inside = {"DBInstanceIdentifier": f"{NAME}-1", "DBInstanceStatus": instance}
        stub.add_response("describe_db_instances", {"DBInstances": [inside]})


def test_by_the_stubber_both_are_waited_for(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stub = stubbed
    for status in ("creating", "available"):
        look(stub, "available", status)
    assert wait_until_available(lambda: aws, NAME, limit=5)["Status"] == "available"


@pytest.mark.parametrize("status", ["failed", "incompatible-network", "inaccessible-encryption-credentials"])
def test_by_the_stubber_what_will_never_be_available_is_not_waited_for(
    status: str, stubbed: tuple[Aws, Stubber]
) -> None:
    aws, stub = stubbed
    look(stub, "available", status)
    with pytest.raises(AttemptFailed, match=f"it is in {status}"):
        wait_until_available(lambda: aws, NAME, limit=5)


def test_by_the_stubber_a_cluster_that_is_being_made_is_asked_again_until_it_goes(
    stubbed: tuple[Aws, Stubber],
) -> None:
    aws, stub = stubbed
    look(stub, "creating", "")  # whose it is
    look(stub, "creating", "creating")
    stub.add_client_error("delete_db_instance", "InvalidDBInstanceState")
    stub.add_client_error("delete_db_cluster", "InvalidDBClusterStateFault")
    look(stub, "creating", "")
    look(stub, "available", "available")
    stub.add_response(
        "delete_db_instance", {}, {"DBInstanceIdentifier": f"{NAME}-1", "SkipFinalSnapshot": True}
    )
    stub.add_response("delete_db_cluster", {}, {"DBClusterIdentifier": NAME, "SkipFinalSnapshot": True})
    look(stub, "deleting", "")
    look(stub, "deleting", "deleting")
    stub.add_client_error("describe_db_clusters", "DBClusterNotFoundFault")
    assert remove_copy(aws, NAME, run=RUN, limit=5) == f"cluster {NAME} deleted"


def test_by_the_stubber_what_is_forbidden_is_said(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stub = stubbed
    look(stub, "available", "")
    look(stub, "available", "available")
    stub.add_client_error("delete_db_instance", "AccessDenied", "not you")
    with pytest.raises(AttemptFailed, match="not you"):
        remove_copy(aws, NAME, run=RUN, limit=5)


def test_by_the_stubber_the_newest_snapshot_is_one_that_is_available(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stub = stubbed
    some = [("b", "creating", 9), ("a", "available", 8), ("c", "available", 7)]
    said = [
        {
            "DBClusterSnapshotIdentifier": name,
            "Status": status,
            "SnapshotCreateTime": datetime(2026, 1, day, tzinfo=UTC),
        }
        for name, status, day in some
    ]
    stub.add_response("describe_db_cluster_snapshots", {"DBClusterSnapshots": said})
    found = newest_snapshot(aws, "shop-staging")
    assert found is not None
    assert found["DBClusterSnapshotIdentifier"] == "a"
