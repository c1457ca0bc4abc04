"""Whole small histories, found, walked through, and judged as their `expected.json` says.

A history is a folder: the project's files, a line in README.md, and what is expected of each migration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.environments.embedded.standins import MARKER
from rollproof.migrations.tools.choice import find_tool
from rollproof.walk.settings import WalkSettings
from rollproof.walk.standins import provided
from rollproof.walk.walk import walk

HISTORIES = sorted(path.parent for path in (Path(__file__).parent / "histories").glob("*/expected.json"))


@pytest.mark.parametrize("folder", HISTORIES, ids=lambda folder: folder.name)
def test_a_history_is_found_and_judged_as_expected(folder: Path, pg: PostgresServer) -> None:
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    if (lacks := expected.get("lacks")) and _has(pg, lacks):
        pytest.skip(f"this server has {lacks}, which the history takes to be missing")
    source = find_tool(folder / expected["path"])
    assert source.tool == expected["tool"]
    found = {result.id: result for result in walk(source, pg, WalkSettings()).migrations}
    assert list(found) == list(expected["migrations"])
    judged = {name: {"verdict": r.outcome.value, "again": r.again.value} for name, r in found.items()}
    assert {name: {key: judged[name][key] for key in wanted} for name, wanted in _migrations(expected)} == (
        expected["migrations"]
    )


def _has(pg: PostgresServer, extension: str) -> bool:
    """Also of a server that cannot be given an empty one, where the walk goes another way."""
    query = "SELECT setting FROM pg_config() WHERE name = 'SHAREDIR'"
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        listed = conn.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [extension]).fetchone()
        share = conn.execute(query).fetchone()
    own = share is not None and (Path(share[0]) / "extension" / MARKER).exists()
    return not own or (listed is not None and extension not in provided(pg))


def _migrations(expected: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    return list(expected["migrations"].items())


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 10
