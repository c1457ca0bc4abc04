"""Where a System runs. Environments only hand out where things are; components talk to them."""

from rollproof.environments.base import Environment, Obstacle, OpenEnvironment, PostgresServer

__all__ = ["Environment", "Obstacle", "OpenEnvironment", "PostgresServer"]
