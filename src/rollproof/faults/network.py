"""A network between functions and their database, which can be cut as a security group cuts it."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from dataclasses import dataclass, field
from typing import cast

from rollproof.components.aws.cloud import Cloud
from rollproof.components.postgres.bench import Bench
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.environments.base import PostgresServer
from rollproof.errors import NotApplicable, NotProvenHere, PreconditionNotMet
from rollproof.faults.base import Fault
from rollproof.model.json import JsonObject

_CHUNK = 65536


class Network:
    """Passes connections on to the database's server, as long as it is open; on the loopback address only."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.address: tuple[str, int] | None = None
        self._target: PostgresServer | None = None
        self._listener: socket.socket | None = None
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        return self._listener is not None

    def connect(self, server: PostgresServer) -> tuple[str, int]:
        """Opens it, at the address that it had before if it had one; where functions reach the server."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address or ("127.0.0.1", 0))
        listener.listen(64)
        self._target, self._listener, self.address = server, listener, listener.getsockname()[:2]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        assert self.address is not None
        return self.address

    def cut(self) -> None:
        """From now on a connection is refused, and those that there are break."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            for side in self._pairs:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), self._reach() as server:
            pair = {client: server, server: client}
            with self._lock:
                self._pairs |= set(pair)
            try:
                _pump(pair)
            finally:
                with self._lock:
                    self._pairs -= set(pair)

    def _reach(self) -> socket.socket:
        assert self._target is not None
        host, port = self._target.host, self._target.port
        if not host.startswith("/"):
            return socket.create_connection((host, port), timeout=10)
        reached = socket.socket(socket.AF_UNIX)
        reached.connect(f"{host}/.s.PGSQL.{port}")
        return reached


def _pump(pair: dict[socket.socket, socket.socket]) -> None:
    """Copies bytes both ways until either side ends."""
    with selectors.DefaultSelector() as selector:
        for end in pair:
            selector.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():  # both were registered as sockets
                side = cast(socket.socket, key.fileobj)
                if not (data := side.recv(_CHUNK)):
                    return
                pair[side].sendall(data)


@dataclass(frozen=True)
class PutNetworkBetween(Act):
    """Functions that are deployed from now on reach the database through a network that the drill can cut."""

    name = "network.open"

    def prepare(self, drill: Drill) -> None:
        if drill.system.database is None:
            raise NotApplicable(f"system {drill.system.name} declares no database")
        if not drill.use(Cloud).endpoint.private:
            raise NotApplicable("the network of an account that is in use is not put at risk")
        drill.use(Bench)  # starts the server, which the environment then has an address for
        if getattr(drill.use(Cloud).environment, "database_for_functions", None):
            raise NotProvenHere("functions run in containers, which reach nothing on this machine's address")

    def run(self, drill: Drill) -> JsonObject:
        network = drill.use(Network)
        drill.on_heal(network.cut)
        drill.use(Cloud).database_at = network.connect(drill.use(Bench).server)
        return {"port": drill.use(Cloud).database_at[1]}  # type: ignore[index]  # set the line before


@dataclass
class DatabaseUnreachable(Fault):
    """The security group closes: no function reaches the database any more."""

    cut: bool = field(default=False)

    def inject(self, drill: Drill) -> JsonObject:
        network = drill.use(Network)
        if not network.open:
            raise PreconditionNotMet(
                "no network was put between the functions and the database",
                remedy="add `Given the functions reach the database through a network` before the deploy",
            )
        network.cut()
        drill.incident("fault", cause="the network to the database was cut")
        return {}

    def took_hold(self, drill: Drill) -> bool:
        address = drill.use(Network).address
        assert address is not None
        try:
            socket.create_connection(address, timeout=5).close()
        except OSError:
            return True
        return False


@dataclass(frozen=True)
class ReconnectDatabase(Act):
    """Lets the functions through to the database again, where they look for it. No code is touched."""

    name = "database.connect"

    def run(self, drill: Drill) -> JsonObject:
        network = drill.use(Network)
        if not network.open:
            network.connect(drill.use(Bench).server)
        drill.incident("executed")
        return {}
