"""The working copy of an Aurora cluster: made once a run, when a database is first asked for."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rollproof.environments.access import remember
from rollproof.environments.base import AwsEndpoint, PostgresServer
from rollproof.environments.staging import said
from rollproof.environments.staging.database import look_at, server_of
from rollproof.environments.staging.facts import ServerFacts
from rollproof.environments.staging.guard import Verified, refused
from rollproof.environments.staging.judge import judged_copy
from rollproof.environments.staging.target import Target, addresses_of
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, RollproofError
from rollproof.journal import Recorder
from rollproof.model.environments import Aurora
from rollproof.model.json import Json
from rollproof.waiting import eventually

if TYPE_CHECKING:
    from rollproof.components.aws.clients import Aws

NAME_SECONDS = 300.0
"""How long the name of a new endpoint may take to be known, and its server to let us in."""
_DOING = "making a copy of the cluster"


class ClusterCopy:
    """One cluster for one run, or worker of a run; it is deleted by what the journal says of it."""

    def __init__(
        self,
        verified: Verified,
        source: PostgresServer,
        *,
        recorder: Recorder,
        endpoint: Callable[[], AwsEndpoint],
        where: str,
    ) -> None:
        """`where`: the environment and the file it stands in, for messages."""
        self.verified = verified
        self.source = source
        self.recorder = recorder
        self._endpoint = endpoint
        self._where = where
        self._lock = threading.Lock()
        self._using: Aws | None = None
        self._server: PostgresServer | None = None
        self._error: RollproofError | None = None

    def server(self) -> PostgresServer:
        """The copy's server, once it lets the drill's role in; made when first asked for.

        Raises WrongPlace with every reason not to work on it, EnvironmentUnavailable or AttemptFailed
        when there is none in time; the same again whenever it is asked for in this run.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._server is None:
                try:
                    self._server = self._make()
                except RollproofError as error:
                    self._error = error
                    raise
                remember(server=self._server)
            return self._server

    def _make(self) -> PostgresServer:
        from rollproof.components.aws.clusters import undo_cluster

        aws, declared, facts = self._aws(), self._declared, self.verified.facts
        assert facts.cluster is not None
        run = self.recorder.journal.run
        name = f"rollproof-{run.lower()}-{secrets.token_hex(2)}"
        announced: dict[str, Json] = {
            "name": name,
            "kind": declared.take,
            "sources": [facts.cluster.snapshot or declared.cluster],
            "undo": undo_cluster(aws, name, run=run, limit=declared.limit),
        }
        with self.recorder.acting("cluster.clone", announced) as result:
            target = self._copied(name, run)
            server = self._look(target)
            if found := judged_copy(facts, target, server, self.verified.allowed):
                raise refused(found, self._where)
            result.update(self._said(name, target, server))
        return replace(
            server_of(
                target,
                server,
                bin_dir=self.source.bin_dir,
                passwords=self.source.role_passwords,
                allowed=self.verified.allowed,
                root=self.verified.root,
            ),
            cluster=name,
        )

    @property
    def _declared(self) -> Aurora:
        spec = self.verified.allowed.database
        assert spec is not None
        assert spec.aurora is not None
        return spec.aurora

    def _aws(self) -> Aws:
        """With credentials that hold now; another object only when they are others."""
        from rollproof.components.aws.clients import Aws

        endpoint = self._endpoint()
        if self._using is None or self._using.endpoint != endpoint:
            self._using = Aws(endpoint)
        return self._using

    def _copied(self, name: str, run: str) -> Target:
        """Where the copy answers: host and port of its endpoint; all else is as in the source's DSN."""
        from rollproof.components.aws.clusters import cluster_of, copy_cluster, wait_until_available

        declared, facts = self._declared, self.verified.facts
        assert facts.cluster is not None
        assert facts.target is not None
        source = cluster_of(self._aws(), declared.cluster)
        if source is None:
            raise AttemptFailed("the cluster is gone", doing=_DOING, where=declared.cluster)
        snapshot, chosen = facts.cluster.snapshot, declared.instance_class
        copy_cluster(self._aws(), source, name, run=run, snapshot=snapshot, instance_class=chosen)
        made = wait_until_available(self._aws, name, limit=declared.limit)
        host, port = str(made["Endpoint"]), str(made["Port"])
        known = eventually(lambda: addresses_of(host), within=NAME_SECONDS, what=f"{host} has an address")
        return replace(
            facts.target, source=f"cluster {name}", host=host, port=port, hostaddr="", resolved=known
        )

    def _look(self, target: Target) -> ServerFacts:
        """Asked again while it does not answer: an endpoint is named before it lets anybody in."""
        last: list[EnvironmentUnavailable] = []

        def look() -> ServerFacts | None:
            try:
                return look_at(target, self.verified.allowed)
            except EnvironmentUnavailable as error:
                if type(error) is not EnvironmentUnavailable:
                    raise
                last.append(error)
                return None

        try:
            return eventually(look, within=NAME_SECONDS, what=f"{target.host} lets the drill in", every=1.0)
        except AttemptFailed:
            raise last[-1] if last else EnvironmentUnavailable("it does not answer", doing=_DOING) from None

    def _said(self, name: str, target: Target, server: ServerFacts) -> dict[str, Json]:
        facts = self.verified.facts
        assert facts.cluster is not None
        source, taken = facts.cluster.name, facts.cluster.taken
        clone = said.cluster(source, datetime.now(UTC))
        what = said.from_snapshot(source, facts.cluster.snapshot, taken) if taken else clone
        return {
            "found": what,
            "reason": f"the rows are those of {said.moment(taken)}" if taken else "",
            "name": name,
            "sources": [facts.cluster.snapshot or facts.cluster.name],
            "host": target.host,
            "port": target.port,
            "system_identifier": server.system_identifier,
            "bytes": server.bytes,
            "facts": {
                "same identifier as its source": server.system_identifier == self.source.system_identifier,
                **({"taken": taken.isoformat(timespec="seconds")} if taken else {}),
            },
        }
