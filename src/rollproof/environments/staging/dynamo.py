"""The lock in DynamoDB: a row that is written only if nobody else's is there, or its time is up."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rollproof.errors import AttemptFailed, EnvironmentUnavailable, RollproofError
from rollproof.waiting import eventually

if TYPE_CHECKING:
    from rollproof.components.aws.clients import Aws

SKEW = 30
"""Seconds by which clocks of two machines may differ: so much later a row counts as expired for others."""
_MAKING_SECONDS = 60.0
_HELD = "ConditionalCheckFailedException"


@dataclass(frozen=True, slots=True)
class Row:
    """What is written of a holder; `parts` are its workers."""

    run: str
    who: str
    since: datetime
    expires: datetime
    parts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Taken:
    """How taking it ended: with neither, it was free.

    Attributes:
        held_by: somebody else has it; it was not taken.
        taken_over: whose row was there, and had expired.
    """

    held_by: Row | None = None
    taken_over: Row | None = None


class RowLock:
    """The row of one system. One of several workers of a run is a part of it."""

    def __init__(self, aws: Aws, table: str, name: str, *, run: str, who: str, seconds: float) -> None:
        self.aws = aws
        self.table = table
        self.name = name
        self.run = run
        self.who = who
        self.seconds = seconds
        self.part = secrets.token_hex(4)

    def take(self) -> Taken:
        """Raises EnvironmentUnavailable: there is no table and none may be made, or it cannot be used."""
        try:
            before = self._put()
        except RollproofError as error:
            if _code(error) != _HELD:
                raise _unusable(self.table, error) from error
            return self._join()
        return Taken(taken_over=before if before and before.run != self.run else None)

    def _put(self) -> Row | None:
        """The row that was there and had expired, if any. Raises AttemptFailed where one holds."""
        now = time.time()
        item = {
            **self._key,
            "run": {"S": self.run},
            "who": {"S": self.who},
            "since": {"N": str(int(now))},
            "expires": {"N": str(int(now + self.seconds))},
            "parts": {"SS": [self.part]},
        }
        asked = {
            "TableName": self.table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#lock) OR #expires < :now",
            "ExpressionAttributeNames": {"#lock": "lock", "#expires": "expires"},
            "ExpressionAttributeValues": {":now": {"N": str(int(now - SKEW))}},
            "ReturnValues": "ALL_OLD",
        }
        try:
            said = self._call("put_item", **asked)
        except AttemptFailed as error:
            if _code(error) != "ResourceNotFoundException":
                raise
            self._make_table()
            said = self._call("put_item", **asked)
        return _row(said.get("Attributes"))

    def _join(self) -> Taken:
        """As one more worker of the run that holds it, or not at all."""
        if self._update("ADD #parts :me SET #expires = :until", adding=True):
            return Taken()
        return Taken(held_by=self.look() or Row("?", "somebody", _now(), _now(), frozenset()))

    def beat(self) -> str:
        """Holds it for as long again; why it is lost, if it is. Raises RollproofError when nobody knows."""
        if self._update("SET #expires = :until"):
            return ""
        found = self.look()
        return "its lock in DynamoDB " + (f"is {found.who}'s, of run {found.run}" if found else "was broken")

    def _update(self, expression: str, *, adding: bool = False) -> bool:
        until = {":until": {"N": str(int(time.time() + self.seconds))}, ":run": {"S": self.run}}
        names = {"#run": "run", "#expires": "expires", **({"#parts": "parts"} if adding else {})}
        try:
            self._call(
                "update_item",
                TableName=self.table,
                Key=self._key,
                UpdateExpression=expression,
                ConditionExpression="#run = :run",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={**until, **({":me": {"SS": [self.part]}} if adding else {})},
            )
        except AttemptFailed as error:
            if _code(error) == _HELD:
                return False
            raise
        return True

    def release(self) -> None:
        """The last worker of the run removes the row; one that is another's stays."""
        try:
            said = self._call(
                "update_item",
                TableName=self.table,
                Key=self._key,
                UpdateExpression="DELETE #parts :me",
                ConditionExpression="#run = :run",
                ExpressionAttributeNames={"#run": "run", "#parts": "parts"},
                ExpressionAttributeValues={":run": {"S": self.run}, ":me": {"SS": [self.part]}},
                ReturnValues="ALL_NEW",
            )
        except AttemptFailed as error:
            if _code(error) in (_HELD, "ResourceNotFoundException"):
                return
            raise
        if not said.get("Attributes", {}).get("parts"):
            self.remove()

    def remove(self, *, run: str = "") -> bool:
        """Removes the row of this run, or of the one that is named; False when it is not that one's."""
        try:
            self._call(
                "delete_item",
                TableName=self.table,
                Key=self._key,
                ConditionExpression="#run = :run",
                ExpressionAttributeNames={"#run": "run"},
                ExpressionAttributeValues={":run": {"S": run or self.run}},
            )
        except AttemptFailed as error:
            if _code(error) in (_HELD, "ResourceNotFoundException"):
                return False
            raise
        return True

    def look(self) -> Row | None:
        """Who holds it, or did last; None when nobody is written there."""
        try:
            said = self._call("get_item", TableName=self.table, Key=self._key, ConsistentRead=True)
        except AttemptFailed as error:
            if _code(error) == "ResourceNotFoundException":
                return None
            raise
        return _row(said.get("Item"))

    def _make_table(self) -> None:
        try:
            self._call(
                "create_table",
                TableName=self.table,
                KeySchema=[{"AttributeName": "lock", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "lock", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                Tags=[{"Key": "rollproof:purpose", "Value": "locks of drills; it stays"}],
            )
        except AttemptFailed as error:
            if _code(error) != "ResourceInUseException":  # another has just made it
                raise _unusable(self.table, error) from error
        eventually(self._is_there, within=_MAKING_SECONDS, what=f"table {self.table} is there")

    def _is_there(self) -> bool:
        said = self._call("describe_table", TableName=self.table)
        return bool(said["Table"]["TableStatus"] == "ACTIVE")

    @property
    def _key(self) -> dict[str, Any]:
        return {"lock": {"S": self.name}}

    def _call(self, operation: str, **params: Any) -> dict[str, Any]:
        from rollproof.components.aws.clients import calling

        with calling("asking for the lock in DynamoDB", where=self.table):
            found: dict[str, Any] = getattr(self.aws.client("dynamodb"), operation)(**params)
        return found


def _row(item: Mapping[str, Any] | None) -> Row | None:
    if not item:
        return None
    return Row(
        item["run"]["S"],
        item["who"]["S"],
        datetime.fromtimestamp(int(item["since"]["N"]), UTC),
        datetime.fromtimestamp(int(item["expires"]["N"]), UTC),
        frozenset(item.get("parts", {}).get("SS", ())),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _code(error: RollproofError) -> str:
    return str(error.facts.get("code") or "")


def _unusable(table: str, error: RollproofError) -> EnvironmentUnavailable:
    return EnvironmentUnavailable(
        f"the lock cannot be asked for: {error.found}",
        doing="taking the lock, before anything is touched",
        where=f"DynamoDB table {table}",
        remedy="let the role read and write the items of that table; where it may not make it, have it "
        "made with the key `lock`, a text",
    )
