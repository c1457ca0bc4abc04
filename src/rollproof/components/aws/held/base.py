"""Reading one resource of a stack: the registry of readers, and what is no fact in any answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from botocore.exceptions import ClientError

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.digests import Digests
from rollproof.errors import AttemptFailed
from rollproof.model.json import Json

Read = Callable[["Asked"], Mapping[str, Any]]
_READERS: dict[str, Read] = {}

GONE = frozenset(
    {"404", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "StateMachineDoesNotExist"}
)
"""What AWS answers for what is not there, besides `NoSuch…` and `…NotFound…`."""

NOT_OFFERED = frozenset(
    {
        "MethodNotAllowed",
        "UnsupportedArgument",
        "InvalidAction",
        "UnknownOperationException",
        "NotImplemented",
    }
)
"""What is answered to a call that a region or an emulator does not have."""

VOLATILE = frozenset(
    """ResponseMetadata RevisionId revisionId LastModified lastModified LastModifiedDate ETag State
    StateReason StateReasonCode StateReasonData StateValue LastUpdateStatus LastUpdateStatusReason
    LastUpdateStatusReasonCode TableStatus creationTime CreationTime storedBytes Version LastAccessedDate
    LastChangedDate LastRotatedDate NextRotationDate SubscriptionsPending SubscriptionsConfirmed
    SubscriptionsDeleted CreatedTimestamp LastModifiedTimestamp ApproximateNumberOfMessages
    ApproximateNumberOfMessagesDelayed ApproximateNumberOfMessagesNotVisible RoleLastUsed""".split()
)
"""Keys of an answer that AWS changes by itself, or that count how often something was changed."""
VOLATILE_WITHIN = frozenset(
    "TableSizeBytes ItemCount NumberOfDecreasesToday IndexStatus IndexSizeBytes Backfilling".split()
)
"""The same at any depth of an answer."""


class Unreadable(Exception):
    """Nobody here can read a resource; the message says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """A resource of a stack.

    Attributes:
        name: names of the stacks down to it, and its logical id: `Shop-dev/Nested/Table`.
        kind: its CloudFormation type.
        physical: its id in the account.
        properties: as the template has them, references resolved where that can be done.
    """

    name: str
    kind: str
    physical: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader is given: the resource, and ways to ask for it."""

    cloud: Cloud
    held: Held
    digests: Digests
    known: dict[str, Any] = field(default_factory=dict)
    """answers that several resources of one look share"""

    @property
    def id(self) -> str:
        return self.held.physical

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call. Raises botocore's errors."""
        found: dict[str, Any] = getattr(self.cloud.client(service), operation)(**arguments)
        return found

    def maybe(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call for a part that need not be there; empty when AWS says so."""
        try:
            return self.call(service, operation, **arguments)
        except ClientError as error:
            if not _absent(error.response.get("Error", {}).get("Code", "")):
                raise
            return {}

    def beside(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """As `maybe`; empty too where a region or an emulator has no such call: nobody can have set it."""
        try:
            return self.maybe(service, operation, **arguments)
        except ClientError as error:
            said = error.response
            status = said.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status != 501 and said.get("Error", {}).get("Code") not in NOT_OFFERED:
                raise
            return {}

    def every(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All items of a listing, over its pages."""
        client = self.cloud.client(service)
        if not client.can_paginate(operation):
            return list(self.call(service, operation, **arguments).get(key) or [])
        pages = client.get_paginator(operation).paginate(**arguments)
        return [item for page in pages for item in page.get(key) or []]

    def once(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """As `every`, asked once in a look."""
        name = json.dumps([service, operation, arguments])
        if name not in self.known:
            self.known[name] = self.every(service, operation, key, **arguments)
        return list(self.known[name])

    def given(self, name: str) -> str:
        """A property that says which one it is. Raises Unreadable when the template does not tell."""
        value = self.held.properties.get(name)
        if not isinstance(value, str) or not value:
            raise Unreadable(f"its template does not say which {name} it belongs to")
        return value

    def hidden(self, values: Mapping[str, Any] | None) -> dict[str, Json]:
        """Values that may be secret, as digests."""
        return {str(name): self.digests.of(str(value)) for name, value in sorted((values or {}).items())}


def gone(asked: Asked) -> ClientError:
    """For an API that lists or answers nothing where others raise: what it says of what is not there."""
    said = {"Error": {"Code": "ResourceNotFoundException", "Message": asked.held.physical}}
    return ClientError(said, "Read")


def _absent(code: str) -> bool:
    return code in GONE or code.startswith("NoSuch") or "NotFound" in code


def reads(*kinds: str) -> Callable[[Read], Read]:
    """Registers the reader of CloudFormation types: it returns what a resource *is*, by attribute."""

    def register(function: Read) -> Read:
        for kind in kinds:
            if _READERS.get(kind, function) is not function:
                raise ValueError(f"two readers for {kind}")
            _READERS[kind] = function
        return function

    return register


def readable_types() -> frozenset[str]:
    """CloudFormation types that can be read by their own API."""
    return frozenset(_READERS)


def read(asked: Asked) -> dict[str, Json] | None:
    """What a resource is; None when it is not there.

    Raises:
        Unreadable: nobody here can read its type, or can tell which one it is.
        AttemptFailed: AWS refused to say.
    """
    reader = _READERS.get(asked.held.kind, by_cloud_control)
    doing = f"reading {asked.held.kind} {asked.held.name}"
    try:
        with calling(doing, where=asked.held.physical):
            found = reader(asked)
    except AttemptFailed as error:
        if _absent(code_of(error)):
            return None
        raise
    return {
        str(key): tidy(value)
        for key, value in found.items()
        if key not in VOLATILE and not _says_nothing(key, value)
    }


def by_cloud_control(asked: Asked) -> Mapping[str, Any]:
    """By the API that reads every type alike. An emulator's that knows of nothing proves no absence."""
    if asked.held.kind.startswith(("Custom::", "AWS::CloudFormation::")):
        raise Unreadable("what it does is known to its own code alone")
    try:
        said = asked.call(
            "cloudcontrol", "get_resource", TypeName=asked.held.kind, Identifier=asked.held.physical
        )
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise Unreadable(f"no reader for its type, and Cloud Control answers {code}") from error
    found: dict[str, Any] = json.loads(said["ResourceDescription"]["Properties"])
    return found


def tidy(value: Any) -> Json:
    """Plain data without what AWS changes by itself; JSON in texts is opened, tags are sorted."""
    if isinstance(value, Mapping):
        items = sorted((str(key), item) for key, item in value.items())
        return {key: tidy(item) for key, item in items if not _says_nothing(key, item)}
    if isinstance(value, list | tuple | set | frozenset):
        listed = [tidy(item) for item in value]
        return sorted(listed, key=_text) if all(_is_tag(item) for item in listed) else listed
    if isinstance(value, str):
        return _opened(value)
    return value if isinstance(value, int | float | bool | None) else str(value)


def _says_nothing(key: str, value: Any) -> bool:
    return key in VOLATILE_WITHIN or isinstance(value, date)


def _is_tag(item: Json) -> bool:
    return isinstance(item, dict) and set(item) in ({"Key", "Value"}, {"key", "value"})


def _opened(text: str) -> Json:
    """A policy or definition that comes as text, as the data that it is."""
    if text[:1] not in "{[" or not text:
        return text
    try:
        return tidy(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
