"""The entry point, in the shape that AWS Lambda calls: `handler(event, context)`.

Behind API Gateway it is the function; on a developer's machine `app.py` serves the same function over HTTP.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from alquimista_api import endpoints
from alquimista_api.messages import Answer, Refusal, Request

Endpoint = Callable[[Request], Answer]

ROUTES: Mapping[tuple[str, str], Endpoint] = {
    ("GET", "/health"): endpoints.health,
    ("GET", "/agents"): endpoints.list_agents,
    ("GET", "/leads"): endpoints.list_leads,
    ("POST", "/leads"): endpoints.create_lead,
    ("GET", "/leads/{external_ref}"): endpoints.show_lead,
    ("DELETE", "/leads/{external_ref}"): endpoints.delete_lead,
    ("GET", "/pipeline"): endpoints.pipeline,
    ("POST", "/events"): endpoints.create_event,
    ("GET", "/plans"): endpoints.list_plans,
    ("GET", "/routing"): endpoints.routing_board,
}


def handler(event: Mapping[str, object], context: object = None) -> dict[str, object]:
    """Answers one request. Every refusal is JSON: `{"error": code, ...}`, without row values."""
    del context
    return serve(event, ROUTES).event()


def serve(event: Mapping[str, object], routes: Mapping[tuple[str, str], Endpoint]) -> Answer:
    """The answer to one request by these routes."""
    request = Request.of(event)
    route = _route(request.path)
    try:
        answer = _endpoint(routes, request.method, route)(request)
    except Refusal as refusal:
        answer = Answer(refusal.status, {"error": refusal.code, **refusal.facts})
    _log(request.method, route, answer)
    return answer


def _route(path: str) -> str:
    return "/leads/{external_ref}" if path.startswith("/leads/") and path != "/leads/" else path


def _endpoint(routes: Mapping[tuple[str, str], Endpoint], method: str, route: str) -> Endpoint:
    if endpoint := routes.get((method, route)):
        return endpoint
    if any(known == route for _, known in routes):
        raise Refusal(405, "method_not_allowed")
    raise Refusal(404, "route_unknown")


def _log(method: str, route: str, answer: Answer) -> None:
    """One line for each answer that says the service is at fault; the route, not the path: no values."""
    if answer.status >= 500:
        sys.stderr.write(f"{method} {route} {answer.status} {answer.document}\n")
        sys.stderr.flush()
