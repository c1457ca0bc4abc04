"""Whatever happens to the owner, no process, no folder and no port of its environment is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from embedded_support import Owner, Person, family, nothing_is_left, people, undo_of

from rollproof.environments.keeper import still_runs
from rollproof.environments.leftovers import find_leftovers, remove_leftovers
from rollproof.waiting import eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
everybody = pytest.mark.parametrize("person", people(), ids=lambda person: person.name)


@pytest.fixture
def home() -> Iterator[Path]:
    """Where owners of any user may keep their journals."""
    folder = Path(tempfile.mkdtemp(prefix="rp-test-"))
    folder.chmod(0o755)
    yield folder / "owner"
    shutil.rmtree(folder)


RUNNING = """
with EmbeddedEnvironment().open(system, recorder) as environment:
    server = environment.postgres()
    say(f"running {server.port}")
    threading.Event().wait()
"""

# The owner kills itself when a file appears; the loop is tight, so that it is caught in the act.
WHEN_A_FILE_APPEARS = """
def kill_when(path):
    while not path.exists():
        pass
    HOW

with EmbeddedEnvironment().open(system, recorder) as environment:
    threading.Thread(target=kill_when, args=(environment.scratch / WHAT,), daemon=True).start()
    environment.postgres()
    threading.Event().wait()
"""

HOW = {
    "kill -9": "os.kill(os.getpid(), signal.SIGKILL)",
    "kill -9 of the group": "os.killpg(0, signal.SIGKILL)",
    "kill": "os.kill(os.getpid(), signal.SIGTERM)",
    "hang-up": "os.killpg(0, signal.SIGHUP)",
    "Ctrl-C": "os.killpg(0, signal.SIGINT)",
    "exit": "os._exit(0)",
}
MOMENTS = {
    "initdb starts": "initdb.log",
    "initdb is at work": "postgres/data/global",
    "initdb is nearly done": "postgres/data/base/5",
    "the server starts": "postgres.log",
    "the server has its data": "postgres/data/postmaster.pid",
    "the server listens": "postgres/.s.PGSQL.5432",
}


@pytest.mark.parametrize(
    ("person", "moment"),
    [*((people()[0], moment) for moment in MOMENTS), (people()[-1], "initdb is at work")],
    ids=lambda value: value.name if isinstance(value, Person) else value,
)
def test_an_owner_killed_while_starting_leaves_nothing(home: Path, person: Person, moment: str) -> None:
    code = WHEN_A_FILE_APPEARS.replace("WHAT", repr(MOMENTS[moment])).replace("HOW", HOW["kill -9"])
    with Owner(code, home, person=person) as owner:
        owner.ended()
        assert owner.process.returncode == -signal.SIGKILL
        nothing_is_left(owner.scratch)


@pytest.mark.parametrize(
    ("moment", "how"),
    [("initdb is at work", "Ctrl-C"), *(("the server listens", how) for how in HOW)],
)
def test_an_owner_that_ends_in_any_way_leaves_nothing(home: Path, moment: str, how: str) -> None:
    code = WHEN_A_FILE_APPEARS.replace("WHAT", repr(MOMENTS[moment])).replace("HOW", HOW[how])
    with Owner(code, home) as owner:
        owner.ended()
        nothing_is_left(owner.scratch)


@pytest.mark.parametrize("event", range(1, 9))
def test_an_owner_killed_at_any_journal_event_leaves_nothing(home: Path, event: int) -> None:
    """Also between the announcement of the scratch folder and its making."""
    code = f"""
write = recorder.journal.write
def write_and_die(*arguments, **options):
    event = write(*arguments, **options)
    if event.seq == {event}:
        os.kill(os.getpid(), signal.SIGKILL)
    return event
recorder.journal.write = write_and_die

with EmbeddedEnvironment().open(system, recorder) as environment:
    environment.postgres()
"""
    with Owner(code, home) as owner:
        owner.ended()
        assert owner.process.returncode == -signal.SIGKILL
        nothing_is_left(owner.scratch)
        assert remove_leftovers(undo_of(home)) == []


@everybody
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_running_environment_ends_with_its_owner(
    home: Path, person: Person, number: signal.Signals
) -> None:
    with Owner(RUNNING, home, person=person) as owner:
        owner.heard("running")
        processes = family(owner.process.pid)
        assert len([process for process in processes if process.name() == "postgres"]) > 3
        owner.signal(number)
        owner.ended()
        nothing_is_left(owner.scratch, processes)


def test_ctrl_c_ends_as_python_programs_do_with_the_journal_closed(home: Path) -> None:
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        owner.signal(signal.SIGINT)
        said = owner.ended()
    assert "KeyboardInterrupt" in said
    assert owner.process.returncode == -signal.SIGINT
    last = json.loads((home / "journal.ndjson").read_text().splitlines()[-1])
    assert (last["act"], last["kind"]) == ("environment.close", "ok")
    nothing_is_left(owner.scratch, within=0.001)


def test_an_impatient_second_ctrl_c_leaves_nothing_either(home: Path) -> None:
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        processes = family(owner.process.pid)
        owner.signal(signal.SIGINT)
        owner.signal(signal.SIGINT)
        owner.ended()
        nothing_is_left(owner.scratch, processes)


BUSY = """
import psycopg
with EmbeddedEnvironment().open(system, recorder) as environment:
    connection = psycopg.connect(environment.postgres().conninfo("postgres"))
    def never_ends():
        connection.execute("SELECT count(*) FROM generate_series(1, 1000000), generate_series(1, 1000000)")
    threading.Thread(target=never_ends, daemon=True).start()
    while connection.info.transaction_status != 1:
        pass
    say("running")
    threading.Event().wait()
"""


def test_a_query_that_never_ends_does_not_outlive_its_owner(home: Path) -> None:
    with Owner(BUSY, home) as owner:
        owner.heard("running")
        processes = family(owner.process.pid)
        owner.signal(signal.SIGKILL)
        owner.ended()
        nothing_is_left(owner.scratch, processes)


@linux
def test_a_stopped_server_does_not_outlive_its_owner(home: Path) -> None:
    """It cannot heed any signal but SIGKILL, which leaves its shared memory for the keeper to remove."""
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        processes = family(owner.process.pid)
        for process in processes:
            if process.name() == "postgres":
                process.suspend()
        assert shared_memory_of(processes)
        owner.signal(signal.SIGKILL)
        owner.ended()
        nothing_is_left(owner.scratch, processes, within=60)
        assert not shared_memory_of(processes)


def test_a_port_is_free_again_after_kill(home: Path) -> None:
    code = RUNNING.replace("EmbeddedEnvironment()", "EmbeddedEnvironment(scratch_root=LONG, short_roots=())")
    long = home.parent / ("deep" * 20)
    long.mkdir(mode=0o755)
    with Owner(code.replace("LONG", f"Path({str(long)!r})"), home) as owner:
        port = int(owner.heard("running").split()[1])
        with socket.create_connection(("127.0.0.1", port)):
            pass
        owner.signal(signal.SIGKILL)
        owner.ended()
        nothing_is_left(owner.scratch)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_forked_child_that_lives_on_does_not_hold_the_environment(home: Path) -> None:
    """As with multiprocessing's fork and pytest-forked: such a child inherits every descriptor."""
    code = """
with EmbeddedEnvironment().open(system, recorder) as environment:
    environment.postgres()
    if not (child := os.fork()):
        os.setsid()
        signal.pause()
        os._exit(0)
    say(f"running {child}")
    threading.Event().wait()
"""
    with Owner(code, home) as owner:
        child = psutil.Process(int(owner.heard("running").split()[1]))
        owner.signal(signal.SIGKILL)
        nothing_is_left(owner.scratch)
        assert child.is_running()
        child.kill()
        owner.ended()


def test_a_forked_child_that_ends_does_not_end_the_environment(home: Path) -> None:
    code = """
with EmbeddedEnvironment().open(system, recorder) as environment:
    environment.postgres()
    if not (child := os.fork()):
        sys.exit(0)  # with all of Python's tidying up, context managers included
    os.waitpid(child, 0)
    environment.postgres()
    say(f"running {environment._cluster.keeper.alive}")
"""
    with Owner(code, home) as owner:
        assert owner.heard("running") == "running True"
        owner.ended()
        nothing_is_left(owner.scratch)


def shared_memory_of(processes: Sequence[psutil.Process]) -> list[str]:
    """System V segments made by these processes. Linux only, like the stopping tested with it."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row[1] for row in rows if int(row[4]) in {process.pid for process in processes}]


# --- when keepers are killed as well


def keepers(owner: Owner) -> list[psutil.Process]:
    """The scratch folder's keeper first."""
    found = [
        p for p in psutil.Process(owner.process.pid).children() if "keeper_program.py" in str(p.cmdline())
    ]
    return sorted(found, key=lambda process: "the scratch folder" not in process.cmdline())


def test_a_server_whose_keeper_is_killed_ends(home: Path) -> None:
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        processes = family(keepers(owner)[1].pid)
        keepers(owner)[1].kill()
        eventually(
            lambda: not any(still_runs(process) for process in processes),
            within=30,
            what="the server has ended",
        )
        owner.signal(signal.SIGINT)
        owner.ended()
        nothing_is_left(owner.scratch)


def test_an_owner_stands_in_for_a_killed_keeper_of_its_scratch_folder(home: Path) -> None:
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        keepers(owner)[0].kill()
        owner.signal(signal.SIGINT)
        owner.ended()
        nothing_is_left(owner.scratch)


@everybody
def test_when_everything_is_killed_at_once_healing_removes_the_rest(home: Path, person: Person) -> None:
    with Owner(RUNNING, home, person=person) as owner:
        owner.heard("running")
        processes = family(owner.process.pid)
        for process in keepers(owner):
            process.suspend()  # so that none has a chance to finish
        owner.signal(signal.SIGKILL)
        owner.ended()
        for process in [p for p in processes if still_runs(p) and "keeper_program.py" in str(p.cmdline())]:
            process.kill()
        assert owner.scratch.exists()
        done = remove_leftovers(undo_of(home))
        assert f"removed folder {owner.scratch}" in done
        nothing_is_left(owner.scratch, processes, within=0.001)
        assert remove_leftovers(undo_of(home)) == []


@linux
def test_keepers_that_hang_are_ended_by_healing(home: Path) -> None:
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        processes = family(owner.process.pid)
        for process in keepers(owner):
            process.suspend()
        owner.signal(signal.SIGKILL)
        owner.ended()
        assert shared_memory_of(processes)
        done = remove_leftovers(undo_of(home), patience=0.1)
        assert not shared_memory_of(processes)
        assert len([line for line in done if "ended process" in line]) >= 3
        nothing_is_left(owner.scratch, processes, within=0.001)


def test_healing_finds_every_process_of_the_server(home: Path) -> None:
    """Backends overwrite their arguments and environment; they are found all the same."""
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        everyone = {process.pid for process in family(owner.process.pid)[1:]}
        assert len(everyone) > 5
        found = {process.pid for process in find_leftovers(owner.scratch).processes}
        assert found == everyone


def test_healing_spares_a_bystander_who_looks_at_the_folder(home: Path) -> None:
    with Owner(RUNNING, home) as owner:
        owner.heard("running")
        bystander = subprocess.Popen(["tail", "-f", str(owner.scratch / "postgres.log")], cwd=owner.scratch)
        owner.signal(signal.SIGKILL)
        owner.ended()
        remove_leftovers(undo_of(home))
        assert bystander.poll() is None
        bystander.kill()
        bystander.wait()


# --- under pytest-xdist


XDIST = """
import os, threading
from pathlib import Path
from embedded_support import a_recorder, a_system
from rollproof.environments.embedded import EmbeddedEnvironment

def test_one(tmp_path): use("one", tmp_path)
def test_two(tmp_path): use("two", tmp_path)

def use(name, tmp_path):
    with a_recorder(tmp_path) as recorder, EmbeddedEnvironment().open(a_system(), recorder) as environment:
        environment.postgres()
        (Path(__file__).parent / name).write_text(str(environment.scratch))
        if os.environ.get("WAIT"):
            threading.Event().wait()
"""


def xdist(folder: Path, **environ: str) -> subprocess.Popen[bytes]:
    folder.mkdir()
    (folder / "test_it.py").write_text(XDIST)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    search = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n2",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:rollproof",
            f"--basetemp={folder / 'base'}",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": search, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_workers_of_xdist_each_have_their_own_and_leave_nothing(home: Path) -> None:
    assert xdist(home).wait(timeout=120) == 0
    scratches = {Path((home / name).read_text()) for name in ("one", "two")}
    assert len(scratches) == 2
    for scratch in scratches:
        nothing_is_left(scratch)


def test_workers_of_xdist_that_are_killed_leave_nothing(home: Path) -> None:
    run = xdist(home, WAIT="1")
    names = [home / "one", home / "two"]
    eventually(lambda: all(n.exists() and n.read_text() for n in names), within=120, what="both run")
    processes = family(run.pid)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    for name in names:
        nothing_is_left(Path(name.read_text()), processes)
