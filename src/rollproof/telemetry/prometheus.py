"""Metrics for Prometheus: a file for the node exporter's textfile collector, or a push to a Pushgateway."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit

from rollproof.drill.recovery import JOURNAL
from rollproof.errors import BadInput, EnvironmentUnavailable, JournalError
from rollproof.evidence.metrics import HELP, Measured, Sample, samples
from rollproof.journal import read_journal

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

JOB = "rollproof"
_PUSH_SECONDS = 20.0


def metrics_of(place: Path) -> list[Sample]:
    """Of one run, or of all the runs in a folder of runs.

    A journal among many that cannot be read is counted and passed over; a run that still goes on is too.

    Raises:
        BadInput: neither a run nor a folder with runs.
        JournalError: the one run's journal cannot be read.
    """
    if (place / JOURNAL).is_file():
        return samples([Measured.of(read_journal(place / JOURNAL))])
    journals = [path for path in sorted(place.glob(f"*/{JOURNAL}")) if not path.parent.is_symlink()]
    if not journals:
        raise BadInput(
            "there is no run here",
            where=str(place),
            remedy="name the folder of a run, or of all runs: reports",
        )
    runs = list(_readable(journals))
    return samples((run for run in runs if run is not None), unreadable=runs.count(None))


def _readable(journals: Sequence[Path]) -> Iterator[Measured | None]:
    from rollproof.drill.lease import is_running

    for path in journals:
        try:
            if not is_running(path.parent):
                yield Measured.of(read_journal(path))
        except JournalError:
            yield None


def exposition(found: Sequence[Sample]) -> bytes:
    """The text format that Prometheus reads; the same samples give the same bytes."""
    from prometheus_client import generate_latest

    return bytes(generate_latest(_registry(found)))


def _registry(found: Sequence[Sample]) -> CollectorRegistry:
    try:
        from prometheus_client import CollectorRegistry
    except ImportError:
        raise not_installed("prometheus-client") from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(found))
    return registry


class _Collector:
    """Hands over what has been measured; nothing is counted here."""

    def __init__(self, found: Sequence[Sample]) -> None:
        self.found = found

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        for name in dict.fromkeys(sample.name for sample in self.found):
            mine = [sample for sample in self.found if sample.name == name]
            family = GaugeMetricFamily(name, HELP[name], labels=[label for label, _ in mine[0].labels])
            for sample in mine:
                family.add_metric([value for _, value in sample.labels], sample.value)
            yield family


def write_file(path: Path, found: Sequence[Sample]) -> None:
    """Whole or not at all, as the textfile collector asks for: it may read at any moment.

    Readable for all, since the node exporter is another user. Raises EnvironmentUnavailable.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as file:
            file.write(exposition(found))
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    except OSError as error:
        raise EnvironmentUnavailable(
            f"the metrics cannot be written ({error.strerror})",
            where=str(path),
            remedy="make the folder, or name another file",
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def push(url: str, found: Sequence[Sample]) -> None:
    """Replaces the group `job="rollproof"` of a Pushgateway. Raises BadInput or EnvironmentUnavailable."""
    registry = _registry(found)
    from prometheus_client import push_to_gateway

    expect_address(url, "--push")
    try:
        push_to_gateway(url, job=JOB, registry=registry, timeout=_PUSH_SECONDS)
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise EnvironmentUnavailable(
            f"the Pushgateway did not take the metrics ({reason})",
            where=shown_address(url),
            remedy="see whether it runs, and whether the address is its own",
        ) from None


def expect_address(url: str, option: str) -> None:
    """Raises BadInput for what is no http address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(
            f"found {shown_address(url)!r}, expected an address such as http://127.0.0.1:9091", where=option
        )


def shown_address(url: str) -> str:
    """Without a name and a password before the host, and without a query: they may be secrets."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def not_installed(package: str) -> EnvironmentUnavailable:
    return EnvironmentUnavailable(f"{package} is not installed", remedy="install rollproof[metrics]")
