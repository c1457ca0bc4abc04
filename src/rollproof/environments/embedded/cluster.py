"""One private Postgres cluster: made, started, and kept so that it ends with its owner."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rollproof.environments.base import LIBRARY_PATHS, PostgresServer
from rollproof.environments.embedded.account import Account, as_named_user, can_run
from rollproof.environments.embedded.binaries import Binaries
from rollproof.environments.embedded.ports import LOOPBACK, Ports
from rollproof.environments.embedded.relocation import readable_copy
from rollproof.environments.embedded.scratch import Scratch
from rollproof.environments.embedded.standins import can_be_given_more, with_standins
from rollproof.environments.embedded.startup_errors import failed, not_runnable
from rollproof.environments.keeper import Folder, Keeper, KeeperSpec, inherited_environment
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.waiting import eventually

SUPERUSER = "postgres"
SOCKET_PORT = 5432
"""Part of a socket's name; nothing listens on that port."""

SETTINGS = """
# Only drills run here: nothing has to outlive the machine, but everything must outlive the server
# being killed. So fsync is off, while commits are still written before they are acknowledged.
fsync = off
synchronous_commit = on
full_page_writes = on
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_wal_size = 256MB
min_wal_size = 80MB
checkpoint_timeout = 30min
max_connections = 100
max_locks_per_transaction = 256
shared_buffers = 128MB
# Shared memory in /dev/shm is small in containers and stays behind when the server is killed.
dynamic_shared_memory_type = mmap
huge_pages = off
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
# Statements hold values, and logs are shown to people.
log_min_error_statement = panic
log_statement = none
"""

_INIT_SECONDS = 120.0
_START_SECONDS = 60.0
_PORT_TRIES = 5
_STATUS_LINE = 7  # of postmaster.pid: starting, ready, stopping (miscadmin.h, LOCK_FILE_LINE_PM_STATUS)
_END_LADDER = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 6.0))
"""A fast shutdown, then an immediate one, in which the server kills what hangs after 5 seconds."""


@dataclass(frozen=True, slots=True)
class Locale:
    """How text is sorted and classified, the same on every machine."""

    options: tuple[str, ...]
    name: str


BUILTIN = Locale(("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"), "C.UTF-8 (builtin)")
LIBC = Locale(("--locale=C.UTF-8",), "C.UTF-8 (libc)")
PLAIN = Locale(("--locale=C",), "C")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster."""

    server: PostgresServer
    keeper: Keeper
    locale: str

    def check(self) -> PostgresServer:
        """Where the server is. Raises EnvironmentUnavailable when it has died."""
        if not self.keeper.alive:
            raise EnvironmentUnavailable(
                f"the embedded Postgres has stopped by itself (exit code {self.keeper.exit_code}); "
                f"its log ends:\n{self.keeper.log_tail()}",
                remedy="start the drill again",
            )
        return self.server


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    """Where and with what a cluster is to be made.

    Attributes:
        guardian: the keeper of the scratch folder, which ends after everything in it.
        account: who the server runs as, when not oneself.
    """

    scratch: Scratch
    binaries: Binaries
    guardian: Keeper
    account: Account | None
    ports: Ports

    @property
    def data(self) -> Path:
        return self.scratch.server / "data"

    def start(self) -> Cluster:
        """Makes the cluster and starts its server; returns when it accepts connections.

        Raises:
            EnvironmentUnavailable: with the end of the log.
        """
        programs = self._runnable_programs()
        if self.scratch.sockets is not None:
            locale = self._init(programs, "--auth-local=trust", "--auth-host=reject")
            return self._run(programs, locale, self.scratch.sockets)
        with self._password_file() as (password, file):
            locale = self._init(programs, "--auth=scram-sha-256", f"--pwfile={file}")
        return self._run_on_a_port(programs, locale, password)

    def _runnable_programs(self) -> Path:
        """The bin folder, or a copy of it where the server's account can read it."""
        bin_dir = self.binaries.bin_dir
        if all(can_run(self.account, bin_dir / name) for name in ("initdb", "postgres")):
            return bin_dir
        return readable_copy(bin_dir, self.scratch.folder / "binaries")

    def _server_program(self, programs: Path) -> Path:
        """The server, where that is possible with a folder of extensions that can be added to."""
        if not can_be_given_more(programs):
            return programs / "postgres"
        target = self.scratch.folder / "server programs"
        return with_standins(programs, target, self.account) / "postgres"

    @contextmanager
    def _password_file(self) -> Iterator[tuple[str, Path]]:
        password, file = secrets.token_urlsafe(24), self.scratch.folder / "password"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as writer:
            writer.write(password)
            if self.account:
                os.fchown(descriptor, self.account.uid, self.account.gid)
        try:
            yield password, file
        finally:
            file.unlink()

    def _init(self, programs: Path, *authentication: str) -> Locale:
        make: Sequence[Folder] = [self.scratch.server_folder(self.account)]
        for locale in (BUILTIN, LIBC, PLAIN) if self.binaries.major >= 17 else (LIBC, PLAIN):
            options = (*authentication, *locale.options)
            if (failure := self._try_init(programs, options, make)) is None:
                self._write_settings()
                return locale
            make = []
            if "locale" not in failure:
                break
        raise failed("initdb failed", failure or "")

    def _try_init(self, programs: Path, options: Sequence[str], make: Sequence[Folder]) -> str | None:
        """None when it worked, else the end of its log."""
        keeper = self._keep(
            "initdb",
            [programs / "initdb", "-D", self.data, "-U", SUPERUSER, "-E", "UTF8", "-N", *options],
            before=as_named_user(),
            make=make,
        )
        try:
            code = keeper.wait(within=_INIT_SECONDS)
            return None if code == 0 else keeper.log_tail() or f"exit code {code}"
        finally:
            keeper.stop()

    def _write_settings(self) -> None:
        file = self.data / "postgresql.conf"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW), "w") as writer:
            writer.write(SETTINGS)

    def _run_on_a_port(self, programs: Path, locale: Locale, password: str) -> Cluster:
        """Somebody may take a free port before the server does: then another one."""
        for _ in range(_PORT_TRIES - 1):
            try:
                return self._run(programs, locale, None, port=self.ports.take(), password=password)
            except EnvironmentUnavailable as error:
                if "could not bind" not in error.found:
                    raise
        return self._run(programs, locale, None, port=self.ports.take(), password=password)

    def _run(
        self,
        programs: Path,
        locale: Locale,
        sockets: Path | None,
        *,
        port: int = SOCKET_PORT,
        password: str | None = None,
    ) -> Cluster:
        """What decides who can connect is on the command line, where ALTER SYSTEM cannot change it."""
        where = {
            "listen_addresses": "" if sockets else LOOPBACK,
            "unix_socket_directories": str(sockets or ""),
            "unix_socket_permissions": "0700",
            "port": str(port),
        }
        options = [text for name, value in where.items() for text in ("-c", f"{name}={value}")]
        keeper = self._keep("postgres", [self._server_program(programs), "-D", self.data, *options])
        try:
            self._until_ready(keeper)
        except BaseException:
            keeper.stop()
            raise
        return Cluster(self._server(str(sockets or LOOPBACK), port, password), keeper, locale.name)

    def _server(self, host: str, port: int, password: str | None) -> PostgresServer:
        return PostgresServer(
            host=host,
            port=port,
            user=SUPERUSER,
            major=self.binaries.major,
            bin_dir=self.binaries.bin_dir,
            private=True,
            password=password,
        )

    def _keep(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        before: Sequence[str] = (),
        make: Sequence[Folder] = (),
    ) -> Keeper:
        spec = KeeperSpec(
            name=name,
            scratch=self.scratch.folder,
            argv=[*before, *map(str, argv)],
            env=_environment(Path(argv[0])),
            uid=self.account.uid if self.account else None,
            gid=self.account.gid if self.account else None,
            log=self.scratch.folder / f"{name}.log",
            make=make,
            ladder=_END_LADDER,
            orphan_signal=signal.SIGQUIT,  # it ends its children and frees its shared memory first
        )
        try:
            return Keeper.start(spec, within=self.guardian)
        except EnvironmentUnavailable as error:
            raise not_runnable(error, self.account) from error

    def _until_ready(self, keeper: Keeper) -> None:
        def ready_or_over() -> bool:
            return not keeper.alive or self._status() == "ready"

        try:
            eventually(ready_or_over, within=_START_SECONDS, what="the server is ready", every=0.005)
        except AttemptFailed as error:
            raise failed("Postgres did not start", keeper.log_tail()) from error
        if not keeper.alive:
            raise failed("Postgres did not start", keeper.log_tail())

    def _status(self) -> str:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return ""
        return lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else ""


def _environment(program: Path) -> dict[str, str]:
    icu = program.parent.parent / "share" / "icu"  # the data of the wheels' own ICU, where they have one
    more = {"ICU_DATA": str(icu)} if icu.is_dir() else {}
    names = ("PATH", *LIBRARY_PATHS)
    mine = {name: value for name, value in inherited_environment().items() if name in names}
    return {**mine, "LC_ALL": "C", "TZ": "UTC", **more}
