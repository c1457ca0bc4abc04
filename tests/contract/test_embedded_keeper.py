"""A keeper with programs other than Postgres: what it starts, how it ends them, what it refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from embedded_support import NOBODY, Owner, nothing_is_left
from hypothesis import given
from hypothesis import strategies as st

from rollproof.environments.keeper import Folder, Keeper, KeeperSpec, inherited_environment, still_runs
from rollproof.environments.keeper_program import may_remove, remove_folder
from rollproof.errors import EnvironmentUnavailable
from rollproof.waiting import eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
Start = Callable[..., Keeper]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "rollproof-0123456789ab"
    folder.mkdir()
    return folder


@pytest.fixture
def start(scratch: Path) -> Iterator[Start]:
    """Starts a keeper of some Python code, or of `argv`."""
    started: list[Keeper] = []

    def start(code: str = "", *, within: Keeper | None = None, **options: Any) -> Keeper:
        defaults = {"argv": [sys.executable, "-c", code], "log": scratch / "log"}
        spec = KeeperSpec(name="example", scratch=scratch, **{**defaults, **options})
        started.append(Keeper.start(spec, within=within))
        return started[-1]

    yield start
    for keeper in started[::-1]:
        keeper.stop()


WAIT = "import signal, sys; print('ready', flush=True); signal.pause()"


def ready(keeper: Keeper) -> Keeper:
    eventually(lambda: "ready" in keeper.log_tail(), within=30, what="the program is ready")
    return keeper


def test_it_starts_a_program_and_stops_it(start: Start) -> None:
    keeper = ready(start(WAIT))
    assert keeper.alive
    assert keeper.child_pid
    child = psutil.Process(keeper.child_pid)
    ended = keeper.stop()
    assert (ended.exit_code, ended.forced, ended.left) == (-signal.SIGTERM, False, ())
    assert not keeper.alive
    assert not still_runs(child)
    assert not psutil.pid_exists(keeper.pid)


def test_stopping_twice_says_the_same_twice(start: Start) -> None:
    keeper = start(WAIT)
    assert keeper.stop() == keeper.stop()


def test_several_threads_may_stop_and_ask_at_once(start: Start) -> None:
    keeper = ready(start(WAIT))
    said: list[object] = []
    threads = [threading.Thread(target=lambda: said.append(keeper.stop())) for _ in range(4)]
    threads += [threading.Thread(target=lambda: keeper.alive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(said)) == 1
    assert len(said) == 4


def test_another_thread_is_not_kept_waiting_by_one_that_waits(start: Start) -> None:
    keeper = ready(start(WAIT))
    waiting = threading.Thread(target=lambda: keeper.wait(within=600))
    waiting.start()
    assert keeper.alive
    keeper.stop()
    waiting.join(60)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("", 0), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", -9)],
)
def test_a_program_that_ends_by_itself_is_noticed(start: Start, code: str, exit_code: int) -> None:
    keeper = start(code)
    assert keeper.wait(within=30) == exit_code
    assert not keeper.alive
    assert keeper.exit_code == exit_code
    assert keeper.stop().exit_code == exit_code


def test_waiting_in_vain_says_none(start: Start) -> None:
    assert start(WAIT).wait(within=0.01) is None


def test_what_it_writes_is_in_the_log(start: Start) -> None:
    keeper = start("import sys; print('to stdout', flush=True); print('to stderr', file=sys.stderr)")
    keeper.wait(within=30)
    assert keeper.log_tail() == "to stdout\nto stderr"
    assert keeper.log_tail(lines=1) == "to stderr"
    assert keeper.spec.log is not None
    assert keeper.spec.log.stat().st_mode & 0o077 == 0


def test_the_tail_of_a_huge_log_is_short_and_survives_bytes_that_are_no_text(start: Start) -> None:
    keeper = start(r"import sys; sys.stdout.buffer.write(b'x' * 5_000_000 + b'\n\xff\xfe the end')")
    keeper.wait(within=30)
    assert keeper.log_tail(lines=1) == "\ufffd\ufffd the end"
    assert len(keeper.log_tail()) < 9000


def test_without_a_log_there_is_no_tail(start: Start) -> None:
    assert start("print('ready')", log=None).log_tail() == ""


# --- what the program is given


def test_the_program_gets_the_environment_of_its_spec_and_nothing_else(
    start: Start, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do not tell")
    keeper = start(argv=["/usr/bin/env"], env={"DSN": "secret=1", "ONE": "line\nand another"})
    keeper.wait(within=30)
    assert sorted(keeper.log_tail().splitlines()) == [
        "DSN=secret=1",
        "ONE=line",
        f"ROLLPROOF_KEPT_FOR={scratch}",
        "and another",
    ]


def test_what_the_environment_holds_is_not_shown(start: Start) -> None:
    keeper = start(WAIT, env={"PASSWORD": "do-not-tell"})
    assert "do-not-tell" not in repr(keeper.spec)
    assert "do-not-tell" not in str(psutil.Process(keeper.pid).cmdline())
    assert "do-not-tell" not in str(psutil.Process(keeper.pid).environ())


def test_only_allowed_variables_are_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    assert "AWS_PROFILE" not in inherited_environment()
    assert inherited_environment("AWS_PROFILE")["AWS_PROFILE"] == "production"
    assert inherited_environment()["PATH"] == os.environ["PATH"]


@linux
def test_the_program_inherits_no_descriptors(start: Start, tmp_path: Path) -> None:
    held = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(held, True)
    keeper = start(argv=["/bin/ls", "/proc/self/fd"], within=start(WAIT, log=None))
    keeper.wait(within=30)
    os.close(held)
    assert keeper.log_tail().split() == ["0", "1", "2", "3"]  # 3 is ls looking at the folder


@linux
def test_the_program_does_not_inherit_how_its_owner_treats_signals(home: Path) -> None:
    """As after `nohup` or in the background of a shell script."""
    code = """
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD])
scratch = home / "rollproof-0123456789ab"
spec = KeeperSpec(
    name="example", scratch=scratch, argv=["/bin/grep", "Sig", "/proc/self/status"],
    make=[Folder(path=scratch)], remove=[scratch], log=scratch / "log",
)
keeper = Keeper.start(spec)
say(f"exit {keeper.wait(within=30)}")
say(f"signals {keeper.log_tail().split()}")
keeper.stop()
"""
    with Owner(code, home) as owner:
        assert owner.heard("exit") == "exit 0"
        said = owner.heard("signals")
        owner.ended()
    masks = dict(re.findall(r"'(Sig\w+):', '([0-9a-f]{16})'", said))
    c_library = 0b11 << 31  # signals 32 and 33 belong to the C library; no program can set them
    assert [int(masks[name], 16) & ~c_library for name in ("SigBlk", "SigIgn")] == [0, 0]
    assert not (home / "rollproof-0123456789ab").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can choose a user")
def test_root_can_have_the_program_run_as_somebody_else(start: Start) -> None:
    keeper = start(argv=["/usr/bin/id"], uid=NOBODY, gid=NOBODY)
    keeper.wait(within=30)
    assert f"uid={NOBODY}" in keeper.log_tail()
    assert "root" not in keeper.log_tail()


# --- programs that cannot be started


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"argv": ["/nowhere/program"]}, "example could not be started: No such file or directory"),
        ({"argv": ["/etc/passwd"]}, "Permission denied"),
        ({"cwd": Path("/nowhere")}, "No such file or directory"),
        ({"log": Path("/nowhere/log")}, "No such file or directory"),
        ({"argv": ["/bin/echo", "a\0b"]}, "embedded null byte"),
    ],
)
def test_a_program_that_cannot_be_started_is_one_clear_error(
    start: Start, scratch: Path, options: dict[str, Any], found: str
) -> None:
    inside = scratch / "inside"
    with pytest.raises(EnvironmentUnavailable, match=found):
        start(WAIT, make=[Folder(path=inside)], remove=[inside], **options)
    assert not inside.exists()


def test_without_python_there_is_one_clear_error(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(EnvironmentUnavailable, match="keeper of example could not be started"):
        start(argv=["/bin/true"])


def test_a_python_that_cannot_run_a_keeper_is_one_clear_error(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EnvironmentUnavailable, match="its keeper said nothing"):
        start(argv=["/bin/true"])


def test_a_folder_that_is_there_already_is_neither_taken_over_nor_removed(
    start: Start, scratch: Path
) -> None:
    (scratch / "precious").touch()
    with pytest.raises(EnvironmentUnavailable, match="File exists"):
        start(argv=(), make=[Folder(path=scratch)], remove=[scratch])
    assert (scratch / "precious").exists()


# --- how it ends them


STUBBORN = (
    "import signal\n"
    "for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, signal.SIG_IGN)\n" + WAIT
)


def test_a_program_that_does_not_heed_is_killed(start: Start) -> None:
    keeper = ready(start(STUBBORN, ladder=[(signal.SIGTERM, 0.1), (signal.SIGINT, 0.1)]))
    ended = keeper.stop()
    assert (ended.exit_code, ended.forced) == (-signal.SIGKILL, True)


def test_the_ladder_is_climbed_until_the_program_heeds(start: Start) -> None:
    keeper = ready(start(STUBBORN, ladder=[(signal.SIGTERM, 0.1), (signal.SIGQUIT, 30.0)]))
    assert keeper.stop().exit_code == -signal.SIGQUIT


HAS_CHILDREN = """
import os, signal, subprocess, sys
code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
def begin(**options):
    return subprocess.Popen([sys.executable, "-c", code], **options).pid
near, far = begin(), begin(start_new_session=True)
told, tell = os.pipe()
if not os.fork():
    os.write(tell, str(begin(start_new_session=True)).encode())
    os._exit(0)
os.wait()
print("ready", near, far, os.read(told, 20).decode(), flush=True)
"""


@linux
@pytest.mark.parametrize("end", ["signal.pause()", ""])
def test_nothing_that_the_program_started_outlives_it(start: Start, end: str) -> None:
    """A child in its process group, one in a session of its own, and one whose parent has ended."""
    keeper = ready(start(HAS_CHILDREN + end))
    pids = [int(pid) for pid in keeper.log_tail().split()[1:]]
    assert len(pids) == 3
    assert psutil.pid_exists(pids[1])
    assert psutil.pid_exists(pids[2])
    keeper.stop()
    assert not any(map(psutil.pid_exists, pids))


def test_ctrl_c_reaches_neither_keeper_nor_program(start: Start) -> None:
    keeper = ready(start(WAIT))
    assert os.getsid(keeper.pid) != os.getsid(0)
    assert keeper.child_pid
    assert os.getsid(keeper.child_pid) != os.getsid(keeper.pid)
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(keeper.pid, number)
    assert keeper.wait(within=0.2) is None
    assert keeper.alive


def test_a_keeper_that_is_asked_to_end_ends_its_program_first(start: Start) -> None:
    keeper = ready(start(WAIT))
    os.kill(keeper.pid, signal.SIGTERM)
    assert keeper.wait(within=30) == -signal.SIGTERM
    assert keeper.stop().forced is False


@linux
def test_a_killed_keeper_takes_its_program_along(start: Start, scratch: Path) -> None:
    inside = scratch / "inside"
    keeper = ready(start(STUBBORN, make=[Folder(path=inside)], remove=[inside]))
    assert keeper.child_pid
    child = psutil.Process(keeper.child_pid)
    os.kill(keeper.pid, signal.SIGKILL)
    eventually(lambda: not still_runs(child), within=30, what="the program has ended")
    assert not keeper.alive
    assert inside.exists()
    ended = keeper.stop()
    assert (ended.forced, ended.left) == (True, ())
    assert not inside.exists()


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can choose a user")
def test_a_killed_keeper_takes_along_a_program_of_another_user(start: Start, tmp_path: Path) -> None:
    keeper = start(argv=["/bin/sleep", "600"], uid=NOBODY, gid=NOBODY)
    assert keeper.child_pid
    child = psutil.Process(keeper.child_pid)
    os.kill(keeper.pid, signal.SIGKILL)
    eventually(lambda: not still_runs(child), within=30, what="the program has ended")


def test_a_keeper_within_another_ends_first(start: Start, scratch: Path) -> None:
    outer = start(argv=())
    inner = ready(start(WAIT, within=outer))
    outer._let_go()
    assert outer.wait(within=0.2) is None
    assert outer.alive
    inner.stop()
    assert outer.stop().forced is False


def test_stopping_a_keeper_stops_those_within_it_first(start: Start, scratch: Path) -> None:
    """When an interrupt came before they were stopped, nobody may wait in vain."""
    outer = start(argv=(), make=[Folder(path=scratch / "inside")], remove=[scratch])
    inner = ready(start(WAIT, within=outer, log=scratch / "inside" / "log"))
    assert outer.stop().forced is False
    assert not inner.alive
    assert inner.exit_code == -signal.SIGTERM
    assert not scratch.exists()


def test_a_program_of_the_owner_s_own_does_not_hold_the_lifeline(start: Start) -> None:
    keeper = ready(start(WAIT))
    other = subprocess.Popen(["sleep", "600"], close_fds=False)
    try:
        assert keeper.stop().forced is False
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "owner"


def test_an_owner_that_dies_before_it_says_what_to_do_leaves_nothing(home: Path) -> None:
    code = """
Keeper._hand_over = lambda keeper: (say(f"pid {keeper.pid}"), os.kill(os.getpid(), signal.SIGKILL))
scratch = home / "rollproof-0123456789ab"
Keeper.start(KeeperSpec(name="example", scratch=scratch, make=[Folder(path=scratch)], remove=[scratch]))
"""
    with Owner(code, home) as owner:
        keeper = psutil.Process(int(owner.heard("pid").split()[1]))
        owner.ended()
    eventually(lambda: not still_runs(keeper), within=30, what="the keeper has ended")
    nothing_is_left(home / "rollproof-0123456789ab")


def test_an_interrupt_while_starting_leaves_nothing(home: Path) -> None:
    code = """
hear = Keeper._hear
def interrupted(keeper, seconds):
    if not done:
        done.append(True)
        os.kill(os.getpid(), signal.SIGINT)
    return hear(keeper, seconds)
done = []
Keeper._hear = interrupted
scratch = home / "rollproof-0123456789ab"
try:
    Keeper.start(KeeperSpec(name="example", scratch=scratch, make=[Folder(path=scratch)], remove=[scratch]))
except KeyboardInterrupt:
    say(f"interrupted {scratch.exists()}")
"""
    with Owner(code, home) as owner:
        assert owner.heard("interrupted") == "interrupted False"
        owner.ended()
    nothing_is_left(home / "rollproof-0123456789ab", within=0.001)


# --- what it removes


def test_folders_closed_to_their_owner_are_removed_too(start: Start, scratch: Path) -> None:
    keeper = start(argv=(), make=[Folder(path=scratch / "a")], remove=[scratch])
    (scratch / "a" / "b" / "c").mkdir(parents=True)
    (scratch / "a" / "b" / "c" / "file").touch(mode=0o400)
    for folder in ("a/b/c", "a/b", "a"):
        (scratch / folder).chmod(0o000)
    assert keeper.stop().left == ()
    assert not scratch.exists()


def test_what_links_point_to_is_not_removed(scratch: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o500)
    (precious.parent / "file").touch()
    (scratch / "link").symlink_to(precious)
    assert remove_folder(str(scratch))
    assert precious.stat().st_mode & 0o777 == 0o500


def test_a_link_in_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (precious / "deep").mkdir(parents=True)
    link = tmp_path / "rollproof-0123456789ab"
    link.symlink_to(precious)
    assert not remove_folder(str(link))
    assert (precious / "deep").exists()


@pytest.mark.parametrize("path", ["/", "/home", "relative/rollproof-x", "/srv/rollproof-x/../../home", ""])
def test_a_keeper_only_removes_folders_of_rollproof_s_own(path: str, scratch: Path) -> None:
    assert not may_remove(path)
    with pytest.raises(ValueError, match="only removes folders of Rollproof's own"):
        KeeperSpec(name="example", scratch=scratch, remove=[Path(path)])


@given(st.lists(st.sampled_from(["..", ".", "a", "rollproof-x", "", "home"]), max_size=6))
def test_what_may_be_removed_is_always_inside_a_folder_of_ours(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    if may_remove(path):
        assert "rollproof-x" in os.path.normpath(path).split("/")
