"""The AWS emulator in a container: how it is started, when it is ready, and what it says that it is."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from rollproof.environments.base import AwsEndpoint
from rollproof.environments.containers.container import LABEL, ContainerSpec, Running
from rollproof.environments.containers.engine import Engine
from rollproof.environments.embedded.emulator import DEFAULT_ACCOUNT, REGION
from rollproof.environments.embedded.ports import LOOPBACK
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, RollproofError
from rollproof.model.containers import Containers
from rollproof.waiting import eventually

HEALTH = "/_localstack/health"
_MINISTACK = "/_ministack/health"
STATE = "/var/lib/localstack"
SOCKET = "/var/run/docker.sock"
_VERSION = re.compile(r"[\w.+:-]{1,40}")


def emulator_spec(
    *, engine: Engine, image: str, port: int, environment: str, run: str, spec: Containers
) -> ContainerSpec:
    """What to start. The port is the same inside, so that the addresses that it hands out hold here."""
    volumes = [(f"{environment}-aws", STATE, "rw")]
    if spec.lambda_executor == "docker":
        volumes.append((urlsplit(engine.host).path, SOCKET, "rw"))
    return ContainerSpec(
        role="aws",
        image=image,
        port=port,
        environment=environment,
        run=run,
        network=environment,
        env={**_listening(port), **_functions(environment, spec), **_token(spec)},
        volumes=volumes,
    )


def _listening(port: int) -> Mapping[str, str]:
    return {
        "GATEWAY_LISTEN": f"0.0.0.0:{port}",  # inside the container; it is published on 127.0.0.1 alone
        "LOCALSTACK_HOST": f"{LOOPBACK}:{port}",
        "DISABLE_EVENTS": "1",  # it reports nothing of its use to its maker
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "PERSISTENCE": "0",
        "EAGER_SERVICE_LOADING": "0",
    }


def _functions(environment: str, spec: Containers) -> Mapping[str, str]:
    """Functions run in containers of their own, beside it in the network, and go away with the rest."""
    if spec.lambda_executor == "none":
        return {}
    return {
        "LAMBDA_RUNTIME_EXECUTOR": "docker",
        "DOCKER_HOST": f"unix://{SOCKET}",
        "LAMBDA_DOCKER_NETWORK": environment,
        "MAIN_DOCKER_NETWORK": environment,
        "MAIN_CONTAINER_NAME": f"{environment}-aws",
        "LAMBDA_DOCKER_FLAGS": f"--label {LABEL}={environment}",
        "LAMBDA_REMOVE_CONTAINERS": "1",
    }


def _token(spec: Containers) -> Mapping[str, str]:
    found = os.environ.get(spec.token_env, "")
    return {"LOCALSTACK_AUTH_TOKEN": found} if found else {}


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Attributes:
        running: its container; None when it was found running outside of one.
        version: as it says it, such as `localstack 4.14.0 (community)`.
        apart: whether what is done in one account is unseen in another; found out.
        private: whether it was started for this run alone.
    """

    running: Running
    version: str
    apart: bool
    private: bool

    @property
    def url(self) -> str:
        return url_at(self.running.port)

    def account(self, number: str | None) -> AwsEndpoint:
        """A fresh account where accounts are apart; else the only one there is, which is not private.

        Raises EnvironmentUnavailable when it has died.
        """
        if not self.running.alive:
            raise self.running.death("the AWS container")
        return endpoint(
            self.url,
            (number or DEFAULT_ACCOUNT) if self.apart else DEFAULT_ACCOUNT,
            emulator=self.version,
            private=self.private and self.apart,
        )


def url_at(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def endpoint(url: str, account: str, *, emulator: str, private: bool) -> AwsEndpoint:
    return AwsEndpoint(
        url=url,
        region=REGION,
        account=account,
        access_key=account,
        secret_key="of-an-emulator",  # noqa: S106  it takes any
        emulator=emulator,
        private=private,
    )


def wait_until_healthy(running: Running, *, within: float) -> str:
    """Waits until it answers; what it says that it is.

    Raises EnvironmentUnavailable when the container has ended, or it takes longer.
    """

    def said() -> str | None:
        if not running.alive:
            raise AttemptFailed("it has ended")
        return what_answers(url_at(running.port))

    try:
        return eventually(said, within=within, what="it answers", every=0.1)
    except AttemptFailed as error:
        raise running.death("the AWS container", error.found) from error


def what_answers(url: str) -> str | None:
    """`localstack 4.14.0 (community)` when that is what answers at a URL; None when nothing of the kind does.

    Another emulator may answer where LocalStack does; it is called by its own name where that is known.
    """
    body = _asked(url + HEALTH)
    if body is None or not isinstance(body.get("services"), dict):
        return None
    name = "localstack" if _asked(url + _MINISTACK) is None else "ministack"
    version, edition = (_word(body.get(key)) for key in ("version", "edition"))
    return f"{name} {version} ({edition})" if edition else f"{name} {version}"


def _asked(url: str) -> dict[str, Any] | None:
    """The JSON object that answers with status 200, or None."""
    try:
        answer = httpx.get(url, timeout=5.0, trust_env=False)
        body = answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None
    return body if isinstance(body, dict) else None


def _word(value: object) -> str:
    """A version or edition; nothing else that an endpoint may say gets into a report."""
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else ""


def accounts_are_apart(url: str, *, emulator: str) -> bool:
    """Tries it: a parameter put in one account must not be there in another. It is deleted again.

    Raises EnvironmentUnavailable when the emulator cannot be asked.
    """
    from rollproof.components.aws.clients import Aws, calling, code_of

    one, other = (Aws(endpoint(url, _digits(), emulator=emulator, private=False)) for _ in range(2))
    name = f"/rollproof/{secrets.token_hex(8)}"
    try:
        with calling("trying whether accounts are apart", where=url):
            one.client("ssm").put_parameter(Name=name, Value="here", Type="String")
        try:
            with calling("trying whether accounts are apart", where=url):
                other.client("ssm").get_parameter(Name=name)
        except AttemptFailed as error:
            if code_of(error) != "ParameterNotFound":
                raise
            return True
        return False
    except RollproofError as error:
        raise EnvironmentUnavailable(
            error.found,
            doing="trying whether the emulator's accounts are apart",
            where=url,
            remedy="see whether this image is an AWS emulator with Systems Manager's parameters",
        ) from error
    finally:
        _delete(one, name)


def _digits() -> str:
    return str(secrets.randbelow(8 * 10**11) + 10**11)


def _delete(aws: Any, name: str) -> None:
    from contextlib import suppress

    from rollproof.components.aws.clients import calling

    with suppress(RollproofError), calling("deleting a parameter", where=name):
        aws.client("ssm").delete_parameter(Name=name)
