"""What every environment promises, whichever it is: tried on each that can be had here."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from places import Place
from psycopg import sql

import rollproof
from rollproof.components import healers
from rollproof.components.aws.clients import Aws
from rollproof.components.postgres.admin import create_database, drop_database, ensure_roles, undo_database
from rollproof.components.postgres.passwords import ask_for_password, ask_no_more, set_password, try_password
from rollproof.components.postgres.programs import run_program
from rollproof.drill.healing import heal, outstanding
from rollproof.environments.base import AwsEndpoint, OpenEnvironment, PostgresServer
from rollproof.errors import EnvironmentUnavailable
from rollproof.fingerprint import compare, take_fingerprint
from rollproof.journal import Journal, Kind, Recorder, read_journal

ROLE = "contract_app"
assert healers  # registered by being imported


@pytest.fixture(scope="module")
def server(environment: OpenEnvironment) -> PostgresServer:
    server = environment.postgres()
    ensure_roles(server, [ROLE])
    return server


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    name = f"contract_{uuid.uuid4().hex[:8]}"
    create_database(server, name)
    yield name
    drop_database(server, name)


@pytest.fixture(scope="module")
def aws(environment: OpenEnvironment) -> AwsEndpoint:
    return environment.aws(account="210987654321")


def ask(server: PostgresServer, database: str, query: str, *, user: str | None = None) -> Any:
    with psycopg.connect(server.conninfo(database, user=user), autocommit=True) as conn:
        cursor = conn.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_nothing_stands_in_its_way_once_it_is_open(place: Place, environment: OpenEnvironment) -> None:
    assert environment.name == place.name
    assert list(place.make().preflight(place.system)) == []


def test_the_server_is_of_the_version_that_it_says(server: PostgresServer) -> None:
    assert int(ask(server, "postgres", "SHOW server_version_num")) // 10000 == server.major


@pytest.mark.parametrize("program", ["psql", "pg_dump", "pg_restore"])
def test_the_client_programs_are_of_the_servers_major_version(server: PostgresServer, program: str) -> None:
    said = run_program(server, "postgres", program, ["--version"], limit=60, doing="asking for the version")
    assert re.search(rf"\(PostgreSQL\) {server.major}\b", said)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("wal_level", "logical"),
        ("synchronous_commit", "on"),
    ],
)
def test_the_server_is_set_up_for_drills(
    place: Place, server: PostgresServer, setting: str, value: str
) -> None:
    if not place.makes_server:
        pytest.skip("this server is set up by its owner")
    assert ask(server, "postgres", f"SHOW {setting}") == value


@pytest.mark.parametrize("extension", ["pgcrypto", "uuid-ossp"])
def test_the_usual_extensions_are_there(server: PostgresServer, database: str, extension: str) -> None:
    with psycopg.connect(server.conninfo(database), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)))
    function = "gen_random_bytes(8)" if extension == "pgcrypto" else "uuid_generate_v4()"
    assert ask(server, database, f"SELECT {function}") is not None


def test_the_application_s_role_gets_in_and_is_no_superuser(server: PostgresServer, database: str) -> None:
    assert ask(server, database, "SELECT current_user::text", user=ROLE) == ROLE
    assert (
        ask(server, database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", user=ROLE)
        is False
    )


def test_the_servers_own_password_is_told_to_nobody_else(server: PostgresServer) -> None:
    if server.password is None:
        assert "password" not in server.conninfo("postgres")
        return
    assert server.password not in repr(server)
    assert server.password in server.conninfo("postgres")
    assert server.password not in server.conninfo("postgres", user=ROLE)
    assert server.password not in server.program_environment("postgres", user=ROLE).values()
    assert server.password not in json.dumps(undo_database(server, "any"))


def test_a_wrong_password_is_refused_where_one_is_asked_for(
    place: Place, server: PostgresServer, database: str
) -> None:
    if not server.private:
        pytest.skip("who must give a password is not changed on a server that is not the drill's own")
    set_password(server, ROLE, "right")
    try:
        ask_for_password(server, database, ROLE)
        assert try_password(server, database, ROLE, "wrong") == "refused"
        assert try_password(server, database, ROLE, "right") == "accepted"
        ask_no_more(server, ROLE)
        assert ask(server, database, "SELECT 1", user=ROLE) == 1
    finally:
        ask_no_more(server, ROLE)
        set_password(server, ROLE, None)


def test_backup_tools_make_an_equal_copy(
    environment: OpenEnvironment, server: PostgresServer, database: str
) -> None:
    archive = environment.scratch / f"{database}.dump"
    copy = f"{database}_copy"
    with psycopg.connect(server.conninfo(database), autocommit=True) as conn:
        conn.execute('CREATE TABLE "Odd Name" (id serial PRIMARY KEY, note text COLLATE "C")')
        conn.execute(
            """INSERT INTO "Odd Name" (note) SELECT md5(n::text) || 'ç' FROM generate_series(1, 999) n"""
        )
        before = take_fingerprint(conn)
    create_database(server, copy)
    try:
        dump, restore = ["-Fc", f"--file={archive}"], ["--exit-on-error", f"--dbname={copy}", str(archive)]
        run_program(server, database, "pg_dump", dump, limit=60, doing="dumping")
        run_program(server, copy, "pg_restore", restore, limit=60, doing="restoring")
        with psycopg.connect(server.conninfo(copy)) as conn:
            after = take_fingerprint(conn)
        assert list(compare(before, after)) == []
        assert ask(server, copy, 'SELECT count(*) FROM "Odd Name"') == 999
    finally:
        drop_database(server, copy)


def test_psql_reads_a_script_and_stops_at_its_first_error(
    environment: OpenEnvironment, server: PostgresServer, database: str
) -> None:
    script = environment.scratch / f"{database}.sql"
    script.write_text("CREATE TABLE one (id int);\nSELECT nonsense;\nCREATE TABLE two (id int);\n")
    command = [server.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]
    environ = {"PATH": os.defpath, "LC_ALL": "C", **server.program_environment(database)}
    for given, options in ((None, [str(script)]), (script.read_bytes(), ["-"])):
        done = subprocess.run(
            [*command, *options], env=environ, input=given, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 3
        assert b"nonsense" in done.stderr
        assert ask(server, database, "SELECT to_regclass('one')::text") == "one"
        assert ask(server, database, "SELECT to_regclass('two')") is None
        ask(server, database, "DROP TABLE one")


def test_it_is_reached_on_this_machine_alone(server: PostgresServer, aws: AwsEndpoint) -> None:
    host = urlsplit(str(aws.url)).hostname
    assert ipaddress.ip_address(str(host)).is_loopback
    assert server.host.startswith("/") or ipaddress.ip_address(server.host).is_loopback


def test_accounts_are_apart_or_it_says_that_they_are_not(
    environment: OpenEnvironment, aws: AwsEndpoint
) -> None:
    other = environment.aws(account="109876543210")
    name = f"/contract/{uuid.uuid4().hex}"
    here = Aws(aws).client("ssm")
    here.put_parameter(Name=name, Value="here", Type="String")
    try:
        found = Aws(other).client("ssm").get_parameters(Names=[name])["Parameters"]
    finally:
        here.delete_parameter(Name=name)
    if other.private:
        assert aws.account != other.account
        assert found == []
    else:
        assert not aws.private


def test_the_endpoint_says_what_it_is_and_shows_no_secret(aws: AwsEndpoint) -> None:
    assert re.fullmatch(r"\d{12}", aws.account)
    assert aws.emulator
    assert aws.secret_key not in repr(aws)


def test_a_free_port_is_free(environment: OpenEnvironment) -> None:
    port = environment.free_port()
    assert port != environment.free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


def test_the_scratch_folder_is_closed_to_others(environment: OpenEnvironment) -> None:
    assert stat.S_IMODE(environment.scratch.stat().st_mode) & 0o067 == 0


def test_what_it_runs_on_is_told_without_secrets(
    environment: OpenEnvironment, server: PostgresServer, aws: AwsEndpoint, contract_journal: Path
) -> None:
    said = json.dumps(dict(environment.facts)) + contract_journal.read_text()
    assert environment.facts["postgres"].startswith(str(server.major))
    assert environment.facts["aws"]
    for secret in filter(None, (server.password, aws.session_token)):
        assert secret not in said


def test_everything_is_announced_before_it_is_there(
    environment: OpenEnvironment, server: PostgresServer, aws: AwsEndpoint, contract_journal: Path
) -> None:
    events = read_journal(contract_journal).events
    first = next(event for event in events if event.data.get("undo"))
    assert first.kind is Kind.BEGIN
    assert not any(event.kind is Kind.OK for event in events if event.seq < first.seq)


def test_a_closed_environment_leaves_nothing_and_cannot_be_used(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "journal.ndjson"
    with Journal(file, run="contract") as journal:
        with place.make().open(place.system, Recorder(journal, "run")) as opened:
            opened.postgres()
            assert place.all_left(file) != []
        assert place.all_left(file) == []
        assert heal(outstanding(journal.events), Recorder(journal, "heal")) == []
    assert not opened.scratch.exists()
    with pytest.raises(EnvironmentUnavailable, match="closed"):
        opened.postgres()


OWNER = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from places import place_named
from rollproof.journal import Journal, Recorder
from rollproof.components.postgres.admin import create_database, undo_database

class Stopping(Recorder):
    def begin(self, act, data):
        event = super().begin(act, data)
        if act == sys.argv[4]:
            sys.stdout.write("now" + chr(10))
            sys.stdout.flush()
        return event

place = place_named(sys.argv[1])
recorder = Stopping(Journal(Path(sys.argv[2]), run="contract"), "run")
with place.make().open(place.system, recorder) as opened:
    server = opened.postgres()
    with recorder.acting("database.create", {"undo": undo_database(server, "left_behind")}):
        create_database(server, "left_behind")
    recorder.begin("everything.is.there", {})
    threading.Event().wait()
"""


@pytest.mark.parametrize("moment", ["postgres.start", "database.create", "everything.is.there"])
def test_kill_9_and_then_heal_leaves_nothing(place: Place, tmp_path: Path, moment: str) -> None:
    if moment == "postgres.start" and not place.makes_server:
        pytest.skip("this server was started by its owner")
    file = tmp_path / "journal.ndjson"
    source, here = Path(rollproof.__file__).parent.parent, Path(__file__).parent
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, place.name, str(file), str(here), moment],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert owner.stdout is not None
    assert owner.stdout.readline().strip() == "now"
    owner.send_signal(signal.SIGKILL)
    owner.communicate(timeout=60)
    with Journal.reopen(file) as journal:
        assert heal(outstanding(journal.events), Recorder(journal, "heal")) == []
    assert place.all_left(file) == []
