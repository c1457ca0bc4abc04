"""Which operations of AWS a run called, and on what: heard before each call is made."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rollproof.components.aws.named import is_write, named, things

if TYPE_CHECKING:
    from rollproof.environments.base import AwsEndpoint
    from rollproof.model.json import Json

EVENT = "aws.called"
Refuse = Callable[[str, str, str], None]
"""Given a kind, a name and what is being done; raises to keep a call from being made."""


class Calls:
    """Counts each operation with the names of the resources that it was called on."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._refuse: Refuse | None = None

    def listen(self, refuse: Refuse) -> None:
        """Hears every call that clients of this process make from now on; `refuse` may forbid writes."""
        from rollproof.components.aws.clients import EARS

        self._refuse = refuse
        EARS.append(self._hear)

    def close(self) -> None:
        from rollproof.components.aws.clients import EARS

        if self._hear in EARS:
            EARS.remove(self._hear)

    def _hear(self, endpoint: AwsEndpoint, service: str, operation: str, params: Mapping[str, Any]) -> None:
        if self._refuse is not None and is_write(operation):
            for thing in things(service, params):
                self._refuse(thing.kind, thing.name, f"calling {service} {operation}")
        key = json.dumps([service, operation, named(service, params)], sort_keys=True)
        with self._lock:
            self._counted[key] += 1

    def to_json(self) -> list[Json]:
        """Each operation and what it was called on, once, in the order of their names."""
        with self._lock:
            counted = sorted(self._counted.items())
        return [[*json.loads(key), count] for key, count in counted]
