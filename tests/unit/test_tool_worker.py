"""The process in the project's interpreter: what it answers, and that it never outlives its owner."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError
from rollproof.migrations.tools import worker as worker_module
from rollproof.migrations.tools.worker import NativeWorker
from rollproof.waiting import eventually

PROGRAM = """\
import os, signal, subprocess, sys
import rollproof_worker
from rollproof_worker import Refused, note, running

def answer(order):
    import inspect
    started = os.path.dirname(os.path.abspath(inspect.stack()[-1].filename))
    print("x" * order.get("letters", 0))
    return {"pid": os.getpid(), "path": list(sys.path), "started": started, "umlaut": "ä\\n"}

def wait(order):
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    note(pid=os.getpid(), child=child.pid)
    signal.pause()

class Server(Exception):
    sqlstate = "23505"

def fail(order):
    how = order["how"]
    if how == "refused":
        raise Refused("not like this", remedy="do it otherwise", where="there")
    if how == "exit":
        sys.exit("good night")
    if how == "gone":
        os.write(2, b"the last words\\n")
        os._exit(3)
    if how == "wrapped":
        running("INSERT  INTO a\\n VALUES (1)")
        try:
            raise Server("duplicate key value violates unique constraint\\nDETAIL: Key (id)=(4711)")
        except Server as error:
            raise RuntimeError("4711 again") from error
    if how == "through a module of the program":
        rollproof_worker.beside("helper.py").fail()
    raise ValueError("plain")

ORDERS = {"answer": answer, "wait": wait, "fail": fail}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def worker(program: Path) -> Iterator[NativeWorker]:
    with NativeWorker(Path(sys.executable), program, os.environ, program.parent) as made:
        yield made


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_orders_are_answered_by_one_process_whatever_it_prints(worker: NativeWorker) -> None:
    assert not worker.running
    first = worker.ask({"do": "answer"}, limit=60)
    second = worker.ask({"do": "answer", "letters": 3_000_000}, limit=60)
    assert first["pid"] == second["pid"]
    assert first["umlaut"] == "ä\n"
    assert worker.printed.startswith("xxx")


def test_modules_of_rollproof_beside_the_program_do_not_hide_those_of_the_project(
    worker: NativeWorker,
) -> None:
    folder = str(Path(worker_module.__file__).parent)
    assert folder not in worker.ask({"do": "answer"}, limit=60)["path"]


def test_what_is_raised_there_is_raised_here(worker: NativeWorker) -> None:
    with pytest.raises(MigrationError, match="not like this") as refused:
        worker.ask({"do": "fail", "how": "refused"}, limit=60)
    assert (refused.value.where, refused.value.remedy) == ("there", "do it otherwise")
    with pytest.raises(AttemptFailed, match="ValueError: plain"):
        worker.ask({"do": "fail", "how": "plain"}, limit=60)
    with pytest.raises(AttemptFailed, match="SystemExit: exit code good night"):
        worker.ask({"do": "fail", "how": "exit"}, limit=60)
    assert worker.ask({"do": "answer"}, limit=60)["pid"]


def test_an_error_of_the_server_is_told_without_the_values_of_rows(worker: NativeWorker) -> None:
    with pytest.raises(AttemptFailed) as failed:
        worker.ask({"do": "fail", "how": "wrapped"}, limit=60)
    assert failed.value.found == "23505 duplicate key value violates unique constraint"
    assert failed.value.facts["statement"] == "INSERT INTO a VALUES (1)"
    assert "4711" not in str(failed.value)


def test_a_process_that_ends_says_how_and_the_next_order_has_a_new_one(worker: NativeWorker) -> None:
    with pytest.raises(AttemptFailed, match=r"exit code 3.*the last words") as failed:
        worker.ask({"do": "fail", "how": "gone"}, limit=60)
    assert failed.value.facts["exit_code"] == 3
    assert worker.ask({"do": "answer"}, limit=60)["pid"]


def test_what_takes_too_long_is_ended_with_what_it_has_started(worker: NativeWorker) -> None:
    with pytest.raises(AttemptFailed, match=r"did not end within 2\.0 s") as failed:
        worker.ask({"do": "wait"}, limit=2)
    assert failed.value.facts["timed_out"] == 1
    for pid in (worker.notes["pid"], worker.notes["child"]):
        eventually(gone(pid), within=20, what=f"process {pid} is gone")
    assert not worker.running


def test_whoever_knows_why_it_hangs_is_asked_before_it_is_ended(worker: NativeWorker) -> None:
    def look(notes: dict[str, int]) -> AttemptFailed:
        return AttemptFailed(f"it hangs, alive: {psutil.pid_exists(notes['pid'])}")

    with pytest.raises(AttemptFailed, match="it hangs, alive: True"):
        worker.ask({"do": "wait"}, limit=2, hanging=look)  # type: ignore[arg-type]


def test_an_interrupt_ends_it(worker: NativeWorker) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 2)
        with pytest.raises(KeyboardInterrupt):
            worker.ask({"do": "wait"}, limit=60)
    finally:
        signal.signal(signal.SIGALRM, before)
    eventually(gone(worker.notes["pid"]), within=20, what="the worker is gone")


@pytest.mark.parametrize("busy", [False, True])
def test_it_ends_when_its_owner_is_killed(program: Path, busy: bool) -> None:
    owner = f"""
import os, sys
from pathlib import Path
from rollproof.errors import AttemptFailed
from rollproof.migrations.tools.worker import NativeWorker
worker = NativeWorker(Path(sys.executable), Path({str(program)!r}), os.environ, Path("/"))
print(worker.ask({{"do": "answer"}}, limit=60)["pid"], flush=True)
if {busy}:
    worker.ask({{"do": "wait"}}, limit=600)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", owner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    children: list[psutil.Process] = []
    if busy:
        children = eventually(psutil.Process(pid).children, within=20, what="the worker waits")
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    for each in (pid, *(child.pid for child in children)):
        eventually(gone(each), within=20, what=f"process {each} is gone")


def test_an_interpreter_that_is_not_there_is_one_clear_error(program: Path) -> None:
    nowhere = program.parent / "nowhere"
    with (
        NativeWorker(nowhere, program, {}, program.parent) as worker,
        pytest.raises(EnvironmentUnavailable) as missing,
    ):
        worker.ask({"do": "answer"}, limit=60)
    assert missing.value.where == str(nowhere)
    assert "--python" in missing.value.remedy


def test_closing_it_leaves_no_process_and_may_be_done_twice(worker: NativeWorker) -> None:
    pid = worker.ask({"do": "answer"}, limit=60)["pid"]
    worker.close()
    worker.close()
    assert gone(pid)()


def test_an_error_is_placed_in_the_projects_code_and_not_in_the_programs(
    worker: NativeWorker, program: Path, tmp_path: Path
) -> None:
    (program.parent / "helper.py").write_text(
        "import runpy\n\ndef fail():\n    runpy.run_path('project/a.py')\n"
    )
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "a.py").write_text("import no_such_module\n")
    with pytest.raises(AttemptFailed, match="no_such_module") as caught:
        worker.ask({"do": "fail", "how": "through a module of the program"}, limit=60)
    assert "helper.py" not in caught.value.where
    assert caught.value.where == "project/a.py:1"


def test_settings_that_are_looked_for_beside_the_started_script_are_the_projects(
    worker: NativeWorker,
) -> None:
    answer = worker.ask({"do": "answer"}, limit=60)
    assert answer["started"] == str(worker.cwd)
    assert not {"", str(Path(worker_module.__file__).parent)} & set(answer["path"])


@pytest.mark.parametrize("name", ["worker_program.py", "alembic_program.py", "alembic_connections.py"])
def test_what_runs_in_the_project_can_be_read_by_an_old_python_and_needs_nothing_of_rollproof(
    name: str,
) -> None:
    text = Path(worker_module.__file__).with_name(name).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    imported = [
        node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.col_offset == 0
    ]
    assert not [module for module in imported if module == "rollproof" or module.startswith("rollproof.")]
