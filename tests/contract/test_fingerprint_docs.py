"""The reference page tells of every kind of fact, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint.catalog import QUERIES
from rollproof.fingerprint.queries import query
from rollproof.model.fingerprint import DifferenceClass

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "fingerprint.md").read_text(encoding="utf-8")


def _kinds() -> set[str]:
    kinds = {"sequence state"}
    for name in QUERIES:
        text = query(name, major=18)
        kinds.update(re.findall(r"SELECT (?:DISTINCT )?'([a-z ]+)' AS kind", text))
        for choice in re.findall(r"SELECT CASE ((?:(?!SELECT).)*?) END AS kind", text, re.DOTALL):
            kinds.update(re.findall(r"(?:THEN|ELSE) '([a-z ]+)'", choice))
    return kinds


def test_every_kind_of_fact_is_described() -> None:
    kinds = _kinds()
    assert len(kinds) > 50
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in PAGE] == []


def test_every_class_of_difference_is_described() -> None:
    assert [klass for klass in DifferenceClass if f"| {klass} |" not in PAGE] == []


def test_the_example_runs(
    pg: PostgresServer, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with psycopg.connect(pg.conninfo(database)) as conn:
        conn.execute("CREATE TABLE leads (id integer PRIMARY KEY, phone text)")
        conn.execute("INSERT INTO leads VALUES (1, 'a'), (2, 'b')")
        conn.commit()
        names: dict[str, object] = {
            "conn": conn,
            "folder": tmp_path / "kept",
            "digester": str,
            "roll_back": _change,
        }
        exec(compile(example, "fingerprint.md", "exec"), names)  # noqa: S102  the page's own code
    assert capsys.readouterr().out.splitlines() == [
        "index public.by_phone: added",
        "public.leads 1 0 0",
    ]


def _change(conn: psycopg.Connection) -> None:
    conn.execute("DELETE FROM leads WHERE id = 1; CREATE INDEX by_phone ON leads (phone)")
    conn.commit()
