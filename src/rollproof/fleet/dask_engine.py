"""A drill past one machine: its parts are tasks of a Dask cluster that is there already."""

# distributed annotates only part of what it offers.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rollproof.archives import unpack
from rollproof.drill.aborting import as_interrupts
from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.fleet.merge import close_merged, merge_runs
from rollproof.fleet.worker import Done, Order, forget_drill, run_part, stop_drill
from rollproof.model.systemfile import project_settings

if TYPE_CHECKING:
    from distributed import Client

    from rollproof.plans.running import Engine

_CONNECT_SECONDS = 10.0
_VERDICTS = (0, 1)
"""exit codes of pytest after which everything that was chosen has its verdict"""
_RETRIES = 2
"""of a part whose process was killed; Dask itself does those of workers that died again"""


def dask_engine(scheduler: str, reports: Path) -> Engine:
    """An engine that runs a drill on the cluster of the scheduler at that address.

    It raises EnvironmentUnavailable when no scheduler answers there, when it has no workers, or when a
    part could not be run at all; nothing is reported then, for a part would be missing.
    """

    def run(arguments: list[str]) -> tuple[int, Path | None]:
        with as_interrupts(), _connected(scheduler) as client:
            done = _gathered(client, _orders(arguments, _workers(client, scheduler)))
        return max(one.code for one in done), _merged(done, reports)

    return run


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    try:
        _expect_listening(scheduler)
        from distributed import Client

        for name in ("distributed", "asyncio"):  # what matters to a person is raised here
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except ImportError:
        raise EnvironmentUnavailable(
            "Dask is not installed", where="--engine dask", remedy="install rollproof[dask]"
        ) from None
    except (OSError, ValueError) as error:
        raise EnvironmentUnavailable(
            f"no Dask scheduler answers here ({type(error).__name__})",
            where=scheduler,
            remedy="see whether it runs, and write its address like tcp://10.0.0.5:8786",
        ) from None
    with client:
        yield client


def _expect_listening(scheduler: str) -> None:
    """Dask asks again and again until its time is over; a port that is closed is closed. Raises OSError."""
    parts = urlsplit(scheduler)
    if parts.scheme in ("tcp", "tls") and parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=_CONNECT_SECONDS).close()


def _workers(client: Client, scheduler: str) -> int:
    """How many parts the cluster can do at once."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise EnvironmentUnavailable(
            "the scheduler has no workers",
            where=scheduler,
            remedy=f"start some: dask worker {scheduler}",
        )
    return sum(int(worker["nthreads"]) for worker in workers.values())


def _orders(arguments: list[str], places: int) -> list[Order]:
    """A part for each system; with a single system, for each place in the cluster."""
    if any(argument.startswith("--rollproof-shard") for argument in arguments):
        raise BadInput("--shards and --engine dask both split the drill", remedy="leave one of them out")
    systems = sum(argument.startswith("--system=") for argument in arguments)
    tenants = sum(argument.startswith("--rollproof-tenant=") for argument in arguments)
    count = systems * max(tenants, 1)
    count = count if count > 1 else places
    drill, project = secrets.token_hex(8), str(Path.cwd())
    plain = _without_workers(arguments)
    return [
        Order(drill, number, project, (*plain, f"--rollproof-shards={count}", f"--rollproof-shard={number}"))
        for number in range(count)
    ]


def _without_workers(arguments: list[str]) -> list[str]:
    """A part is one process: what works side by side is the cluster's business."""
    plain = list(arguments)
    if "-n" in plain:
        del plain[plain.index("-n") : plain.index("-n") + 2]
    return plain


def _gathered(client: Client, orders: list[Order]) -> list[Done]:
    """All parts, in the order of their numbers. An interrupt interrupts them on the workers too."""
    drill = orders[0].drill
    futures = [
        client.submit(run_part, order, key=f"rollproof-{drill}-{order.number}", pure=False, retries=_RETRIES)
        for order in orders
    ]
    try:
        done: list[Done] = client.gather(futures)
    except BaseException as error:
        client.cancel(futures)
        client.run(stop_drill, drill)
        if not isinstance(error, Exception):
            raise
        raise EnvironmentUnavailable(
            f"a part of the drill could not be brought to its end ({type(error).__name__}: {error})",
            doing="running the drill on the cluster",
            remedy="see the logs of the Dask workers; what killed parts left is healed by the next run there",
        ) from error
    for one in done:
        if not one.archive or one.code not in _VERDICTS:
            raise EnvironmentUnavailable(
                f"part {one.number} ended with exit code {one.code} before its verdicts\n{one.said}",
                doing="running the drill on the cluster",
            )
    client.run(forget_drill, drill)
    return done


def _merged(done: list[Done], reports: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="rollproof-fleet-") as folder:
        runs = []
        for one in done:
            runs.append(Path(folder) / str(one.number))
            unpack(one.archive, runs[-1])
        merged = merge_runs(runs, reports)
    close_merged(merged, project_settings())
    return merged
