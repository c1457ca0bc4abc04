"""How the containers environment is set up: `[containers]`. Everything has a default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rollproof.model.spec import Seconds, Spec

Port = Annotated[int, Field(ge=1024, le=65535)]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=80)]


class Containers(Spec):
    """Which images are run, on which ports, and with what rights."""

    postgres_image: str = ""
    """the official image of the database's major version when empty: `postgres:17`"""
    localstack_image: str = ""
    """`localstack/localstack:4.14.0` when empty, the last one that needs no token"""
    token_env: Variable = "LOCALSTACK_AUTH_TOKEN"  # noqa: S105  a name
    """variable that holds a LocalStack token; used where it is set"""
    join: Literal["auto", "always", "never"] = "auto"
    """whether containers of a running docker-compose.localstack.yml are used instead of new ones"""
    postgres_port: Port | None = None
    """port on 127.0.0.1; a free one when left out, which drills at the same time need"""
    aws_port: Port | None = None
    """port on 127.0.0.1; a free one when left out"""
    lambda_executor: Literal["docker", "none"] = "docker"
    """whether LocalStack may use the engine's socket, without which it runs no functions; whoever has
    that socket has the rights of root on the engine's machine"""
    start_limit: Seconds = 120.0
    """how long a container may take until it answers; pulling its image is not counted"""
