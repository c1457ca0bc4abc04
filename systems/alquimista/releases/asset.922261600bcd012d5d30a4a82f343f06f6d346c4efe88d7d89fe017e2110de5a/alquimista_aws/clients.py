"""AWS clients, made once for each execution environment."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

SECONDS = 3
_CONFIG = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 3})


@cache
def client(service: str) -> Any:
    """A client by its service's name; region and credentials are the function's own."""
    return boto3.client(service, config=_CONFIG)
