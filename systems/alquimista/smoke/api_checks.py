"""The smoke checks of the two APIs in AWS. They leave nothing behind either."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from asking import OTHER_TENANT, TENANT, ask, refused

ApiCheck = Callable[[str], str | None]
"""given the API's base URL, what is wrong, or None"""


def is_healthy(path: str = "/health") -> ApiCheck:
    """A check that a path which tries what the function depends on answers 200."""

    def check(url: str) -> str | None:
        status, document = ask(url, "GET", path)
        return None if status == 200 else refused(status, document)

    return check


def agents_are_listed(url: str) -> str | None:
    """At least one agent can be put to work."""
    status, document = ask(url, "GET", "/agents")
    if status != 200:
        return refused(status, document)
    return None if document["agents"] else "no agents"


def operations_are_closed(url: str) -> str | None:
    """The operator's part opens to nobody without a key, nor with a wrong one."""
    found = [
        ask(url, "GET", "/operations", headers=headers)[0]
        for headers in ({}, {"x-api-key": str(uuid.uuid4())})
    ]
    return None if found == [401, 403] else f"without a key, and with a wrong one, answered {found}"


def lead_is_written_and_read(url: str) -> str | None:
    """A lead that is written heads the tenant's list, is seen by no other, and is gone once deleted."""
    reference = f"smoke-{uuid.uuid4()}"
    lead = {"external_ref": reference, "company_name": "Fumaça & Espelhos"}
    status, document = _for(url, "POST", "/leads", body=lead)
    if status != 201:
        return f"create {refused(status, document)}"
    try:
        return _lead_is_there(url, reference)
    finally:
        _for(url, "DELETE", f"/leads/{reference}")
        _for(url, "DELETE", f"/commands/enrich-{reference}")


def _lead_is_there(url: str, reference: str) -> str | None:
    status, document = _for(url, "GET", "/leads?limit=5")
    if status != 200:
        return f"the list {refused(status, document)}"
    if reference not in [lead["external_ref"] for lead in document["leads"]]:
        return "the new lead is not among the newest"
    path = f"/leads/{reference}"
    found = [_for(url, "GET", path)[0], _for(url, "GET", path, tenant=OTHER_TENANT)[0]]
    found += [_for(url, "DELETE", path)[0], _for(url, "GET", path)[0]]
    if found == [200, 404, 204, 404]:
        return None
    return f"read, read by another tenant, delete, read again answered {found}, not [200, 404, 204, 404]"


def command_is_written_and_read(url: str) -> str | None:
    """A command that is written can be read and listed, and is gone once deleted."""
    command = f"smoke-{uuid.uuid4()}"
    path = f"/commands/{command}"
    status, document = _for(url, "POST", "/commands", body={"command_id": command, "kind": "smoke.test"})
    if status != 201:
        return f"create {refused(status, document)}"
    found = [_for(url, "GET", path)[0], _for(url, "GET", path, tenant=OTHER_TENANT)[0]]
    found += [_for(url, "DELETE", path)[0], _for(url, "GET", path)[0]]
    if found == [200, 404, 204, 404]:
        return None
    return f"read, read by another tenant, delete, read again answered {found}, not [200, 404, 204, 404]"


def _for(url: str, method: str, path: str, *, tenant: str = TENANT, body: object = None) -> tuple[int, Any]:
    return ask(url, method, path, headers={"X-Tenant": tenant}, body=body)


API_CHECKS: Mapping[str, Mapping[str, ApiCheck]] = {
    "API_URL_FIBONACCI": {
        "the agents' API is healthy": is_healthy(),
        "its agents are listed": agents_are_listed,
        "its operator's part is closed": operations_are_closed,
    },
    "API_URL_NIGREDO": {
        "the leads' API is healthy": is_healthy(),
        "its commands are healthy": is_healthy("/commands/health"),
        "a lead is written and read": lead_is_written_and_read,
        "a command is written and read": command_is_written_and_read,
    },
}
"""variable that holds an API's base URL -> what is asked of it"""


def api_checks() -> dict[str, Callable[[], str | None]]:
    """The checks of the APIs whose addresses the environment holds."""
    return {
        name: partial(check, url)
        for variable, checks in API_CHECKS.items()
        if (url := os.environ.get(variable))
        for name, check in checks.items()
    }
