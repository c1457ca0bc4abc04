"""Importing this registers every healer, so that any journal can be healed."""

from rollproof.components.aws import (
    aliasundo,
    buckets,
    clusters,
    reopening,
    serviceundo,
    site_undo,
    stack_undo,
    tableundo,
)
from rollproof.components.postgres import admin
from rollproof.components.postgres.acts import access
from rollproof.environments import healers, staging

__all__ = [
    "access",
    "admin",
    "aliasundo",
    "buckets",
    "clusters",
    "healers",
    "reopening",
    "serviceundo",
    "site_undo",
    "stack_undo",
    "staging",
    "tableundo",
]
