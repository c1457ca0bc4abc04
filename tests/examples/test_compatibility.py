"""Code and schema apart, on the smallest system with two releases; and what goes wrong before it begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from drilling import ROOT, SYSTEMS, Drilled
from test_bad_input import all_is_well, one_clear_error

FEATURE = "features/compatibility.feature"
SERVICE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import psycopg

KNOWN = {"/health": "SELECT count(*) FROM shop.orders", "/orders": "SELECT id, reference FROM shop.orders"}
KNOWN["/amounts"] = "SELECT min(amount) FROM shop.orders"
DOCUMENT = {"openapi": "3.1.0", "paths": {"/orders": {"get": {}}, "/amounts": {"get": {}}}}
# more

class Shop(BaseHTTPRequestHandler):
    def answer(self, query, *values):
        try:
            with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as conn:
                rows = conn.execute(query, values).fetchall()
            status, said = 200, [dict(enumerate(row)) for row in rows[:20]]
        except psycopg.Error as error:
            print(error, flush=True)
            status, said = 500, {}
        self.say(status, said)

    def say(self, status, said):
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/openapi.json":
            return self.say(200, DOCUMENT)
        self.answer(KNOWN.get(self.path, "SELECT 1 / 0"))

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        add = "INSERT INTO shop.orders (reference, amount) VALUES (%s, 7) RETURNING id"
        self.answer(add, said["reference"])

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
"""
MORE = """
[service.web]
command = ["{python}", "{path}/shop.py"]
start_limit = "15s"

[[service.web.endpoint]]
name = "notes"
path = "/notes"

[[traffic]]
name = "order by the shop"
kind = "write"
service = "web"
method = "POST"
path = "/orders"
body = { reference = "{token}" }
table = "shop.orders"
verify = "SELECT id FROM shop.orders WHERE reference = {token}::text"

[[traffic]]
name = "orders by the shop"
kind = "read"
service = "web"
path = "/orders"

[[release]]
name = "1"
path = "releases/1"

[[release]]
name = "2"
path = "releases/2"
"""
NOTES = 'KNOWN["/notes"] = "SELECT id, body FROM shop.notes"'
IN_VAIN = 'KNOWN["/health"] = "SELECT count(*) FROM shop.nowhere"'


@pytest.fixture
def shop(mini: Drilled) -> Drilled:
    """The miniature system with a service, and two releases of it: the second has notes, and their table."""
    mini.write("system.toml", (mini.root / "system.toml").read_text() + MORE)
    mini.write(FEATURE, (ROOT / FEATURE).read_text())
    migrations = sorted((SYSTEMS / "mini" / "migrations").iterdir())
    for release, files, more in (
        ("1", migrations[:2], 'KNOWN["/notes"] = "SELECT 1 / 0"'),
        ("2", migrations, NOTES),
    ):
        mini.write(f"releases/{release}/shop.py", SERVICE.replace("# more", more))
        for file in files:
            mini.write(f"releases/{release}/migrations/{file.name}", file.read_text())
    mini.edit(
        "releases/1/shop.py", ("KNOWN.get(self.path, ", 'KNOWN.get(self.path.replace("/notes", "/orders"), ')
    )
    return mini


def attached(shop: Drilled, act: str) -> Any:
    [run] = shop.runs()
    found = shop.journal().last(act)
    assert found is not None
    return json.loads((run / "attachments" / f"{found.data['answers']}.json").read_text())


def named(shop: Drilled) -> list[str]:
    """What the run named as breaking."""
    listed: list[str] = attached(shop, "compatibility.found")
    return listed


def test_a_table_that_only_the_newer_schema_has_is_missed_by_the_newer_code_alone(shop: Drilled) -> None:
    ended = shop.drill("-q", FEATURE)
    assert ended.code == 0, ended.said
    assert named(shop) == [
        f"code of 2, schema of 1, rows of {rows}: notes answers 500, not 200"
        " (relation shop.notes does not exist)"
        for rows in ("1", "2")
    ]
    asked = [one["name"] for one in attached(shop, "compatibility.matrix")["endpoints"]]
    assert asked == ["health", "orders by the shop", "notes", "order by the shop", "GET /amounts"]
    all_is_well(shop)


@pytest.mark.slow
def test_a_release_that_never_starts_on_the_other_schema_is_a_finding(shop: Drilled) -> None:
    shop.edit("releases/2/shop.py", ('shop.orders", "/orders', 'shop.notes", "/orders'))
    ended = shop.drill("-q", FEATURE, "-k", "known")
    assert ended.code == 0, ended.said
    assert [line for line in named(shop) if "its start: web gives no answer: never healthy" in line] != []
    all_is_well(shop)


@pytest.mark.slow
def test_a_release_that_is_not_healthy_on_its_own_schema_is_one_clear_error(shop: Drilled) -> None:
    shop.edit("system.toml", ('start_limit = "15s"', 'start_limit = "2s"'))
    shop.edit("releases/2/shop.py", (NOTES, IN_VAIN))
    ended = shop.drill("-q", FEATURE, "-k", "known")
    assert ended.code == 1
    one_clear_error(
        ended, ["service.web: release 2 is not healthy on its own schema: never healthy"], shop.root
    )
    all_is_well(shop)


@pytest.mark.slow
def test_a_release_whose_code_cannot_be_loaded_is_one_clear_error(shop: Drilled) -> None:
    """As a Django that cannot import its settings."""
    shop.edit("releases/1/shop.py", ("import psycopg\n", "import psycopg, shop_settings_of_production\n"))
    ended = shop.drill("-q", FEATURE, "-k", "known")
    assert ended.code == 1
    wanted = ["release 1 is not healthy on its own schema: it ended", "No module named 'shop_settings"]
    one_clear_error(ended, wanted, shop.root)
    all_is_well(shop)


@pytest.mark.slow
def test_no_order_at_all_refutes_what_relies_on_one_and_not_what_names_it(shop: Drilled) -> None:
    stumbles = "reference FROM shop.orders WHERE 1 / CASE amount WHEN 8 THEN 0 ELSE 1 END > 0"
    shop.edit("releases/1/shop.py", ("reference FROM shop.orders", stumbles))
    shop.edit("releases/2/shop.py", ("VALUES (%s, 7)", "VALUES (%s, 8)"))
    ended = shop.drill("-q", FEATURE)
    assert ended.code == 1
    assert "1 proven" in ended.said
    assert "1 refuted" in ended.said
    all_is_well(shop)


@pytest.mark.slow
def test_where_all_goes_back_at_once_nobody_is_served_meanwhile_and_that_is_said(shop: Drilled) -> None:
    shop.edit("system.toml", ("[service.web]", '[compatibility]\norder = "both at once"\n\n[service.web]'))
    ended = shop.drill("-q", FEATURE, "-k", "taken_back")
    assert ended.code == 0, ended.said
    [verdict] = [e for e in shop.journal().all("verify") if e.data["check"] == "requests-served"]
    assert ", closed for " in str(verdict.data["reason"])
    all_is_well(shop)


def test_a_folder_that_is_not_there_is_one_clear_error(shop: Drilled) -> None:
    shop.remove(shop.root / "releases" / "1")
    ended = shop.drill("-q", FEATURE, "-k", "known")
    assert ended.code == 1
    one_clear_error(ended, ["release '1': release 1 has no folder: there is no releases/1"], shop.root)
    all_is_well(shop)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[service.web.endpoint]]", "[[service.shop.endpoint]]", "service.shop"),
        ('path = "/notes"', 'path = "notes"', "starts with /"),
        ('name = "notes"', 'name = "health"', "two endpoints called 'health'"),
    ],
)
def test_an_endpoint_that_is_declared_wrongly_is_named(shop: Drilled, old: str, new: str, said: str) -> None:
    shop.edit("system.toml", (old, new))
    ended = shop.rollproof("check", "system.toml")
    assert ended.code != 0
    one_clear_error(ended, [said], Path())
