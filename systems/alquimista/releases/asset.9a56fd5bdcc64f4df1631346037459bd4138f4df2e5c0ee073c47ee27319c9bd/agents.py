"""The agents, and what only the operator may see of them."""

from __future__ import annotations

import os

from alquimista_api.database import session
from alquimista_api.messages import Answer, Request
from alquimista_aws import secrets, settings

LIST = (
    "SELECT id, code, kind::text AS kind, display_name, skills"
    " FROM fibonacci_core.agents WHERE is_enabled ORDER BY id LIMIT %s"
)
COUNT = (
    "SELECT kind::text AS kind, count(*) AS agents, count(*) FILTER (WHERE is_enabled) AS enabled"
    " FROM fibonacci_core.agents GROUP BY kind ORDER BY kind"
)


def list_agents(_: Request) -> Answer:
    """The enabled agents, as many as the setting agents/page-size allows."""
    with session() as database:
        agents = database.execute(LIST, [settings.number("agents/page-size")]).fetchall()
    by_code = {agent["name"]: agent for agent in agents}
    return Answer(200, {"agents": list(by_code.values()), "release": os.environ["RELEASE"]})


def operations(request: Request) -> Answer:
    """What runs, for whoever has the key."""
    secrets.require_key(request)
    with session() as database:
        kinds = database.execute(COUNT).fetchall()
    return Answer(200, {"release": os.environ["RELEASE"], "agents": kinds})
