"""A caching edge before a CloudFront distribution of an emulator that never caches. Provided by the suite.

Without one a forgotten invalidation goes unseen. It is a small program of our own, `edge_program`, and
not an HTTP cache from a library: those follow RFC 9111, and CloudFront departs from it exactly where
rollbacks go wrong (minimum TTLs, errors that are kept, invalidations, the query left out of the key).
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from rollproof.environments.base import AwsEndpoint, OpenEnvironment
from rollproof.environments.embedded import edge_program
from rollproof.environments.embedded.ports import LOOPBACK
from rollproof.environments.keeper import Keeper, KeeperSpec, inherited_environment
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.waiting import eventually

START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class CachingEdge:
    """A running edge; its cache is empty at first and goes away with it."""

    keeper: Keeper
    port: int

    @classmethod
    def start(
        cls, *, environment: OpenEnvironment, endpoint: AwsEndpoint, distribution: str, domain: str
    ) -> CachingEdge:
        """Starts an edge before one distribution and waits until it listens.

        Raises EnvironmentUnavailable: the endpoint is AWS itself, which has edges of its own, or the
        program does not start; with the end of its log.
        """
        if endpoint.url is None:
            raise EnvironmentUnavailable("CloudFront has edges of its own", where=distribution)
        port = environment.free_port()
        about: dict[str, str | int] = {
            "endpoint": endpoint.url,
            "account": endpoint.account,
            "region": endpoint.region,
            "distribution": distribution,
            "domain": domain,
            "port": port,
        }
        edge = cls(Keeper.start(_spec(environment.scratch, about), within=environment.guardian), port)
        try:
            edge._wait(distribution)
        except BaseException:
            edge.stop()
            raise
        return edge

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def _wait(self, distribution: str) -> None:
        def listens() -> bool:
            if not self.keeper.alive:
                raise AttemptFailed("it ended")
            try:
                socket.create_connection((LOOPBACK, self.port), timeout=1.0).close()
            except OSError:
                return False
            return True

        try:
            eventually(listens, within=START_SECONDS, what="the caching edge listens")
        except AttemptFailed as error:
            said = " | ".join(self.keeper.log_tail(3).splitlines()) or "nothing"
            raise EnvironmentUnavailable(
                f"the caching edge does not start: {error.found}; last it said: {said}", where=distribution
            ) from error

    def stop(self) -> None:
        self.keeper.stop()


def _spec(scratch: Path, about: dict[str, str | int]) -> KeeperSpec:
    program = str(Path(edge_program.__file__))
    return KeeperSpec(
        name=f"the caching edge of {about['distribution']}",
        scratch=scratch,
        argv=(sys.executable, "-I", "-S", program, json.dumps(about)),
        env=inherited_environment("LANG"),
        cwd=scratch,
        log=scratch / f"edge-{about['port']}.log",
        ladder=((signal.SIGTERM, 2.0),),
    )
