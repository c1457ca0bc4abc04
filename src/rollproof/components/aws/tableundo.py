"""Removing what a drill made beside tables, in an account that does not go away with it: backups, copies."""

from __future__ import annotations

from collections.abc import Sequence

from rollproof.components.aws.clients import Aws, calling, code_of, verified_aws
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.table import GONE
from rollproof.components.aws.tablebackup import drop_table
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.model.json import Json, JsonObject

_HERE: dict[str, Aws] = {}
"""accounts that a drill of this process works in, by their numbers: where a healer gets credentials"""


def undo_beside(
    cloud: Cloud, *, backup: str = "", of: Sequence[str] = (), copies: Sequence[str] = ()
) -> JsonObject | None:
    """What a journal has to know to remove it; None where it goes away with the account.

    Args:
        backup: the name of the backups.
        of: the tables that they are of.
        copies: names of tables that are about to be restored.
    """
    if cloud.endpoint.private:
        return None
    _HERE[cloud.endpoint.account] = cloud.aws
    told: dict[str, Json] = {"name": backup, "tables": list(of), "items": list(copies)}
    return {"kind": "aws.tables", "account": cloud.endpoint.account, **told}


@healer("aws.tables")
def remove_beside(undo: JsonObject) -> str:
    """Only what bears the very names that were announced."""
    account, backup = str(undo["account"]), str(undo["name"])
    aws = _HERE.get(account) or verified_aws(account)
    if aws is None:
        raise RollproofError(
            f"nobody here has credentials for account {account}",
            doing="removing backups and copies of tables",
            remedy="run `rollproof heal` where the environment's variables are set",
        )
    tables, copies = undo["tables"], undo["items"]
    assert isinstance(tables, list)
    assert isinstance(copies, list)
    for name in copies:
        drop_table(aws.client("dynamodb"), str(name))
    removed = sum(_remove_backups(aws, str(table), backup) for table in tables)
    return f"{removed} backups and {len(copies)} copies of tables removed"


def _remove_backups(aws: Aws, table: str, name: str) -> int:
    client = aws.client("dynamodb")
    with calling("looking for the backups of a drill", where=table):
        found = client.list_backups(TableName=table)["BackupSummaries"]
    arns = [one["BackupArn"] for one in found if one["BackupName"] == name]
    for arn in arns:
        try:
            with calling("deleting a backup of a drill", where=table):
                client.delete_backup(BackupArn=arn)
        except AttemptFailed as error:
            if code_of(error) not in (*GONE, "BackupNotFoundException"):
                raise
    return len(arns)
