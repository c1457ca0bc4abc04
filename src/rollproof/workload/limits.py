"""How long and how much: every limit of the clients in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the clients.

    Attributes:
        connect: seconds to reach a server.
        operation: seconds for one operation, after which its connection is given up; the database
            is told to give up a little earlier, which leaves no doubt about what became of it.
        start: seconds within which each client must have been served once.
        operations: most operations of one client; then it stops and the record says so.
        pause: least seconds between two operations of one client.
        body: most bytes of an HTTP answer that are read.
    """

    connect: float = 2.0
    operation: float = 4.0
    start: float = 15.0
    operations: int = 50_000
    pause: float = 0.001
    body: int = 4 * 1024 * 1024

    @property
    def statement_ms(self) -> int:
        """`statement_timeout`, milliseconds: nine tenths of `operation`."""
        return max(1, int(self.operation * 900))

    @property
    def longest(self) -> float:
        """Seconds that one operation can take at most: connecting, sending, waiting, reading."""
        return self.connect + 3 * self.operation
