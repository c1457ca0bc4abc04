"""What experiments left that were killed: they name what they make, and remove it when they end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from rollproof.environments.staging.leftovers import Leftover, remove_function, remove_old_bucket
from rollproof.errors import AttemptFailed

if TYPE_CHECKING:
    from rollproof.components.aws.clients import Aws

TRIAL = re.compile(r"rollproof-[0-9a-f]{8}(-\d{12})?")
"""Names of what an experiment makes for itself, see fidelity/registry.py; of a bucket with the account."""


def trials_left(aws: Aws, *, older: timedelta) -> Iterator[Leftover]:
    """Roles, functions and buckets that experiments made for themselves, by name: they bear no tags."""
    for kind, look, remove in (
        ("function", _functions, remove_function),
        ("role", _roles, _remove_role),
        ("bucket", _buckets, remove_old_bucket),
    ):
        try:
            found = list(look(aws))
        except AttemptFailed as error:
            yield Leftover(kind, "rollproof-*", "", None, _nothing, f"nobody could look: {error.found}")
            continue
        for name, made in found:
            if TRIAL.fullmatch(name):
                yield Leftover(kind, name, "", made + older, partial(remove, aws, name))


def _functions(aws: Aws) -> Iterator[tuple[str, datetime]]:
    for page in _pages(aws, "lambda", "list_functions"):
        for said in page["Functions"]:
            yield str(said["FunctionName"]), datetime.fromisoformat(said["LastModified"])


def _roles(aws: Aws) -> Iterator[tuple[str, datetime]]:
    for page in _pages(aws, "iam", "list_roles"):
        for said in page["Roles"]:
            yield str(said["RoleName"]), said["CreateDate"]


def _buckets(aws: Aws) -> Iterator[tuple[str, datetime]]:
    for page in _pages(aws, "s3", "list_buckets"):
        for said in page["Buckets"]:
            yield str(said["Name"]), said["CreationDate"]


def _pages(aws: Aws, service: str, operation: str) -> list[dict[str, Any]]:
    from rollproof.components.aws.clients import calling

    with calling("looking for what experiments left"):
        return list(aws.client(service).get_paginator(operation).paginate())


def _nothing() -> None:
    """Of what could not be looked at nothing is removed."""


def _remove_role(aws: Aws, name: str) -> None:
    from rollproof.components.aws.clients import calling
    from rollproof.fidelity.trials import remove_role

    with calling("removing a role that an experiment had made", where=name):
        remove_role(aws.client("iam"), name)
