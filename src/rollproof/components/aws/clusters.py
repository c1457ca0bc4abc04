"""Aurora clusters: a copy of one for a run, made, waited for, and deleted with all that is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of, verified_aws
from rollproof.components.aws.tags import RUN_TAG, drill_tags, tags_of
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

PREFIX = "rollproof-"
"""Of the names of clusters that drills make; no other is ever deleted."""
EVERY = 10.0
"""seconds between two looks at a cluster that changes"""
REMOVE_SECONDS = 2700.0
_ENGINE = "aurora-postgresql"
_GONE = frozenset(["DBClusterNotFoundFault", "DBInstanceNotFound", "DBInstanceNotFoundFault"])
_BUSY = frozenset(["InvalidDBClusterStateFault", "InvalidDBInstanceState", "InvalidDBInstanceStateFault"])
_LOST = ("failed", "incompatible", "inaccessible", "restore-error", "storage-full", "delet")
"""How statuses begin that a cluster or an instance does not get out of by itself."""
_DOING = "making a copy of the cluster"


def cluster_of(aws: Aws, name: str) -> dict[str, Any] | None:
    """What AWS says of a cluster; None when there is none."""
    return _described(aws, "describe_db_clusters", "DBClusters", DBClusterIdentifier=name)


def instance_of(aws: Aws, name: str) -> dict[str, Any] | None:
    """What AWS says of an instance; None when there is none."""
    return _described(aws, "describe_db_instances", "DBInstances", DBInstanceIdentifier=name)


def _described(aws: Aws, operation: str, key: str, **which: str) -> dict[str, Any] | None:
    try:
        with calling("looking at a cluster", where=next(iter(which.values()))):
            found = getattr(aws.client("rds"), operation)(**which)[key]
    except AttemptFailed as error:
        if code_of(error) not in _GONE:
            raise
        return None
    return dict(found[0]) if found else None


def newest_snapshot(aws: Aws, cluster: str) -> dict[str, Any] | None:
    """Automatic or by hand, whichever was taken last; None when none is available."""
    with calling("looking for the newest snapshot", where=cluster):
        pager = aws.client("rds").get_paginator("describe_db_cluster_snapshots")
        pages = list(pager.paginate(DBClusterIdentifier=cluster))
    every = [one for page in pages for one in page["DBClusterSnapshots"] if one.get("Status") == "available"]
    return max(every, key=lambda one: one["SnapshotCreateTime"], default=None)


def writer_of(aws: Aws, cluster: Mapping[str, Any]) -> dict[str, Any] | None:
    """The instance that writes; None for a cluster without one."""
    names = [one["DBInstanceIdentifier"] for one in cluster["DBClusterMembers"] if one["IsClusterWriter"]]
    return instance_of(aws, names[0]) if names else None


def settings_of(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """What a restore does not take over from its source by itself, and whoever connects relies on."""
    found: dict[str, Any] = {
        "DBSubnetGroupName": cluster.get("DBSubnetGroup"),
        "DBClusterParameterGroupName": cluster.get("DBClusterParameterGroup"),
        "VpcSecurityGroupIds": [one["VpcSecurityGroupId"] for one in cluster.get("VpcSecurityGroups", ())],
        "EnableIAMDatabaseAuthentication": cluster.get("IAMDatabaseAuthenticationEnabled"),
        "ServerlessV2ScalingConfiguration": cluster.get("ServerlessV2ScalingConfiguration"),
        "Port": cluster.get("Port"),
    }
    return {name: value for name, value in found.items() if value}


def undo_cluster(aws: Aws, name: str, *, run: str, limit: float) -> dict[str, Json]:
    """What a journal has to know to delete a cluster that is about to be made."""
    account = aws.endpoint.account
    return {"kind": "aws.cluster", "account": account, "name": name, "run": run, "limit_seconds": limit}


def copy_cluster(
    aws: Aws, source: Mapping[str, Any], name: str, *, run: str, snapshot: str = "", instance_class: str = ""
) -> None:
    """Asks for a copy with one instance; both bear the run's tags from the moment that they are there.

    Args:
        snapshot: what it is restored from; empty for a clone, which shares its pages until they change.
        instance_class: that of the source's writer when empty.

    Raises AttemptFailed with AWS' own words.
    """
    rds, tags = aws.client("rds"), [{"Key": key, "Value": value} for key, value in drill_tags(run).items()]
    asked = {**settings_of(source), "Tags": tags, "DeletionProtection": False}
    writer = writer_of(aws, source)
    chosen = instance_class or (writer or {}).get("DBInstanceClass", "")
    if not chosen:
        raise AttemptFailed(
            "the cluster has no writer whose class its copy could have",
            doing=_DOING,
            where=str(source["DBClusterIdentifier"]),
            remedy="name one in `database.aurora.instance_class`",
        )
    with calling(_DOING, where=name):
        if snapshot:
            rds.restore_db_cluster_from_snapshot(
                DBClusterIdentifier=name, SnapshotIdentifier=snapshot, Engine=_ENGINE, **asked
            )
        else:
            rds.restore_db_cluster_to_point_in_time(
                DBClusterIdentifier=name,
                SourceDBClusterIdentifier=source["DBClusterIdentifier"],
                RestoreType="copy-on-write",
                UseLatestRestorableTime=True,
                **asked,
            )
        rds.create_db_instance(
            DBInstanceIdentifier=f"{name}-1",
            DBClusterIdentifier=name,
            DBInstanceClass=chosen,
            Engine=_ENGINE,
            PubliclyAccessible=bool((writer or {}).get("PubliclyAccessible")),
            AutoMinorVersionUpgrade=False,
            Tags=tags,
        )


def wait_until_available(aws: Callable[[], Aws], name: str, *, limit: float) -> dict[str, Any]:
    """The cluster once it and its instance are available.

    Args:
        aws: asked at each look, for a session may end while a cluster is made.

    Raises AttemptFailed when they are not within `limit` seconds, or will never be.
    """

    def available() -> dict[str, Any] | None:
        now = aws()
        cluster, instance = cluster_of(now, name), instance_of(now, f"{name}-1")
        said = [str((cluster or {}).get("Status", "")), str((instance or {}).get("DBInstanceStatus", ""))]
        for status in said:
            if status.startswith(_LOST):
                raise AttemptFailed(f"it is in {status}", doing=_DOING, where=name)
        return cluster if said == ["available", "available"] else None

    return eventually(available, within=limit, what=f"cluster {name} is available", every=EVERY)


def remove_copy(aws: Aws, name: str, *, run: str = "", limit: float = REMOVE_SECONDS) -> str:
    """Deletes a cluster that a drill made, without a last snapshot, and waits until it is gone.

    Args:
        run: whose it has to be; any drill's when empty.

    Raises RollproofError for one that is none of a drill's, AttemptFailed when it is not gone in time.
    """
    cluster = cluster_of(aws, name)
    if cluster is None:
        return f"cluster {name} was not there"
    _expect_own(cluster, name, run)
    eventually(lambda: _is_gone(aws, name), within=limit, what=f"cluster {name} is deleted", every=EVERY)
    return f"cluster {name} deleted"


def _expect_own(cluster: Mapping[str, Any], name: str, run: str) -> None:
    found = tags_of(cluster.get("TagList", [])).get(RUN_TAG)
    if not name.startswith(PREFIX) or found is None or (run and found != run):
        raise RollproofError(
            f"cluster {name} was not deleted: its name and its tags do not say that this run made it",
            doing="deleting what a drill made",
            remedy="see what it is; delete it by hand if it is a drill's",
        )


def _is_gone(aws: Aws, name: str) -> bool:
    """Asks for what can be asked for now: while something is being made, AWS refuses to delete it."""
    cluster = cluster_of(aws, name)
    if cluster is None:
        return True
    for member in cluster.get("DBClusterMembers", ()):
        instance = instance_of(aws, member["DBInstanceIdentifier"])
        if instance is not None and instance["DBInstanceStatus"] != "deleting":
            _ask(aws, "delete_db_instance", DBInstanceIdentifier=member["DBInstanceIdentifier"])
    if cluster["Status"] != "deleting":
        _ask(aws, "delete_db_cluster", DBClusterIdentifier=name)
    return cluster_of(aws, name) is None


def _ask(aws: Aws, operation: str, **which: str) -> None:
    try:
        with calling("deleting a cluster that the drill had made", where=next(iter(which.values()))):
            getattr(aws.client("rds"), operation)(**which, SkipFinalSnapshot=True)
    except AttemptFailed as error:
        if code_of(error) not in _GONE | _BUSY:
            raise


@healer("aws.cluster")
def remove_cluster(undo: JsonObject) -> str:
    """Raises RollproofError without credentials, or when the cluster is not the run's."""
    account, name = str(undo["account"]), str(undo["name"])
    aws = verified_aws(account)
    if aws is None:
        raise RollproofError(
            f"cluster {name} of account {account} was not deleted",
            doing="deleting what a drill made",
            remedy="run `rollproof heal` where the environment's variables are set",
        )
    return remove_copy(aws, name, run=str(undo["run"]), limit=float(str(undo["limit_seconds"])))
