"""Secrets, read anew for each request: one that was rotated counts at once, and the old one no more."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping

from alquimista_api.messages import Refusal, Request
from psycopg.conninfo import make_conninfo

from alquimista_aws.clients import client


def database() -> str:
    """The connection string of the database, with the role and the password of the current secret."""
    secret = _read("DATABASE_SECRET")
    return make_conninfo(secret["dsn"], user=secret["username"], password=secret["password"])


def require_key(request: Request) -> None:
    """Raises Refusal (401, 403) unless the header x-api-key holds the current key."""
    given = request.headers.get("x-api-key")
    if not given:
        raise Refusal(401, "key_missing", hint="send the header x-api-key")
    if not hmac.compare_digest(given.encode(), _read("API_KEY_SECRET")["key"].encode()):
        raise Refusal(403, "key_refused")


def _read(variable: str) -> Mapping[str, str]:
    found = client("secretsmanager").get_secret_value(SecretId=os.environ[variable])
    document: Mapping[str, str] = json.loads(found["SecretString"])
    return document
