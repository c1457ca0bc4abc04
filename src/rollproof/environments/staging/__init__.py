"""Staging: named environments that outlive a drill, behind a guard."""

from rollproof.environments.staging.environment import OpenStaging, StagingEnvironment

__all__ = ["OpenStaging", "StagingEnvironment"]
