"""The releases, oldest first: what each has, and in which one way a broken one is broken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """A release as data. Code that differs is in `overlays/<name>/`, laid over functions/ and frontend/.

    Attributes:
        memory: of each function, in MB.
        retention: of logs, in days.
        page_size: how many agents are listed at most.
        routes: whether plans and the pipeline can be asked for.
        database_secret: name of the secret that list-agents is told, after the environment's prefix.
        gate: whether the release may go in; a closed one refuses its own deployment.
        waits: whether its deployment waits for a signal that nobody sends.
        forgets: the file that the frontend's build leaves out.
    """

    name: str
    broken: str = ""
    memory: int = 256
    retention: int = 30
    page_size: int = 100
    routes: bool = True
    database_secret: str = "database"  # noqa: S105  a name
    gate: str = ""
    waits: bool = False
    forgets: str = ""


RELEASES = (
    Release("2.3.0", memory=128, retention=14, page_size=50, routes=False),
    Release("2.4.0"),
    Release("2.5.0-handler-bug", "handler-bug"),
    Release("2.5.0-wrong-variable", "wrong-variable", database_secret="databse"),  # noqa: S106
    Release("2.5.0-missing-migration", "missing-migration"),
    Release("2.5.0-feature-bug", "feature-bug"),
    Release("2.5.0-slow", "slow"),
    Release("2.5.0-failing-create", "failing-create", memory=512, page_size=200, waits=True),
    Release("2.5.0-failing-update", "failing-update", memory=512, page_size=200, gate="closed"),
    Release("2.5.0-frontend-missing-asset", "frontend-missing-asset", forgets="style.css"),
    Release("2.5.0-frontend-script-error", "frontend-script-error"),
)
