"""AWS as the caller of Rollproof: for what is not drilled but really done, such as telling people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rollproof.errors import EnvironmentUnavailable


def call_as_caller(
    service: str,
    call: Callable[[Any], object],
    *,
    profile: str | None,
    region: str | None,
    endpoint: str | None,
    seconds: float,
) -> None:
    """Hands `call` a client with the caller's own credentials, which waits `seconds` for each answer.

    Raises EnvironmentUnavailable: it was refused, or could not be made.
    """
    patience = Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 3})
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        call(session.client(service, endpoint_url=endpoint, config=patience))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise EnvironmentUnavailable(f"{service} answered {code}") from None
    except BotoCoreError as error:
        raise EnvironmentUnavailable(f"{service} could not be called ({type(error).__name__})") from None
