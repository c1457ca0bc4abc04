"""The machine that figures are from, in a line."""

from __future__ import annotations

import os
import platform

import psutil
import psycopg

from rollproof.environments.base import PostgresServer


def describe(server: PostgresServer) -> str:
    """Cores, memory, versions."""
    with psycopg.connect(server.conninfo("postgres")) as conn:
        version = conn.info.server_version
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, Postgres {version // 10000}.{version % 10000}, "
        f"load {os.getloadavg()[0]:.1f} before the first run"
    )
