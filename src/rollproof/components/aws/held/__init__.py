"""What stacks hold, each resource read by its own API: one function for a CloudFormation type."""

from rollproof.components.aws.held import access, apis, code, delivery, operations, stores
from rollproof.components.aws.held.base import Asked, Held, read, readable_types

__all__ = [
    "Asked",
    "Held",
    "access",
    "apis",
    "code",
    "delivery",
    "operations",
    "read",
    "readable_types",
    "stores",
]
