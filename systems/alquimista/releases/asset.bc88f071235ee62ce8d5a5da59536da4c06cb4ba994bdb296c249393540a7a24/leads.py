"""Leads as the API has them, and the command that goes with a new one."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from alquimista_api import endpoints
from alquimista_api.messages import Answer, Request
from alquimista_aws import settings
from alquimista_aws.clients import client

list_leads = endpoints.list_leads


def health(request: Request) -> Answer:
    """Uses the database and the table of commands; fails when either does."""
    client("dynamodb").get_item(TableName=os.environ["COMMANDS_TABLE"], Key=_key("health", "health"))
    return endpoints.health(request)


def create_lead(request: Request) -> Answer:
    """Adds the lead, then the command. The same lead again is a 409, so a lost command shows."""
    answer = endpoints.create_lead(request)
    if settings.flag("enrich-leads"):
        reference = str(request.document()["external_ref"])
        command = _key(request.tenant, f"enrich-{reference}") | {
            "kind": {"S": "lead.enrich"},
            "status": {"S": "pending"},
            "created_at": {"S": datetime.now(UTC).isoformat(timespec="milliseconds")},
        }
        client("dynamodb").put_item(TableName=os.environ["COMMANDS_TABLE"], Item=command)
    return answer


def _key(tenant: str, command: str) -> dict[str, dict[str, str]]:
    return {"tenant": {"S": tenant}, "command_id": {"S": command}}
