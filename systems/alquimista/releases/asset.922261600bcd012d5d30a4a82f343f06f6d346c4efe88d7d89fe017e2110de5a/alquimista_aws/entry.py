"""The entry point that the Python functions behind API Gateway share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alquimista_api import database
from alquimista_api.handler import Endpoint, serve

from alquimista_aws import secrets

Handler = Callable[[Mapping[str, object], object], dict[str, object]]


class Fault(Exception):
    """The service is at fault, not the client."""


def handler(routes: Mapping[tuple[str, str], Endpoint]) -> Handler:
    """A Lambda handler for these routes.

    A fault of the service is raised, not answered: only so does it count as an error of the function, which
    the alarm watches. API Gateway makes a 502 of it, and the log says why.
    """
    database.find_dsn = secrets.database

    def handle(event: Mapping[str, object], context: object = None) -> dict[str, object]:
        del context
        answer = serve(event, routes)
        if answer.status >= 500:
            raise Fault(answer.document)
        return answer.event()

    return handle
