"""Buckets that a drill makes for its own files in an account that does not go away with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of, verified_aws
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.model.json import Json, JsonObject

PREFIX = "rollproof-"
"""Of the names of buckets that drills make; no other is ever emptied."""
HERE: dict[str, Aws] = {}
"""Accounts that a drill of this process works in, by their numbers."""
_OWED: dict[str, set[str]] = {}
"""Stacks, by account, that could not be put back: what they were is kept in the bucket."""


@contextmanager
def owed(account: str, stack: str) -> Iterator[None]:
    """Until the block has succeeded, buckets of the account are kept."""
    some = _OWED.setdefault(account, set())
    some.add(stack)
    yield
    some.discard(stack)


def undo_bucket(aws: Aws, name: str) -> dict[str, Json]:
    """What a journal has to know to remove a bucket that is about to be made."""
    HERE[aws.endpoint.account] = aws
    return {"kind": "aws.bucket", "account": aws.endpoint.account, "name": name}


@healer("aws.bucket")
def remove_bucket(undo: JsonObject) -> str:
    """Raises RollproofError for a name that is none of a drill's, or without credentials."""
    account, name = str(undo["account"]), str(undo["name"])
    aws = HERE.get(account) or verified_aws(account)
    if aws is None or not name.startswith(PREFIX):
        raise RollproofError(
            f"bucket {name} of account {account} was not removed"
            + ("" if name.startswith(PREFIX) else ": it is none of a drill's"),
            doing="removing what a drill made",
            remedy="run `rollproof heal` where the environment's variables are set",
        )
    if waiting := _OWED.get(account):
        raise RollproofError(
            f"bucket {name} is kept: it says what {', '.join(sorted(waiting))} was before the drill",
            doing="removing what a drill made",
            remedy="see why that could not be put back, then run `rollproof heal` again",
        )
    s3 = aws.client("s3")
    try:
        with calling("removing a bucket that the drill had made", where=name):
            _empty(s3, name)
            s3.delete_bucket(Bucket=name)
    except AttemptFailed as error:
        if code_of(error) not in ("NoSuchBucket", "404"):
            raise
        return f"bucket {name} was not there"
    return f"bucket {name} removed"


def _empty(s3: Any, name: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", ()):
            s3.delete_object(Bucket=name, Key=item["Key"])
