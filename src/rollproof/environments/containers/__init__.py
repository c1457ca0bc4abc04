"""The environment of containers: LocalStack and Postgres in an engine on this machine."""

from rollproof.environments.containers.environment import ContainersEnvironment
from rollproof.environments.containers.opened import OpenContainers

__all__ = ["ContainersEnvironment", "OpenContainers"]
