"""The staging environment: the user's own account and server, verified before anything is touched."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rollproof.environments.access import opener, remember
from rollproof.environments.base import AwsEndpoint, Obstacle, PostgresServer
from rollproof.environments.embedded.binaries import resolve_binaries
from rollproof.environments.embedded.ports import Ports
from rollproof.environments.embedded.scratch import Scratch, choose_root, usual_roots
from rollproof.environments.keeper import Keeper, KeeperSpec
from rollproof.environments.leftovers import undo_data
from rollproof.environments.staging.account import SESSION_SECONDS, drilling_endpoint, look_at_account
from rollproof.environments.staging.cluster_copy import ClusterCopy
from rollproof.environments.staging.database import server_of
from rollproof.environments.staging.guard import Guard, Verified, refused, said_of
from rollproof.environments.staging.holding import TAKE, hold, hold_to_heal
from rollproof.environments.staging.judge import judged
from rollproof.environments.staging.lock import SystemLock
from rollproof.environments.staging.sources import passwords_for
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, Locked, WrongPlace
from rollproof.journal import Event, Kind, Recorder
from rollproof.model.system import System

VERIFY = "environment.verify"
"""The act that a journal of such a run has before all others; whoever heals finds the place by it."""
NEEDED_BYTES = 100 * 2**20
"""For dumps and lists of rows; a template says how much more its database needs."""


class StagingEnvironment:
    """A place that outlives the drill, by the name that system files declare it under."""

    def __init__(self, name: str = "staging", *, scratch_root: Path | None = None) -> None:
        self.name = name
        self._roots = [scratch_root.absolute()] if scratch_root else None
        self._refused: dict[str, EnvironmentUnavailable] = {}

    def preflight(self, system: System) -> list[Obstacle]:
        """What stands in the way on this machine, and in the file. `open` looks at the place itself."""
        if self.name not in system.environments:
            there = ", ".join(f"[environments.{name}]" for name in system.environments) or "none"
            return [
                Obstacle(
                    f"{system.source} declares no [environments.{self.name}]; it has {there}",
                    "declare it, as docs/how-to/staging.md shows",
                )
            ]
        if sys.platform == "win32":
            return [Obstacle("drills need Linux or macOS", "use WSL")]
        root = choose_root(self._roots or usual_roots(), account=None, needed=NEEDED_BYTES)
        return [root] if isinstance(root, Obstacle) else []

    @contextmanager
    def open(self, system: System, recorder: Recorder) -> Iterator[OpenStaging]:
        """Verifies the place, takes its lock, then makes a scratch folder on this machine.

        Raises:
            WrongPlace: every reason why the place may not be touched.
            Locked: another drill is at work on the system there.
            EnvironmentUnavailable: it does not answer.
        """
        self._expect_ready(system)
        if system.name in self._refused:
            raise self._refused[system.name]
        scratch = Scratch.name(self._root())
        undo = undo_data(scratch.folder)
        with recorder.acting("environment.open", {"environment": self.name, "undo": undo}):
            verified = self._verify(system, recorder)
            lock = self._lock(system, verified, recorder)
            guardian = _guard(scratch)
        opened = OpenStaging(
            system, verified, scratch=scratch.folder, guardian=guardian, lock=lock, recorder=recorder
        )
        try:
            yield opened
        finally:
            opened.closed = True
            _close(guardian, recorder)

    def _verify(self, system: System, recorder: Recorder) -> Verified:
        """A place that was refused once is not looked at again for every scenario."""
        with recorder.acting(VERIFY, self._about(system)) as result:
            try:
                verified = Guard(system, self.name).verify()
            except WrongPlace as error:
                self._refused[system.name] = error
                raise
            result.update({"facts": said_of(verified)})
        return verified

    def _lock(self, system: System, verified: Verified, recorder: Recorder) -> SystemLock:
        """What was held by another is not waited for again by every scenario."""
        server = server_there(verified)
        remember(server=server, endpoint=verified.endpoint)
        try:
            return hold(system, verified, server, recorder)
        except Locked as error:
            self._refused[system.name] = error
            raise

    def _about(self, system: System) -> Mapping[str, str]:
        return {"environment": self.name, "system": system.name, "file": str(system.source)}

    def _root(self) -> Path:
        root = choose_root(self._roots or usual_roots(), account=None, needed=NEEDED_BYTES)
        assert isinstance(root, Path)  # looked at by preflight
        return root

    def _expect_ready(self, system: System) -> None:
        if obstacles := self.preflight(system):
            raise EnvironmentUnavailable(
                "; ".join(obstacle.found for obstacle in obstacles),
                doing=f"opening the environment {self.name}",
                remedy="; ".join(obstacle.remedy for obstacle in obstacles),
            )


class OpenStaging:
    """A verified place in use.

    Attributes:
        scratch: a private folder on this machine.
        guardian: keeps it.
        facts: for the report.
        lock: held until all is undone.
        label: what `{env}` stands for: the environment's name, and for a working copy the run as well.
        closed: nobody who still holds it gets anything from it.
    """

    def __init__(
        self,
        system: System,
        verified: Verified,
        *,
        scratch: Path,
        guardian: Keeper,
        lock: SystemLock | None,
        recorder: Recorder,
    ) -> None:
        self.name = verified.facts.environment
        self.scratch = scratch
        self.guardian = guardian
        self.system = system
        self.verified = verified
        self.lock = lock
        self.label = _label(verified, lock)
        self.closed = False
        self._ports = Ports()
        self._lock = threading.Lock()
        self._endpoint = verified.endpoint
        self._endpoint_since = time.monotonic()
        self._server = server_there(verified)
        self._copy = self._copied_cluster(recorder)
        self.facts = _facts(verified)
        remember(server=self._server, endpoint=self._endpoint, renew=self._current)

    @property
    def values(self) -> Mapping[str, str]:
        """What `{env}`, `{account}` and `{region}` stand for here."""
        aws = self.verified.facts.aws
        place = {"account": aws.account, "region": aws.region} if aws is not None else {}
        return {"env": self.label, **place}

    def postgres(self) -> PostgresServer:
        """The verified server, or that of the copy of its cluster, which may take a while to be made.

        Raises EnvironmentUnavailable where the environment has none, WrongPlace when the copy is not what
        was asked for.
        """
        self._expect_open()
        if self._server is None:
            raise EnvironmentUnavailable(
                f"[environments.{self.name}] has no database",
                where=str(self.system.source),
                remedy=f"add [environments.{self.name}.database]",
            )
        return self._server if self._copy is None else self._copy.server()

    def _copied_cluster(self, recorder: Recorder) -> ClusterCopy | None:
        """Not made yet; None where drills work on the verified server."""
        spec = self.verified.allowed.database
        if self._server is None or spec is None or spec.aurora is None:
            return None
        where = f"[environments.{self.name}] of {self.system.source}"
        return ClusterCopy(self.verified, self._server, recorder=recorder, endpoint=self.aws, where=where)

    def aws(self, *, account: str | None = None) -> AwsEndpoint:
        """The one account that there is, whichever was asked for.

        Raises EnvironmentUnavailable where the environment has none, or STS does not answer; WrongPlace
        when a renewed session is of another account.
        """
        self._expect_open()
        return self._current()

    def _current(self) -> AwsEndpoint:
        """The same for healers, which come when it is closed."""
        with self._lock:
            if self._endpoint is None:
                raise EnvironmentUnavailable(
                    f"[environments.{self.name}] has no AWS account",
                    where=str(self.system.source),
                    remedy="add `aws_account`, `region` and whose credentials count",
                )
            if self._is_old():
                self._renew()
            return self._endpoint

    def _expect_open(self) -> None:
        if self.closed:
            raise EnvironmentUnavailable(f"the environment {self.name} is closed", remedy="open another")

    def _is_old(self) -> bool:
        """A drill that begins with a session must end with it: half its time is for that."""
        since = time.monotonic() - self._endpoint_since
        return bool(self.verified.allowed.role_arn) and since > SESSION_SECONDS / 2

    def _renew(self) -> None:
        allowed = self.verified.allowed
        endpoint = drilling_endpoint(allowed)
        aws = look_at_account(endpoint, allowed, self.system, self.name)
        if found := judged(replace(self.verified.facts, aws=aws), allowed, healing=True):
            raise refused(found, f"[environments.{self.name}] of {self.system.source}")
        self._endpoint, self._endpoint_since = endpoint, time.monotonic()
        remember(endpoint=endpoint, renew=self._current)

    def free_port(self) -> int:
        """A port on 127.0.0.1 that nothing listens on."""
        return self._ports.take()


def _label(verified: Verified, lock: SystemLock | None) -> str:
    """Short, for names of resources have limits; workers of a run have copies of their own."""
    name = verified.facts.environment
    return name if verified.allowed.stacks == "in-place" or lock is None else f"{name}-rp{lock.copy}"


def server_there(verified: Verified) -> PostgresServer | None:
    """The verified server. Raises EnvironmentUnavailable: no client programs here are new enough."""
    target, server, spec = verified.facts.target, verified.facts.server, verified.allowed.database
    if target is None or server is None or spec is None:
        return None
    programs = resolve_binaries(major=server.major)
    if programs.major < server.major:
        raise EnvironmentUnavailable(
            f"the server is PostgreSQL {server.major}, and the client programs here are of {programs.major}",
            doing="looking for pg_dump and psql",
            remedy=f"install the client programs of PostgreSQL {server.major}, or set ROLLPROOF_PG_BIN",
        )
    return server_of(
        target,
        server,
        bin_dir=programs.bin_dir,
        passwords=passwords_for(spec),
        allowed=verified.allowed,
        root=verified.root,
    )


def _facts(verified: Verified) -> Mapping[str, str]:
    server, aws, found = verified.facts.server, verified.facts.aws, {}
    if server is not None:
        found["postgres"] = f"{server.version // 10000}.{server.version % 10000}"
        found["system identifier"] = server.system_identifier
        found["works on"] = verified.allowed.touch
    if aws is not None:
        found["aws"] = f"account {aws.account} in {aws.region}" + (
            f", at {aws.endpoint}" if aws.endpoint != "AWS" else ""
        )
    return found


def _guard(scratch: Scratch) -> Keeper:
    spec = KeeperSpec(
        name="the scratch folder",
        scratch=scratch.folder,
        make=list(scratch.own_folders(None)),
        remove=[scratch.folder, *scratch.apart],
    )
    return Keeper.start(spec)


def _close(guardian: Keeper, recorder: Recorder) -> None:
    begun: Event = recorder.begin("environment.close", {"folder": str(guardian.spec.scratch)})
    left = guardian.stop().left
    if not left:
        recorder.close(begun, Kind.OK, {})
        return
    recorder.close(begun, Kind.FAIL, {"found": "not removed", "folder": list(left)})
    raise AttemptFailed(
        f"what the drill left cannot be removed: {', '.join(left)}", remedy="remove it by hand"
    )


@opener
def verify_places_again(events: Sequence[Event]) -> None:
    """Verifies the environments of a journal's run, so that its healers may go there."""
    from rollproof.model.systemfile import read_system

    seen = set()
    for event in events:
        if event.act != VERIFY or event.kind is not Kind.BEGIN:
            continue
        file, name = str(event.data["file"]), str(event.data["environment"])
        if (file, name) in seen:
            continue
        seen.add((file, name))
        system = read_system(Path(file))
        if name not in system.environments:
            raise WrongPlace(
                f"the run was on [environments.{name}], which {file} does not declare any more",
                doing="verifying a place again before a run there is healed",
                remedy="declare it as it was, then run `rollproof heal` again",
            )
        verified = Guard(system, name, healing=True).verify()
        remember(server=server_there(verified), endpoint=verified.endpoint)
        if any(event.act == TAKE and event.data.get("name") == system.name for event in events):
            hold_to_heal(system, verified, server_there(verified), run=event.run)
