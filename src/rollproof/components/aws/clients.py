"""Talking to an AWS account: clients that can reach no other, and errors that a person can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from threading import Lock
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

from rollproof.environments.access import verified_account
from rollproof.environments.base import AwsEndpoint
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, NotProvenHere, RollproofError

ATTEMPTS = 5
"""Tries of one call, the first included, with waiting times that grow (botocore's standard retries)."""
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0

_MAKING = Lock()

Ear = Callable[[AwsEndpoint, str, str, Mapping[str, Any]], None]
EARS: list[Ear] = []
"""Hear of each call before it is made: whose account, the service, the operation, the parameters. One that
raises keeps it from being made."""

EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure"})
_LACKING = "not yet been emulated by LocalStack"
"""What LocalStack says of a service that its edition does not have."""
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}
)


class Aws:
    """Clients of one account, made when first asked for. Safe to use from several threads.

    Endpoint, region and credentials are always given; the environment's AWS_* variables, profiles,
    configuration files and metadata service are not looked at.
    """

    def __init__(self, endpoint: AwsEndpoint, *, attempts: int = ATTEMPTS) -> None:
        self.endpoint = endpoint
        self._session = _isolated_session()
        self._config = Config(
            region_name=endpoint.region,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            s3={"addressing_style": "path"} if endpoint.url else None,
            proxies={},
            ignore_configured_endpoint_urls=True,
            user_agent_extra="rollproof",
        )
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client by its service's name: `lambda`, `cloudformation`, `s3`…"""
        if service not in self._clients:
            with _MAKING:  # a session of botocore makes clients for one thread at a time
                self._clients[service] = self._session.create_client(
                    service,
                    region_name=self.endpoint.region,
                    endpoint_url=self.endpoint.others.get(service, self.endpoint.url),
                    aws_access_key_id=self.endpoint.access_key,
                    aws_secret_access_key=self.endpoint.secret_key,
                    aws_session_token=self.endpoint.session_token,
                    config=self._config,
                )
                tell = partial(_tell, self.endpoint)
                self._clients[service].meta.events.register("before-parameter-build", tell)
        return self._clients[service]


def _tell(endpoint: AwsEndpoint, params: Mapping[str, Any], model: Any, **_: Any) -> None:
    for ear in tuple(EARS):
        ear(endpoint, str(model.service_model.service_name), str(model.name), params)


def verified_aws(account: str) -> Aws | None:
    """Clients of an account that this process has verified: what a healer goes to after a kill."""
    endpoint = verified_account(account)
    return None if endpoint is None else Aws(endpoint)


@cache
def _isolated_session() -> botocore.session.Session:
    """A session that reads no variable, no file and no metadata service.

    Shared: it knows no account, and reading the models of services anew for each takes longer than
    most scenarios talk to AWS.
    """
    session = botocore.session.Session(include_builtin_handlers=True)
    for name, (_, _, default, convert) in list(session.session_var_map.items()):
        session.session_var_map[name] = (None, None, default, convert)
    session.full_config  # noqa: B018  read once, so that what follows stays
    session._config = {"profiles": {}}  # there is no public way
    # without ~/.aws/models, where files could say of any service that it is elsewhere
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return session


@contextmanager
def calling(doing: str, *, where: str = "") -> Iterator[None]:
    """What AWS or the network refuses becomes one of Rollproof's errors.

    Raises:
        EnvironmentUnavailable: it cannot be reached, or the credentials are not taken.
        NotProvenHere: an emulator says that it has nothing of the kind.
        AttemptFailed: the call was refused; the fact `code` holds AWS' own word for it.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise explained(error, doing=doing, where=where) from error


def explained(error: ClientError | BotoCoreError, *, doing: str, where: str = "") -> RollproofError:
    """The error in words that a person can act on."""
    if not isinstance(error, ClientError):
        return EnvironmentUnavailable(
            f"AWS cannot be reached: {error}",
            doing=doing,
            where=where,
            remedy="see whether the endpoint is up",
        )
    code = error.response.get("Error", {}).get("Code", "")
    said = error.response.get("Error", {}).get("Message", "") or "no message"
    if _LACKING in said:
        found = f"this emulator has no {error.operation_name} ({said})"
        return NotProvenHere(found, doing=doing, where=where)
    facts = {"code": code, "status": error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")}
    if code in EXPIRED:
        return EnvironmentUnavailable(
            f"the credentials are not taken ({code}: {said})",
            doing=doing,
            where=where,
            remedy="renew them and run the drill again",
            facts=facts,
        )
    remedy = ""
    if code in DENIED:
        remedy = f"let the role that drills call {error.operation_name}"
    elif code in THROTTLED:
        remedy = f"{ATTEMPTS} tries were refused; wait, or have the account's limit raised"
    return AttemptFailed(f"{code}: {said}", doing=doing, where=where, remedy=remedy, facts=facts)


def code_of(error: RollproofError) -> str:
    """AWS' own word for what it refused, such as `ResourceNotFoundException`; empty for other errors."""
    return str(error.facts.get("code") or "")
