"""fibonacci-list-agents: the agents that can be put to work, and what they cost."""

from __future__ import annotations

from agents import list_agents, operations
from alquimista_api import endpoints
from alquimista_aws.entry import handler as made_for

handler = made_for(
    {
        ("GET", "/health"): endpoints.health,
        ("GET", "/agents"): list_agents,
        ("GET", "/plans"): endpoints.list_plans,
        ("GET", "/operations"): operations,
    }
)
