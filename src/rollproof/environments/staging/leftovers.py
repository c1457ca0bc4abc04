"""What killed runs left at a verified place, found without their journals: by name, by tag, by age."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from rollproof.errors import AttemptFailed

if TYPE_CHECKING:
    from rollproof.components.aws.clients import Aws
    from rollproof.environments.base import PostgresServer
    from rollproof.environments.staging.dynamo import RowLock
    from rollproof.model.json import JsonObject

DATABASE = re.compile(r"rollproof_(\d{8}t\d{6}z)_([0-9a-f]{6})_[0-9a-f]{4}_(\w+?)_\d+")
"""Names of a drill's databases: when its run began, the run, a worker's part of it, what it is."""
KEPT = "kept"
"""What a database is called that was put aside: the environment's own."""
_PURGE_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that a run left, or has and still needs.

    Attributes:
        kind: database, stack, function, table, lock, folder, container…
        expires: from when on it counts as left behind, UTC; None when that is not known.
        stays: why it is not removed; empty when it may be.
        remove: removes it.
    """

    kind: str
    name: str
    run: str
    expires: datetime | None
    remove: Callable[[], None]
    stays: str = ""

    def why_not(self, now: datetime, live: Collection[str]) -> str:
        """Why it is not removed now; empty when it is."""
        if self.stays:
            return self.stays
        if self.run in live:
            return "its run goes on"
        if self.expires is None:
            return "nobody knows since when it has been there"
        return (
            "" if now >= self.expires else f"until {self.expires:%Y-%m-%d %H:%M} UTC it may still be needed"
        )


def run_of_name(name: str) -> tuple[str, datetime] | None:
    """The run that a database is of by its name, and when that began; None for any other database."""
    found = DATABASE.fullmatch(name)
    if found is None:
        return None
    began = datetime.strptime(found[1].upper(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return f"{found[1].upper()}-{found[2]}", began


def databases_left(server: PostgresServer, *, older: timedelta) -> Iterator[Leftover]:
    """Databases of drills. One that was put aside is given its name back, never dropped.

    Those that somebody is connected to stay: a drill is at work on them, or a person looks at them.
    """
    from rollproof.components.postgres.admin import MAINTENANCE, connected

    with connected(server, MAINTENANCE) as conn:
        rows = conn.execute(
            "SELECT d.datname, count(a.pid) FROM pg_database d"
            " LEFT JOIN pg_stat_activity a ON a.datid = d.oid GROUP BY 1 ORDER BY 1"
        ).fetchall()
    for name, sessions in rows:
        found = run_of_name(str(name))
        if found is not None:
            run, began = found
            stays = f"{sessions} sessions are connected to it" if sessions else ""
            yield Leftover("database", name, run, began + older, _remover(server, name), stays)


def _remover(server: PostgresServer, name: str) -> Callable[[], None]:
    from rollproof.components.postgres.admin import drop_database
    from rollproof.components.postgres.cloning import give_place_back, undo_taking_place

    found = DATABASE.fullmatch(name)
    if found is not None and found[3] == KEPT:
        return lambda: _quietly(give_place_back(undo_taking_place(server, server.source, name)))
    return partial(drop_database, server, name)


def stacks_left(aws: Aws) -> Iterator[Leftover]:
    """Stacks that a drill made, by their tags; nested ones go with theirs."""
    from rollproof.components.aws.clients import calling
    from rollproof.components.aws.tags import RUN_TAG, expires_at, tags_of

    with calling("looking for stacks that drills left"):
        pages = list(aws.client("cloudformation").get_paginator("describe_stacks").paginate())
    for said in (stack for page in pages for stack in page["Stacks"]):
        tags = tags_of(said.get("Tags", []))
        if RUN_TAG in tags and "ParentId" not in said:
            remove = _stack_remover(aws, said["StackId"])
            yield Leftover("stack", said["StackName"], tags[RUN_TAG], expires_at(tags), remove)


def _stack_remover(aws: Aws, stack: str) -> Callable[[], None]:
    from rollproof.components.aws import stack as stacks
    from rollproof.components.aws.clients import calling

    def remove() -> None:
        with calling("deleting a stack that a drill had made", where=stack):
            aws.client("cloudformation").delete_stack(StackName=stack)
        status = stacks.wait_until_settled(aws, stack, limit=_PURGE_SECONDS)
        if status not in ("", "DELETE_COMPLETE"):
            raise AttemptFailed(
                f"it is in {status}",
                doing="deleting a stack that a drill had made",
                where=stack,
                remedy=stacks.REMEDIES.get(status, "see its events in the console"),
            )

    return remove


def clusters_left(aws: Aws) -> Iterator[Leftover]:
    """Copies of clusters that a drill made, by their tags; their instances go with them."""
    from rollproof.components.aws.clients import calling
    from rollproof.components.aws.clusters import PREFIX
    from rollproof.components.aws.tags import RUN_TAG, expires_at, tags_of

    with calling("looking for clusters that drills left"):
        pages = list(aws.client("rds").get_paginator("describe_db_clusters").paginate())
    for said in (cluster for page in pages for cluster in page["DBClusters"]):
        tags, name = tags_of(said.get("TagList", [])), str(said["DBClusterIdentifier"])
        if RUN_TAG in tags and name.startswith(PREFIX):
            remove = partial(_remove_cluster, aws, name)
            yield Leftover("cluster", name, tags[RUN_TAG], expires_at(tags), remove)


def _remove_cluster(aws: Aws, name: str) -> None:
    from rollproof.components.aws.clusters import remove_copy

    remove_copy(aws, name)


def resources_left(aws: Aws, *, but: Collection[str] = ()) -> Iterator[Leftover]:
    """Anything else in the account with a run's tags that belongs to no stack.

    Args:
        but: services whose resources are looked for in another way.
    """
    from rollproof.components.aws.clients import calling
    from rollproof.components.aws.tags import RUN_TAG, expires_at, tags_of

    with calling("looking for tagged resources that drills left"):
        pager = aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
        pages = list(pager.paginate(TagFilters=[{"Key": RUN_TAG}]))
    for said in (item for page in pages for item in page["ResourceTagMappingList"]):
        arn, tags = str(said["ResourceARN"]), tags_of(said["Tags"])
        of_stack = any(tag["Key"] == "aws:cloudformation:stack-name" for tag in said["Tags"])
        kind = arn.split(":")[2]
        if not of_stack and kind not in ("cloudformation", *but):
            remove = _REMOVERS.get(kind)
            stays = "" if remove else "remove it by hand: sweep knows no way for its kind"
            yield Leftover(kind, arn, tags[RUN_TAG], expires_at(tags), _bound(remove, aws, arn), stays)


def _bound(remove: Callable[[Aws, str], None] | None, aws: Aws, arn: str) -> Callable[[], None]:
    return lambda: remove(aws, arn) if remove else None


def remove_function(aws: Aws, arn: str) -> None:
    _call(aws, "lambda", "delete_function", FunctionName=arn)


def _remove_table(aws: Aws, arn: str) -> None:
    _call(aws, "dynamodb", "delete_table", TableName=arn.rpartition("/")[2])


def _remove_of_cluster(aws: Aws, arn: str) -> None:
    """A cluster, or the one that an instance is of."""
    from rollproof.components.aws.clusters import instance_of

    kind, name = arn.split(":")[5:7]
    instance = instance_of(aws, name) if kind == "db" else {"DBClusterIdentifier": name}
    if instance is not None:
        _remove_cluster(aws, str(instance["DBClusterIdentifier"]))


def _put_service_back(aws: Aws, arn: str) -> None:
    """A secret of a drill says what a service was before it: that is put back, then the secret goes."""
    from rollproof.components.aws.serviceundo import kept, put_back
    from rollproof.environments.access import remember

    found = kept(aws, arn)
    if found is None or not {"item", "source"} <= found.keys():
        raise AttemptFailed("it does not say what a service was", where=arn, remedy="look at it by hand")
    remember(endpoint=aws.endpoint)
    put_back({"account": aws.endpoint.account, "items": [found["item"]]})


_REMOVERS: dict[str, Callable[[Aws, str], None]] = {
    "lambda": remove_function,
    "dynamodb": _remove_table,
    "rds": _remove_of_cluster,
    "secretsmanager": _put_service_back,
}


def _call(aws: Aws, service: str, operation: str, **params: Any) -> None:
    from rollproof.components.aws.clients import calling

    with calling("removing what a drill had made", where=str(next(iter(params.values())))):
        getattr(aws.client(service), operation)(**params)


def bucket_of(aws: Aws) -> str:
    """The bucket for files of releases; see components/aws/packaging.py."""
    return f"rollproof-{aws.endpoint.account}-{aws.endpoint.region}"


def stacks_kept(aws: Aws, *, older: timedelta) -> Iterator[Leftover]:
    """Stacks that a killed run has changed: what they were before is kept in the account, and is put back.

    Not where somebody has deployed the stack since: that is what they want it to be.
    """
    from rollproof.components.aws import stack as stacks
    from rollproof.components.aws.stack_undo import kept_in

    for item in kept_in(aws, bucket_of(aws)):
        change_set = str(stacks.describe(aws, item.stack).get("ChangeSetId", ""))
        by_others = change_set and f"/{stacks.CHANGE_SET}" not in change_set
        stays = f"somebody has deployed it since; else delete {item.key}" if by_others else ""
        undo: JsonObject = {"account": aws.endpoint.account, "items": [item.undo]}
        yield Leftover("before", item.stack, item.run, item.since + older, _back(aws, undo), stays)


def _back(aws: Aws, undo: JsonObject) -> Callable[[], None]:
    from rollproof.components.aws.stack_undo import put_back
    from rollproof.environments.access import remember

    def back() -> None:
        remember(endpoint=aws.endpoint)
        put_back(undo)

    return back


def bucket_left(aws: Aws, *, older: timedelta) -> Iterator[Leftover]:
    """The bucket for files of releases; it goes once nothing in it says what a stack was before a drill."""
    from rollproof.components.aws.clients import calling, code_of

    name = bucket_of(aws)
    try:
        with calling("looking for the bucket of releases", where=name):
            pages = list(aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=name))
    except AttemptFailed as error:
        if code_of(error) in ("NoSuchBucket", "404"):
            return
        raise
    newest = max((item["LastModified"] for page in pages for item in page.get("Contents", ())), default=None)
    expires = newest + older if newest else None
    yield Leftover("bucket", name, "", expires, partial(remove_old_bucket, aws, name))


def remove_old_bucket(aws: Aws, name: str) -> None:
    from rollproof.components.aws.buckets import remove_bucket, undo_bucket
    from rollproof.components.aws.stack_undo import kept_in

    if kept := sorted({item.stack for item in kept_in(aws, name)}):
        raise AttemptFailed(
            f"it says what stacks were before a drill: {', '.join(kept[:5])}",
            doing="removing a bucket that a drill had made",
            where=name,
            remedy="put them back first: `rollproof heal`, or a sweep when they are old enough",
        )
    remove_bucket(undo_bucket(aws, name))


def rows_left(aws: Aws, table: str) -> Iterator[Leftover]:
    """Rows of locks whose time is up; those that hold are shown by `rollproof lock show`."""
    from rollproof.components.aws.clients import calling, code_of
    from rollproof.environments.staging.dynamo import SKEW, RowLock

    try:
        with calling("looking for locks", where=table):
            pages = list(aws.client("dynamodb").get_paginator("scan").paginate(TableName=table))
    except AttemptFailed as error:
        if code_of(error) == "ResourceNotFoundException":
            return
        raise
    for item in (item for page in pages for item in page["Items"]):
        lock = RowLock(aws, table, item["lock"]["S"], run=item["run"]["S"], who="", seconds=0)
        until = datetime.fromtimestamp(int(item["expires"]["N"]) + SKEW, UTC)
        yield Leftover("lock", lock.name, lock.run, until, partial(_quietly_remove, lock))


def _quietly_remove(lock: RowLock) -> None:
    lock.remove()


def _quietly(_: object) -> None:
    """What a healer says is said here by the list."""
