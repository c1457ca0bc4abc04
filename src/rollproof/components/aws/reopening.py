"""Opening again what was shut: by an act, or by a healer after a kill."""

from __future__ import annotations

from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of, verified_aws
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed
from rollproof.model.json import JsonObject

KEPT = ".rollproof-kept"
"""Ending of the key under which a front page waits while the maintenance page is in its place."""
HERE: dict[str, Aws] = {}
"""Accounts that this process works in: what a healer can reach without a credential in the journal."""


def reserved(client: Any, name: str) -> int | None:
    """The function's reserved concurrency, None when it has none. Raises AttemptFailed."""
    with calling("reading the function's reserved concurrency", where=name):
        found = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    return None if found is None else int(found)


def give_back(client: Any, name: str, concurrency: int | None) -> None:
    """Sets the reserved concurrency, or takes it away. Raises AttemptFailed."""
    with calling("opening the function again", where=name):
        if concurrency is None:
            client.delete_function_concurrency(FunctionName=name)
        else:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)


@healer("aws.concurrency")
def _heal_concurrency(undo: JsonObject) -> str:
    """Raises AttemptFailed where this process has no credentials for the account."""
    account, items = str(undo["title"]), undo["items"]
    kept = [item for item in items if isinstance(item, list)] if isinstance(items, list) else []
    names = ", ".join(str(name) for name, _ in kept)
    aws = HERE.get(account) or verified_aws(account)
    if aws is None:
        raise AttemptFailed(
            f"functions of account {account} may still be shut: {names}",
            doing="opening functions again",
            remedy="give them their reserved concurrency back with the account's own tools",
        )
    for name, value in kept:
        give_back(aws.client("lambda"), str(name), value if isinstance(value, int) else None)
    pages = undo.get("pages")
    for page in pages if isinstance(pages, list) else ():
        assert isinstance(page, list)
        put_page_back(aws.client("s3"), *map(str, page))
    return f"opened: {names}"


def put_page_back(client: Any, bucket: str, key: str) -> None:
    """Puts a front page back in its place, headers and all; one that was never moved stays as it is.

    Raises AttemptFailed.
    """
    copied = {"Bucket": bucket, "Key": key + KEPT}
    try:
        with calling("putting the front page back", where=f"{bucket}/{key}"):
            client.head_object(**copied)
    except AttemptFailed as error:
        if code_of(error) not in ("404", "NoSuchKey", "NotFound"):
            raise
        return
    with calling("putting the front page back", where=f"{bucket}/{key}"):
        client.copy_object(Bucket=bucket, Key=key, CopySource=copied, MetadataDirective="COPY")
        client.delete_object(**copied)
