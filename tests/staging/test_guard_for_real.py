"""Ways to aim a drill at the wrong place, tried on a real server and account: nothing is written there."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from standin import ACCOUNT, APP, DATABASE, DSN, KEY, ROLE, STRANGER, StandIn

from rollproof.components.aws.clients import Aws
from rollproof.components.postgres.admin import connected
from rollproof.environments.staging import StagingEnvironment
from rollproof.environments.staging.guard import Guard, Verified
from rollproof.errors import EnvironmentUnavailable, WrongPlace
from rollproof.journal import Journal, Recorder

WITHOUT_AWS = dict.fromkeys(("aws_account", "region", "credentials", "endpoint_url", "role_arn"))
SAME = "the same on both servers"


@pytest.fixture(autouse=True)
def environ(place: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Variables and a home folder of this test's own."""
    for name in list(os.environ):
        if name.startswith(("PG", "AWS_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))


@contextmanager
def nothing_written(*places: StandIn, aws: bool = False) -> Iterator[None]:
    """No transaction wrote anything on these servers; with `aws`, the account holds what it held."""

    def look() -> list[object]:
        return [(one.next_transaction(), one.resources() if aws else {}) for one in places]

    before = look()
    yield
    assert look() == before


def verify(place: StandIn, *, aws: bool = False, **declared: Any) -> Verified:
    without = (
        {} if aws else dict.fromkeys(("aws_account", "region", "credentials", "endpoint_url", "role_arn"))
    )
    return Guard(place.system(**{**without, **declared}), "staging").verify()


def refused(
    says: str, *places: StandIn, aws: bool = False, environ: dict[str, str] | None = None, **declared: Any
) -> None:
    """It is refused before the first write anywhere, and says why; `environ` is set meanwhile."""
    with nothing_written(*places, aws=aws), pytest.MonkeyPatch.context() as meanwhile:
        for name, value in (environ or {}).items():
            meanwhile.setenv(name, value)
        with pytest.raises(WrongPlace) as caught:
            verify(places[0], aws=aws, **declared)
    assert says in caught.value.found, caught.value.found
    assert caught.value.remedy


@contextmanager
def altered(place: StandIn, do: str, undo: str, database: str = "postgres") -> Iterator[None]:
    place.run(do, database=database)
    try:
        yield
    finally:
        place.run(undo, database=database)


class Forwarder:
    """A port of this machine that leads to another, which can be changed: a pooler, a tunnel, a failover."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.seen = 0
        self.near: list[socket.socket] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.threads = [threading.Thread(target=self._serve)]
        self.threads[0].start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.socket.accept()
                self.seen += 1
                self.near.append(near)
                self.threads.append(threading.Thread(target=_forward, args=(near, self.target)))
                self.threads[-1].start()

    def close(self) -> None:
        """Ends every connection that is still there."""
        for one in (self.socket, *self.near):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.socket.close()


def _forward(near: socket.socket, port: int) -> None:
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        other = {near: far, far: near}
        while True:
            for one in select.select([near, far], [], [])[0]:
                try:
                    body = one.recv(65536)
                except OSError:
                    body = b""
                if not body:
                    return
                other[one].sendall(body)


@pytest.fixture
def forwarder(place: StandIn) -> Iterator[Forwarder]:
    found = Forwarder(place.server.port)
    yield found
    found.close()


def with_port(place: StandIn, port: int) -> str:
    return replace(place.server, port=port).conninfo(DATABASE)


def test_the_place_itself_is_verified_without_a_write(place: StandIn) -> None:
    with nothing_written(place, aws=True):
        verified = verify(place, aws=True)
    assert verified.facts.server is not None
    assert verified.facts.server.system_identifier == place.identifier
    assert verified.facts.aws is not None
    assert verified.facts.aws.arn.startswith("arn:aws:sts::123456789012:assumed-role/rollproof-drill/")


def test_an_unset_variable(place: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DSN)
    refused(f"the variable {DSN} is not set", place)


def test_a_dsn_that_leads_to_another_server(
    place: StandIn, stranger: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DSN, stranger.dsn)
    refused(f"identifier is {stranger.identifier}, the allow-list has {place.identifier}", place, stranger)


def test_a_service_file_that_leads_to_another_server(
    place: StandIn, stranger: StandIn, tmp_path: Path
) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(stranger.dsn)
    lines = "\n".join(f"{name}={value}" for name, value in parts.items())
    (tmp_path / ".pg_service.conf").write_text(f"[shop]\n{lines}\n")
    refused(stranger.identifier, place, stranger, database={"dsn_env": "", "service": "shop"})


def test_a_service_file_without_the_section(place: StandIn, tmp_path: Path) -> None:
    (tmp_path / ".pg_service.conf").write_text("[other]\nhost=127.0.0.1\n")
    refused("no section [shop]", place, database={"dsn_env": "", "service": "shop"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("PGSERVICE", "live"), ("PGHOSTADDR", "127.0.0.2"), ("PGOPTIONS", "-crole=live"), ("PGHOST", "live")],
)
def test_a_variable_of_libpq(name: str, value: str, place: StandIn) -> None:
    refused(name, place, environ={name: value})


def test_two_hosts(place: StandIn, stranger: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = f"{place.server.port},{stranger.server.port}"
    monkeypatch.setenv(DSN, f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname={DATABASE}")
    refused("several hosts", place, stranger)


def test_a_name_that_leads_elsewhere(place: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DSN, replace(place.server, host="localhost").conninfo(DATABASE))
    refused(
        "localhost leads to 127.0.0.1", place, hosts=["localhost"], database={"addresses": ["10.0.0.0/8"]}
    )


def test_a_forwarder_to_another_server(
    place: StandIn, stranger: StandIn, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwarder.target = stranger.server.port
    monkeypatch.setenv(DSN, with_port(stranger, forwarder.port))
    refused("it is another server", place, stranger)


def test_a_forwarder_to_the_server_itself(
    place: StandIn, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DSN, with_port(place, forwarder.port))
    refused(f"the server listens on port {place.server.port}", place)


MARKS = {
    "the database's setting": (
        f"ALTER DATABASE {DATABASE} SET rollproof.environment = 'production'",
        f"ALTER DATABASE {DATABASE} RESET rollproof.environment",
        "postgres",
        "setting rollproof.environment is 'production'",
    ),
    "a setting of a role": (
        "ALTER ROLE mini_app SET rollproof.environment = 'live'",
        "ALTER ROLE mini_app RESET rollproof.environment",
        "postgres",
        "on role mini_app",
    ),
    "a setting of another database": (
        "ALTER DATABASE postgres SET rollproof.environment = 'prod'",
        "ALTER DATABASE postgres RESET rollproof.environment",
        "postgres",
        "on database postgres",
    ),
    "a comment": (
        f"COMMENT ON DATABASE {DATABASE} IS 'rollproof.environment=production'",
        f"COMMENT ON DATABASE {DATABASE} IS NULL",
        "postgres",
        "comment shop_staging",
    ),
    "a table": (
        "CREATE TABLE public.rollproof_environment AS SELECT 'production' AS environment",
        "DROP TABLE public.rollproof_environment",
        DATABASE,
        "table public.rollproof_environment is 'production'",
    ),
    "a server that is not to be written to": (
        f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on",
        f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only",
        "postgres",
        "default_transaction_read_only",
    ),
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_of_production_on_the_server(mark: str, place: StandIn) -> None:
    do, undo, database, says = MARKS[mark]
    with altered(place, do, undo, database):
        refused(says, place)


def test_a_database_that_only_production_has(place: StandIn) -> None:
    with altered(place, "CREATE DATABASE billing", "DROP DATABASE billing"):
        refused("a database 'billing'", place, production={"databases": ["bill*"]})


def test_productions_own_identifier(place: StandIn) -> None:
    refused(
        "the system identifier of production", place, production={"system_identifiers": [place.identifier]}
    )


def test_a_role_that_may_not_make_databases(place: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DSN, replace(place.server, user="mini_app", password=APP).conninfo(DATABASE))
    refused("role mini_app may not create databases", place)


def test_a_list_that_has_expired(place: StandIn) -> None:
    refused("expired on 2020-01-01", place, expires="2020-01-01")


def test_credentials_of_another_account(place: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, STRANGER)
    refused(f"of account {STRANGER}, the allow-list has {ACCOUNT}", place, aws=True, role_arn=None)


def test_credentials_of_the_root_user(place: StandIn) -> None:
    refused("the root user's", place, aws=True, role_arn=None)


def test_a_role_of_another_account(place: StandIn) -> None:
    refused("is not of account", place, aws=True, role_arn=ROLE.replace(ACCOUNT, STRANGER))


def test_a_variable_that_sends_calls_elsewhere(
    place: StandIn, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{forwarder.port}")
    refused("AWS_ENDPOINT_URL_STS", place, aws=True)
    assert forwarder.seen == 0


@pytest.fixture
def client(place: StandIn) -> Any:
    assert place.aws is not None
    return Aws(place.aws).client


def test_a_tag_of_production_on_something_in_the_account(place: StandIn, client: Any) -> None:
    topic = client("sns").create_topic(Name="orders", Tags=[{"Key": "Environment", "Value": "Production"}])
    try:
        refused("tag Environment is 'Production'", place, aws=True)
    finally:
        client("sns").delete_topic(TopicArn=topic["TopicArn"])


def test_an_alias_that_sounds_like_production(place: StandIn, client: Any) -> None:
    client("iam").create_account_alias(AccountAlias="shop-prod")
    try:
        refused("alias is 'shop-prod'", place, aws=True)
    finally:
        client("iam").delete_account_alias(AccountAlias="shop-prod")


@pytest.mark.parametrize(
    "line", ["credential_process = /bin/false", "endpoint_url = http://127.0.0.1:9", "role_arn = arn:x"]
)
def test_a_profile_that_leads_elsewhere(line: str, place: StandIn, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(f"[profile drills]\n{line}\n")
    (tmp_path / ".aws" / "credentials").write_text(
        f"[drills]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = x\n"
    )
    refused(f"has {line.partition(' ')[0]}", place, aws=True, credentials=None, profile="drills")


def test_a_foreign_server_that_every_copy_of_the_database_would_have(place: StandIn) -> None:
    do = (
        "CREATE FOREIGN DATA WRAPPER far;"
        "CREATE SERVER orders FOREIGN DATA WRAPPER far OPTIONS (host 'db.shop.example', dbname 'orders')"
    )
    with altered(place, do, "DROP FOREIGN DATA WRAPPER far CASCADE", DATABASE):
        refused("the foreign server orders, which leads to orders db.shop.example", place)
        assert verify(place, database={"reaches": ["orders"]}).facts.server is not None


def test_a_profile_with_a_key_of_its_own_is_used(place: StandIn, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[drills]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = x\n"
    )
    assert verify(place, aws=True, credentials=None, profile="drills").endpoint is not None


def test_proxies_are_not_asked(place: StandIn, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{forwarder.port}")
    verify(place, aws=True)
    assert forwarder.seen == 0


def test_a_password_of_a_variable_or_of_a_file_is_not_taken(
    place: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    password = str(place.server.password)
    monkeypatch.setenv(DSN, replace(place.server, password=None).conninfo(DATABASE))
    monkeypatch.setenv("PGPASSWORD", password)
    file = tmp_path / ".pgpass"
    file.write_text(f"*:*:*:*:{password}\n")
    file.chmod(0o600)
    with nothing_written(place), pytest.raises(EnvironmentUnavailable, match="no password supplied"):
        verify(place)


def test_variables_that_only_say_how_to_connect_do_not_count(
    place: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"PGPASSWORD": "x", "PGUSER": "x", "PGSSLMODE": "verify-full", "PGCLIENTENCODING": "LATIN1"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    assert verify(place).facts.server is not None


def test_a_failover_in_the_middle_of_a_drill_ends_it(
    place: StandIn,
    stranger: StandIn,
    forwarder: Forwarder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The address stays, and another server answers: seen on the next connection, before anything is done."""
    for one in (stranger, place):
        one.run(f"ALTER ROLE postgres PASSWORD '{SAME}'")
    try:
        monkeypatch.setenv(DSN, replace(place.server, port=forwarder.port, password=SAME).conninfo(DATABASE))
        system = place.system(**WITHOUT_AWS, database={"port": place.server.port})
        with (
            Journal(tmp_path / "j.ndjson", run="t") as journal,
            StagingEnvironment().open(system, Recorder(journal, "run")) as opened,
        ):
            server = opened.postgres()
            with connected(server, DATABASE) as conn:
                assert conn.execute("SELECT 1").fetchone() == (1,)
            forwarder.target = stranger.server.port
            with pytest.raises(WrongPlace, match="another server answers"), connected(server, DATABASE):
                raise AssertionError("it was let in")
    finally:
        for one in (stranger, place):
            with psycopg.connect(one.server.conninfo("postgres"), password=SAME, autocommit=True) as conn:
                conn.execute(f"ALTER ROLE postgres PASSWORD '{one.server.password}'".encode())


def test_a_refused_place_is_on_record_and_not_asked_again(
    place: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGSERVICE", "live")
    environment = StagingEnvironment()
    with Journal(tmp_path / "j.ndjson", run="t") as journal:
        recorder = Recorder(journal, "run")
        for _ in range(2):
            with pytest.raises(WrongPlace), environment.open(place.system(), recorder):
                raise AssertionError("it was let in")
        assert [(event.act, event.kind.value) for event in journal.events] == [
            ("environment.open", "begin"),
            ("environment.verify", "begin"),
            ("environment.verify", "fail"),
            ("environment.open", "fail"),
        ]


def test_no_secret_is_ever_on_record(place: StandIn, tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "j.ndjson", run="t") as journal,
        StagingEnvironment().open(place.system(), Recorder(journal, "run")),
    ):
        pass
    text = (tmp_path / "j.ndjson").read_text()
    assert str(place.server.password) not in text
    assert "of-the-stand-in" not in text
