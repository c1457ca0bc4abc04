"""The embedded environment in use: what it gives, who can get in, what it leaves, what stands in its way."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from embedded_support import NOBODY, a_recorder, a_system, family, nothing_is_left, passable, people, undo_of
from psycopg import sql

from rollproof.environments.base import Environment
from rollproof.environments.embedded import EmbeddedEnvironment, Ports, resolve_binaries
from rollproof.environments.embedded.account import as_named_user
from rollproof.environments.embedded.environment import OpenEmbedded
from rollproof.environments.embedded.scratch import Scratch
from rollproof.errors import EnvironmentUnavailable
from rollproof.journal import Kind

__all__ = ["passable"]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[OpenEmbedded]:
    database, major = options.pop("database", True), options.pop("major", None)
    with (
        a_recorder(folder) as recorder,
        EmbeddedEnvironment(**options).open(a_system(major, database=database), recorder) as environment,
    ):
        yield environment


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenEmbedded]:
    with opened(tmp_path_factory.mktemp("open")) as environment:
        yield environment


def ask(environment: OpenEmbedded, query: str) -> Any:
    with psycopg.connect(environment.postgres().conninfo("postgres")) as conn:
        row = conn.execute(query.encode()).fetchone()
        return row[0] if row and len(row) == 1 else row


def postmaster() -> psutil.Process:
    """The newest server that this process owns."""
    servers = [process for process in family(os.getpid()) if process.name() == "postgres"]
    heads = [process for process in servers if process.ppid() not in {other.pid for other in servers}]
    return max(heads, key=psutil.Process.create_time)


def test_it_is_an_environment() -> None:
    environment: Environment = EmbeddedEnvironment()
    assert environment.name == "embedded"
    assert environment.preflight(a_system()) == []


def test_the_server_is_of_the_major_version_that_it_says(environment: OpenEmbedded) -> None:
    server = environment.postgres()
    assert ask(environment, "SHOW server_version").split()[0] == environment.facts["postgres"].split()[0]
    assert int(ask(environment, "SHOW server_version_num")) // 10000 == server.major
    assert server.private


def test_the_server_is_started_once_also_when_many_ask_at_once(environment: OpenEmbedded) -> None:
    seen: list[object] = []
    threads = [threading.Thread(target=lambda: seen.append(environment.postgres())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(map(id, seen))) == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("wal_level", "logical"),
        ("fsync", "off"),
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
        ("lc_messages", "C"),
    ],
)
def test_the_server_is_set_up_for_drills(environment: OpenEmbedded, setting: str, value: str) -> None:
    assert ask(environment, f"SHOW {setting}") == value


def test_letters_outside_ascii_are_letters(environment: OpenEmbedded) -> None:
    assert ask(environment, "SELECT upper('ção')") == "ÇÃO"


@pytest.mark.parametrize("name", ["psql", "pg_dump", "pg_restore"])
def test_the_client_programs_are_of_the_servers_version(environment: OpenEmbedded, name: str) -> None:
    server = environment.postgres()
    done = subprocess.run(
        [server.program(name), "--version"],
        env=dict(server.program_environment("postgres")),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"(PostgreSQL) {environment.facts['postgres']}" in done.stdout


def test_a_dump_can_be_restored_with_the_server_s_own_programs(
    environment: OpenEmbedded, tmp_path: Path
) -> None:
    server, dump = environment.postgres(), tmp_path / "dump"
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE restored")
        conn.execute('CREATE TABLE "Odd Name" AS SELECT generate_series(1, 1000) AS n')
    for program, database, arguments in [
        ("pg_dump", "postgres", ["-Fc", "-f", str(dump)]),
        ("pg_restore", "restored", ["-d", "restored", "--exit-on-error", str(dump)]),
    ]:
        environ = dict(server.program_environment(database))
        subprocess.run([server.program(program), *arguments], env=environ, check=True, capture_output=True)
    with psycopg.connect(server.conninfo("restored")) as conn:
        assert conn.execute('SELECT sum(n) FROM "Odd Name"').fetchone() == (500500,)


def test_nothing_listens_on_a_network_address(environment: OpenEmbedded) -> None:
    environment.postgres()
    listening = [
        connection
        for process in family(environment.guardian.pid) + family(os.getpid())
        for connection in _connections(process)
        if connection.status == "LISTEN"
    ]
    assert listening == []


def _connections(process: psutil.Process) -> list[Any]:
    with suppress(psutil.NoSuchProcess):  # the server's helpers come and go
        return list(process.net_connections("inet"))
    return []


def test_alter_system_cannot_open_the_server_to_the_network(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        conninfo = environment.postgres().conninfo("postgres")
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute("ALTER SYSTEM SET listen_addresses = '*'")
            conn.execute("ALTER SYSTEM SET work_mem = '5MB'")
            conn.execute("SELECT pg_reload_conf()")
        with psycopg.connect(conninfo) as conn:
            assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
            assert conn.execute("SHOW work_mem").fetchone() == ("5MB",)


def test_the_scratch_folder_is_closed_to_others(environment: OpenEmbedded) -> None:
    environment.postgres()
    mode = stat.S_IMODE(environment.scratch.stat().st_mode)
    assert mode & 0o007 == 0
    assert mode & 0o060 == 0
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in environment.scratch.iterdir())


@as_root
def test_another_user_of_the_machine_cannot_connect(environment: OpenEmbedded) -> None:
    server = environment.postgres()
    done = subprocess.run(
        ["/bin/sh", "-c", 'ls "$PGHOST"; exec "$0" -X -c "SELECT 1"', server.program("psql")],
        env=dict(server.program_environment("postgres")),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        user=12345,
        group=12345,
        extra_groups=[],
    )
    assert done.returncode != 0
    assert done.stderr.count("Permission denied") == 2


@as_root
def test_the_server_of_root_runs_as_nobody_and_cannot_change_the_scratch_folder(
    environment: OpenEmbedded,
) -> None:
    environment.postgres()
    server = postmaster()
    assert set(server.uids()) == {NOBODY}
    assert server.environ().keys() <= {"PATH", "LD_LIBRARY_PATH", "LC_ALL", "TZ", "ROLLPROOF_KEPT_FOR"}
    with psycopg.connect(environment.postgres().conninfo("postgres")) as conn:
        command = f"touch {environment.scratch}/intruder"
        with pytest.raises(psycopg.errors.ExternalRoutineException):
            conn.execute(sql.SQL("COPY (SELECT 1) TO PROGRAM {}").format(command))


def test_secrets_of_the_owner_do_not_reach_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do not tell")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with opened(tmp_path) as environment:
        environment.postgres()
        for process in family(os.getpid())[1:]:
            assert "AWS_SECRET_ACCESS_KEY" not in process.environ()


def test_everything_is_gone_afterwards_and_the_journal_tells(tmp_path: Path) -> None:
    before = family(os.getpid())
    with a_recorder(tmp_path) as recorder:
        with EmbeddedEnvironment().open(a_system(), recorder) as environment:
            environment.postgres()
            processes = [process for process in family(os.getpid()) if process not in before]
            assert len(processes) > 4
        nothing_is_left(environment.scratch, processes, within=0.001)
    story = [(event.act, event.kind) for event in recorder.journal.events]
    acts = ["environment.open", "postgres.start", "postgres.stop", "environment.close"]
    assert story == [(act, kind) for act in acts for kind in (Kind.BEGIN, Kind.OK)]
    assert undo_of(tmp_path)["scratch"] == str(environment.scratch)


def test_everything_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(tmp_path) as environment:
        environment.postgres()
        (environment.scratch / "read only").mkdir(mode=0o500)
        raise ZeroDivisionError
    nothing_is_left(environment.scratch, within=0.001)


def test_the_journal_names_the_scratch_folder_before_it_exists(tmp_path: Path) -> None:
    seen: list[bool] = []
    with a_recorder(tmp_path) as recorder:
        begin = recorder.begin

        def spy(act: str, data: Any) -> Any:
            event = begin(act, data)
            if "undo" in data:
                seen.append(Path(data["undo"]["scratch"]).exists())
            return event

        recorder.begin = spy  # type: ignore[method-assign]
        with EmbeddedEnvironment().open(a_system(), recorder):
            pass
    assert seen == [False]


def test_a_system_without_a_database_gets_a_scratch_folder_and_no_server(tmp_path: Path) -> None:
    with opened(tmp_path, database=False, binaries=tmp_path / "nothing here") as environment:
        assert environment.scratch.is_dir()
        assert environment.free_port() > 0
        with pytest.raises(EnvironmentUnavailable, match="declares no database"):
            environment.postgres()


def test_two_environments_at_once_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with opened(tmp_path / "a") as one, opened(tmp_path / "b") as other:
        ask(one, "SELECT 1")
        ask(other, "SELECT 1")
        assert ask(one, "SHOW data_directory") != ask(other, "SHOW data_directory")
        one.stop()
        with pytest.raises(EnvironmentUnavailable, match="is closed"):
            one.postgres()
        assert ask(other, "SELECT 2") == 2


def test_a_server_that_died_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        environment.postgres()
        assert environment._cluster is not None
        postmaster().kill()
        assert environment._cluster.keeper.wait(within=30) == -signal.SIGKILL
        with pytest.raises(EnvironmentUnavailable, match=r"stopped by itself \(exit code -9\)") as caught:
            environment.postgres()
        assert "database system is ready" in caught.value.found


def test_acknowledged_commits_survive_a_killed_server(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        server = environment.postgres()
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 1 AS n")
            for number in range(2, 102):
                conn.execute("INSERT INTO kept VALUES (%s)", [number])
            server_process = postmaster()
            children = server_process.children()
            server_process.kill()
        for process in children:
            process.wait(timeout=30)
        cluster = environment._cluster
        assert cluster is not None
        again = list(cluster.keeper.spec.argv)
        account = people()[0]
        options: dict[str, Any] = (
            {"user": NOBODY, "group": NOBODY, "extra_groups": []} if account.name == "root" else {}
        )
        recovered = subprocess.run(
            [*as_named_user(), again[0], "--single", "-D", again[2], "postgres"],
            input="SELECT count(*) FROM kept\n",
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
            env=dict(cluster.keeper.spec.env),
            **options,
        )
        assert 'count = "101"' in recovered.stdout


# --- other programs than the usual ones


@pytest.mark.parametrize("major", [13, 14, 15, 16, 17, 18])
def test_a_server_of_productions_major_version_is_used_where_installed(tmp_path: Path, major: int) -> None:
    if not resolve_binaries(major=major).matches_major:
        pytest.skip(f"PostgreSQL {major} is not installed here")
    with opened(tmp_path, major=major) as environment:
        assert int(ask(environment, "SHOW server_version_num")) // 10000 == major
        assert ask(environment, "SELECT upper('ç')") == "Ç"
        assert "production" not in environment.facts


def test_a_report_can_say_that_production_is_of_another_major_version(tmp_path: Path) -> None:
    with opened(tmp_path, major=30) as environment:
        version = environment.facts["postgres"]
        assert environment.facts["production"] == f"drilled on {version}, production is 30"


@as_root
@pytest.mark.parametrize("closed", ["the folders", "every file"])
def test_programs_that_only_root_can_read_are_run_all_the_same(tmp_path: Path, closed: str) -> None:
    source = resolve_binaries().bin_dir.parent
    if not (source / "share").is_dir():
        pytest.skip("these programs are spread over the file system")
    home = tmp_path / "root"
    shutil.copytree(source, home / "pg", symlinks=True, copy_function=os.link)
    if closed == "every file":
        shutil.rmtree(home)
        shutil.copytree(source, home / "pg", symlinks=True)
        for path in home.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o700)
    home.chmod(0o700)
    with opened(tmp_path, binaries=home / "pg" / "bin") as environment:
        assert ask(environment, "SELECT 1") == 1
        assert environment.postgres().bin_dir == home / "pg" / "bin"
        assert (environment.scratch / "binaries" / "bin" / "postgres").exists()
    nothing_is_left(environment.scratch, within=0.001)


# --- where the socket goes


@pytest.fixture
def long_folder(passable: Path) -> Path:
    folder = passable / ("deep" * 20)
    folder.mkdir(mode=0o755)
    return folder


def test_a_path_too_long_for_a_socket_gets_a_short_one_beside_it(tmp_path: Path, long_folder: Path) -> None:
    with opened(tmp_path, scratch_root=long_folder) as environment:
        host = Path(environment.postgres().host)
        assert ask(environment, "SELECT 1") == 1
        assert host.name == environment.scratch.name
        assert host != environment.scratch
        assert stat.S_IMODE(host.stat().st_mode) == 0o700
        assert undo_of(tmp_path)["folders"] == [str(environment.scratch), str(host)]
    assert not host.exists()
    nothing_is_left(environment.scratch, within=0.001)


def test_without_any_short_path_it_listens_on_loopback_with_a_password(
    tmp_path: Path, long_folder: Path
) -> None:
    with opened(tmp_path, scratch_root=long_folder, short_roots=()) as environment:
        server = environment.postgres()
        assert server.host == "127.0.0.1"
        assert ask(environment, "SELECT 1") == 1
        assert ask(environment, "SHOW listen_addresses") == "127.0.0.1"
        assert not list(environment.scratch.glob("password*"))
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.conninfo("postgres", with_password=False))
        assert server.password
        assert server.password not in repr(server)
        assert server.password not in (tmp_path / "journal.ndjson").read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_port_that_somebody_takes_meanwhile_is_given_up_for_another(
    tmp_path: Path, long_folder: Path
) -> None:
    class Unlucky(Ports):
        def take(self) -> int:
            return (
                int(taken.getsockname()[1]) if not tried.append(None) and len(tried) < 3 else super().take()
            )

    tried: list[None] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        with opened(tmp_path, scratch_root=long_folder, short_roots=(), ports=Unlucky()) as environment:
            assert environment.postgres().port != taken.getsockname()[1]
            assert len(tried) == 3


def test_scratch_folders_cannot_be_guessed_and_do_not_repeat(tmp_path: Path) -> None:
    names = {Scratch.name(tmp_path).folder.name for _ in range(100)}
    assert len(names) == 100


# --- ports


def test_ports_are_free_on_loopback_and_never_given_twice(environment: OpenEmbedded) -> None:
    ports = [environment.free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    for port in ports[:5]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_port_on_which_somebody_listens_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentUnavailable, match=f"no free port on 127.0.0.1 among {port}-{port}"):
            Ports([port]).take()


def test_no_free_port_is_one_error_with_a_remedy(tmp_path: Path) -> None:
    with opened(tmp_path, database=False, ports=Ports([])) as environment:
        with pytest.raises(EnvironmentUnavailable, match="no free port") as caught:
            environment.free_port()
        assert caught.value.remedy
        assert caught.value.exit_code != 0


# --- what stands in the way


def refuse(tmp_path: Path, **options: Any) -> EnvironmentUnavailable:
    """Opens in vain: preflight says the same, and nothing was made or journaled."""
    before = set(tmp_path.rglob("*"))
    assert EmbeddedEnvironment(**options).preflight(a_system())
    with a_recorder(tmp_path) as recorder:
        environment = EmbeddedEnvironment(**options)
        with pytest.raises(EnvironmentUnavailable) as caught, environment.open(a_system(), recorder):
            pass
        assert recorder.journal.events == []
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "journal.ndjson"}
    assert caught.value.remedy
    assert caught.value.exit_code != 0
    return caught.value


def test_too_little_disk_space_is_told_before_anything_is_made(tmp_path: Path, passable: Path) -> None:
    error = refuse(tmp_path, scratch_root=passable, needed_bytes=10**18)
    assert f"{passable} has " in error.found
    assert "953674316406 MB are needed" in error.found
    assert "TMPDIR" in error.remedy


def test_a_scratch_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    error = refuse(tmp_path, scratch_root=tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'} is not a folder" in error.found


@as_root
def test_a_scratch_root_that_nobody_cannot_reach_is_told_to_root(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    error = refuse(tmp_path, scratch_root=closed)
    assert "cannot be reached by nobody" in error.found
    assert "everyone may pass through" in error.remedy


def test_missing_programs_are_told(tmp_path: Path) -> None:
    error = refuse(tmp_path, binaries=tmp_path)
    assert "initdb, postgres, psql, pg_dump, pg_restore are missing" in error.found
    assert "rollproof[embedded]" in error.remedy


def test_several_obstacles_are_told_at_once(tmp_path: Path, passable: Path) -> None:
    error = refuse(tmp_path, binaries=tmp_path, scratch_root=passable, needed_bytes=10**18)
    assert "are missing" in error.found
    assert "MB are needed" in error.found


@pytest.mark.parametrize("person", people(), ids=lambda person: person.name)
def test_a_scratch_root_that_cannot_be_written_to_is_told(tmp_path: Path, person: Any) -> None:
    """For root that is a read-only file system; its own permissions do not stop it."""
    root = "/proc/1" if person.name == "root" else "/"
    code = (
        "from pathlib import Path; from rollproof.environments.embedded import EmbeddedEnvironment;"
        "from rollproof.model.system import System;"
        "database = {'migrations': {'path': 'm'}};"
        "system = System.model_validate({'system': {'name': 'x'}, 'database': database});"
        f"print(EmbeddedEnvironment(scratch_root=Path({root!r})).preflight(system))"
    )
    done = subprocess.run(
        [person.python, "-c", code],
        env=person.environment,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        **person.options,
    )
    assert f"{root} cannot be written to" in done.stdout or "MB are needed" in done.stdout


@as_root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_a_root_that_may_not_become_nobody_is_told() -> None:
    """As in a container that dropped its capabilities."""
    code = (
        "from embedded_support import a_system;"
        "from rollproof.environments.embedded import EmbeddedEnvironment;"
        "print(EmbeddedEnvironment().preflight(a_system()))"
    )
    less = "-setuid,-setgid,-chown"
    done = subprocess.run(
        ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}", sys.executable, "-c", code],
        env={**people()[0].environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "may not become `nobody`" in done.stdout
    assert "SETUID" in done.stdout


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    """What preflight saw may have changed when the folder is made."""
    environment = EmbeddedEnvironment(scratch_root=tmp_path / "gone")
    environment._root = lambda system: tmp_path / "gone"  # type: ignore[method-assign]
    with a_recorder(tmp_path) as recorder:
        with pytest.raises(EnvironmentUnavailable) as caught, environment.open(a_system(), recorder):
            pass
        assert [event.kind for event in recorder.journal.events] == [Kind.BEGIN, Kind.FAIL]
    assert "No such file or directory" in caught.value.found
    assert "TMPDIR" in caught.value.remedy


def breaking_initdb(folder: Path, body: str) -> Path:
    """The real programs, but for initdb."""
    real = resolve_binaries().bin_dir
    folder.mkdir()
    for program in real.iterdir():
        (folder / program.name).symlink_to(program)
    (folder / "initdb").unlink()
    (folder / "initdb").write_text(
        f'#!/bin/sh\ncase "$1" in --version) exec {real}/initdb --version;; esac\n{body}\n'
    )
    (folder / "initdb").chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("body", "found", "remedy"),
    [
        ("echo 'the disk is made of cheese' >&2; exit 1", "the disk is made of cheese", "ROLLPROOF_PG_BIN"),
        (
            "echo 'FATAL: could not write: No space left on device' >&2; exit 1",
            "No space left on device",
            "free some space",
        ),
        (
            """echo 'FATAL: invalid value for parameter "TimeZone": "UTC"' >&2; exit 1""",
            'parameter "TimeZone"',
            "tzdata",
        ),
        ("exit 3", "exit code 3", "ROLLPROOF_PG_BIN"),
    ],
)
def test_a_failing_start_is_one_error_with_the_end_of_the_log(
    tmp_path: Path, passable: Path, body: str, found: str, remedy: str
) -> None:
    binaries = breaking_initdb(passable / "programs", body)
    with opened(tmp_path, binaries=binaries) as environment:
        with pytest.raises(EnvironmentUnavailable) as caught:
            environment.postgres()
        assert found in caught.value.found
        assert remedy in caught.value.remedy
        with pytest.raises(EnvironmentUnavailable) as again:
            environment.postgres()
        assert again.value is caught.value
    nothing_is_left(environment.scratch, within=0.001)


def test_a_locale_that_the_machine_lacks_is_done_without(tmp_path: Path, passable: Path) -> None:
    real = resolve_binaries().bin_dir
    picky = (
        """case "$*" in *C.UTF-8*) echo 'initdb: error: invalid locale name "C.UTF-8"' >&2; exit 1;; esac\n"""
        f'exec {real}/initdb "$@"'
    )
    with opened(tmp_path, binaries=breaking_initdb(passable / "programs", picky)) as environment:
        assert ask(environment, "SHOW server_encoding") == "UTF8"
        assert environment.facts["locale"] == "C"


def test_settings_that_the_server_refuses_are_one_error_with_the_end_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollproof.environments.embedded.cluster.SETTINGS", "shared_buffers = nonsense\n")
    with opened(tmp_path) as environment:
        with pytest.raises(EnvironmentUnavailable, match="shared_buffers") as caught:
            environment.postgres()
        assert "its log ends" in caught.value.found
    nothing_is_left(environment.scratch, within=0.001)


@pytest.mark.skipif(len(people()) < 2, reason="needs root, and a Python that an ordinary user can run")
def test_a_numeric_user_that_passwd_does_not_know_may_pass_for_one_that_it_does() -> None:
    """As in a container that runs as a number. initdb asks for the name and fails without one."""
    numeric = 65533
    with pytest.raises(KeyError):
        pwd.getpwuid(numeric)
    code = (
        "from rollproof.environments.embedded.account import account_obstacle, as_named_user;"
        "import os, subprocess;"
        "assert account_obstacle() is None;"
        "print(os.geteuid(), subprocess.check_output([*as_named_user(), '/usr/bin/id', '-un'], text=True))"
    )
    done = subprocess.run(
        [people()[1].python, "-c", code],
        user=numeric,
        group=numeric,
        extra_groups=[],
        env=people()[1].environment,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    uid, name = done.stdout.split()
    assert int(uid) == numeric
    assert name in {entry.pw_name for entry in pwd.getpwall()}
