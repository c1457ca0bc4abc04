"""The reference system's API and smoke tests: they tell broken from whole, and leave nothing behind."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
from alquimista_support import FORWARD, HEAD, HOME, History, rows, serving, smoke, way_back
from psycopg import sql

Having = Callable[..., str]
TENANT, OTHER = {"X-Tenant": "agata-alimentos"}, {"X-Tenant": "calcita-seguros"}
PLANS, BOARD = FORWARD["010"].name, FORWARD["023"].name


SERVED, READ = "alq_served", "alq_read"


@pytest.fixture(scope="module")
def service(history: History) -> Iterator[httpx.Client]:
    """One service for the tests that write; each puts a fresh database where the service looks."""
    history.clone(SERVED, template=history.at(*HEAD))
    with (
        serving(history.conninfo(SERVED, user="app_user")) as url,
        httpx.Client(base_url=url, timeout=10) as client,
    ):
        yield client
    history.drop(SERVED)


@pytest.fixture(scope="module")
def reader(history: History) -> Iterator[httpx.Client]:
    """A service for the tests that write nothing."""
    history.clone(READ, template=history.at(*HEAD))
    with (
        serving(history.conninfo(READ, user="app_user")) as url,
        httpx.Client(base_url=url, timeout=10) as client,
    ):
        yield client
    history.drop(READ)


@pytest.fixture
def head(service: httpx.Client, history: History) -> str:
    """The current release, fresh."""
    history.drop(SERVED)
    history.clone(SERVED, template=history.at(*HEAD))
    return SERVED


@pytest.fixture
def app_dsn(head: str, history: History) -> str:
    """The current release as the application's role sees it."""
    return history.conninfo(head, user="app_user")


@pytest.fixture
def api(service: httpx.Client, head: str) -> httpx.Client:
    """The service, with a fresh database under it."""
    return service


@pytest.mark.parametrize("path", ["/health", "/agents", "/leads", "/pipeline", "/plans", "/routing"])
def test_every_route_answers_on_the_current_release(path: str, reader: httpx.Client) -> None:
    answer = reader.get(path, headers=TENANT)
    assert answer.status_code == 200
    assert all(answer.json().values())


def test_the_tenant_may_come_in_the_query_for_clients_without_headers(reader: httpx.Client) -> None:
    by_query, by_header = reader.get("/leads?tenant=agata-alimentos"), reader.get("/leads", headers=TENANT)
    assert by_query.json() == by_header.json()


def test_a_lead_is_written_read_and_deleted_by_its_tenant_alone(api: httpx.Client) -> None:
    body = {"external_ref": "a/b ?", "company_name": "Ônix", "tags": ["x"], "attributes": {"n": None}}
    created = api.post("/leads", headers=TENANT, json=body)
    path = "/leads/a%2Fb%20%3F"
    assert created.status_code == 201
    assert api.post("/leads", headers=TENANT, json=body).status_code == 409
    assert api.get(path, headers=OTHER).status_code == 404
    assert api.delete(path, headers=OTHER).status_code == 404
    assert api.get(path, headers=TENANT).json()["id"] == created.json()["id"]
    assert api.delete(path, headers=TENANT).status_code == 204
    assert api.get(path, headers=TENANT).status_code == 404


def test_an_event_is_appended(api: httpx.Client, head: str, history: History) -> None:
    body = {"kind": "message.sent", "correlation_id": "here", "payload": {"a": [1]}}
    created = api.post("/events", headers=TENANT, json=body)
    with psycopg.connect(history.conninfo(head)) as conn:
        found = conn.execute("SELECT event_id::text FROM fibonacci_core.events WHERE correlation_id = 'here'")
        assert found.fetchall() == [(created.json()["event_id"],)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"external_ref": "\\ud800", "company_name": "secret"}', 400),
        (b"[" * 40_000, 400),
        (b'{"external_ref": "' + b"x" * 70_000 + b'"}', 413),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"external_ref": " ", "company_name": "secret"}', 422),
        (b'{"external_ref": "a\\u0000b", "company_name": "secret"}', 422),
        (b'{"external_ref": "r", "company_name": "secret", "score": true}', 422),
        (b'{"external_ref": "r", "company_name": "secret", "score": 32768}', 422),
        (b'{"external_ref": "r", "company_name": "secret", "status": "won"}', 422),
        (b'{"external_ref": "r", "company_name": "secret", "tenant_id": "secret"}', 422),
        (b'{"external_ref": "r", "company_name": "secret", "attributes": {"a": NaN}}', 422),
    ],
)
def test_a_bad_body_is_refused_without_repeating_it(
    body: bytes, status: int, reader: httpx.Client, history: History
) -> None:
    before = rows(history.conninfo(READ))
    answer = reader.post("/leads", headers=TENANT, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert "secret" not in answer.text
    assert rows(history.conninfo(READ)) == before


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/leads", {}, 400),
        ("GET", "/leads", {"X-Tenant": "nobody"}, 404),
        ("GET", "/leads", {"X-Tenant": "pirita-ensino"}, 404),
        ("GET", "/leads?limit=0", TENANT, 422),
        ("GET", "/leads?limit=²", TENANT, 422),
        ("GET", "/leads/", TENANT, 404),
        ("GET", "/nothing", {}, 404),
        ("PUT", "/plans", {}, 405),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_as_json(
    method: str, path: str, headers: dict[str, str], status: int, reader: httpx.Client
) -> None:
    answer = reader.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize(("number", "path"), [("010", "/plans"), ("023", "/routing")])
def test_a_feature_answers_500_while_its_migration_is_missing_and_the_rest_goes_on(
    number: str, path: str, api: httpx.Client, head: str, history: History
) -> None:
    script = way_back(number)
    assert script is not None
    history.run(head, script)
    answer = api.get(path, headers=TENANT)
    said = answer.json()
    assert (answer.status_code, said["error"], said["sqlstate"]) == (500, "database_error", "42P01")
    assert "does not exist" in said["found"]
    assert api.get("/health").status_code == 200
    assert api.get("/leads", headers=TENANT).status_code == 200
    history.run(head, FORWARD[number])
    assert api.get(path, headers=TENANT).status_code == 200


def test_the_service_works_at_every_release_that_a_drill_starts_from(
    having: Having, history: History
) -> None:
    for length in (HEAD.index("008") + 1, HEAD.index("010") + 1, HEAD.index("019") + 1):
        database = having(*HEAD[:length])
        dsn = history.conninfo(database, user="app_user")
        with serving(dsn) as url:
            done = smoke(url, dsn, expected=[FORWARD[number].name for number in HEAD[:length]])
        assert done.returncode == 0, f"after {HEAD[length - 1]}: {done.stdout}{done.stderr}"


def test_the_service_finds_its_database_again_after_a_restore_put_another_in_its_place(
    api: httpx.Client, head: str, having: Having, history: History
) -> None:
    replacement = having(*HEAD)
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with psycopg.connect(history.conninfo("postgres"), autocommit=True) as conn:
        for old, new in ((head, "aside"), (replacement, head), ("aside", replacement)):
            conn.execute(rename.format(sql.Identifier(old), sql.Identifier(new)))
            if new == "aside":
                answer = api.get("/health")
                assert (answer.status_code, answer.json()["error"]) == (503, "database_unavailable")
    assert api.get("/health").status_code == 200


def test_health_fails_when_row_level_security_is_gone(api: httpx.Client, head: str, history: History) -> None:
    with psycopg.connect(history.conninfo(head), autocommit=True) as conn:
        conn.execute("ALTER TABLE nigredo_leads.leads DISABLE ROW LEVEL SECURITY")
    assert api.get("/health").json() == {"error": "tenants_not_separated"}


def test_revoked_writes_are_refused_and_reads_go_on(api: httpx.Client, head: str, history: History) -> None:
    with psycopg.connect(history.conninfo(head), autocommit=True) as conn:
        conn.execute("REVOKE INSERT, UPDATE, DELETE ON nigredo_leads.leads FROM app_user")
    answer = api.post("/leads", headers=TENANT, json={"external_ref": "r", "company_name": "c"})
    assert (answer.status_code, answer.json()["sqlstate"]) == (500, "42501")
    assert api.get("/leads", headers=TENANT).status_code == 200


def test_the_handler_is_called_as_a_lambda_function_is(
    reader: httpx.Client, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(HOME / "service"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("DATABASE_URL", history.conninfo(READ, user="app_user"))
    handler = importlib.import_module("alquimista_api.handler").handler
    event = {
        "version": "2.0",
        "rawPath": "/leads",
        "headers": {"X-Tenant": "agata-alimentos"},
        "queryStringParameters": {"limit": "1"},
        "requestContext": {"http": {"method": "GET"}},
    }
    answer = handler(event)
    assert answer["statusCode"] == 200
    assert '"external_ref"' in str(answer["body"])


def test_smoke_passes_and_leaves_no_row_behind(
    api: httpx.Client, app_dsn: str, head: str, history: History
) -> None:
    before = rows(history.conninfo(head), leaving_out=())
    done = smoke(str(api.base_url), app_dsn, expected=[PLANS, BOARD])
    assert (done.returncode, done.stdout.count("ok ")) == (0, 12), done.stdout
    assert rows(history.conninfo(head), leaving_out=()) == before


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("ALTER TABLE public.subscription_plans RENAME TO plans", "plans match the ledger"),
        ("DELETE FROM public.migrations WHERE migration_name LIKE '010%'", "plans match the ledger"),
        (
            "DELETE FROM public.migrations WHERE migration_name LIKE '016%'",
            "expected migrations are applied",
        ),
        ("DELETE FROM nigredo_leads.routing_rules", "the routing board matches the ledger"),
        ("REVOKE UPDATE (status) ON nigredo_leads.leads FROM app_user", "the role may write"),
        ("REVOKE INSERT ON nigredo_leads.leads FROM app_user", "a lead makes the round trip"),
        ("ALTER TABLE fibonacci_core.events DISABLE ROW LEVEL SECURITY", "rows are hidden without a tenant"),
        ("UPDATE fibonacci_core.agents SET is_enabled = false", "agents are listed"),
        ("DROP VIEW alquimista_platform.lead_pipeline", "the pipeline is filled"),
        ("TRUNCATE nigredo_leads.leads CASCADE", "leads are listed"),
        ("REVOKE SELECT ON public.migrations FROM app_user", "the ledger can be read"),
        ("ALTER ROLE app_user BYPASSRLS", "the role is no superuser"),
    ],
)
def test_smoke_fails_and_names_what_is_broken(
    damage: str, check: str, api: httpx.Client, history: History
) -> None:
    dsn, expected = history.conninfo(SERVED, user="app_user"), [path.name for path in FORWARD.values()]
    with psycopg.connect(history.conninfo(SERVED), autocommit=True) as conn:
        conn.execute(damage.encode())
        done = smoke(str(api.base_url), dsn, expected=expected)
        conn.execute("ALTER ROLE app_user NOBYPASSRLS")
    assert done.returncode == 1
    assert f"FAIL  {check}: " in done.stdout
    assert "Traceback" not in done.stderr


def test_smoke_asks_for_a_feature_that_is_expected_and_missing(
    api: httpx.Client, app_dsn: str, head: str, history: History
) -> None:
    script = way_back("023")
    assert script is not None
    history.run(head, script)
    assert smoke(str(api.base_url), app_dsn).returncode == 0
    done = smoke(str(api.base_url), app_dsn, expected=[BOARD])
    assert done.returncode == 1
    assert f"not in the ledger: {BOARD}" in done.stdout
    assert "/routing, which 023_open_routing_board.sql opens, answered 500" in done.stdout


def test_smoke_fails_when_nothing_answers(reader: httpx.Client, history: History) -> None:
    done = smoke("http://127.0.0.1:1", history.conninfo(READ, user="app_user"))
    assert done.returncode == 1
    assert "FAIL  the service is healthy: no answer (ConnectionRefusedError)" in done.stdout
    assert smoke("http://127.0.0.1:1", history.conninfo("no_such")).returncode == 1
