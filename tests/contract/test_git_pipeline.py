"""Releases pushed to a repository whose hook deploys them, with a real Postgres and a small service."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollproof.components import culprit, gitacts
from rollproof.components.git import Repository, environment_of_git
from rollproof.components.pipeline import Pipeline
from rollproof.components.postgres import acts
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.environments.keeper import descendants
from rollproof.errors import (
    AttemptFailed,
    BadInput,
    EnvironmentUnavailable,
    NotApplicable,
    PreconditionNotMet,
)
from rollproof.model.system import System

SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
HERE = Path(__file__).parent
class Handler(BaseHTTPRequestHandler):
    asked = 0
    def log_message(self, *words): pass
    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())
    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"version": (HERE / "version").read_text().strip()})
            return
        Handler.asked += 1
        how = (HERE / "orders").read_text().strip()
        bad = how == "broken" or how == "flaky" and Handler.asked % 2
        self.answer(500 if bad else 200, {})
assert (HERE / "orders").read_text().strip() != "crash"
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
MIGRATION = (
    "CREATE TABLE migrations (migration_name text);\nINSERT INTO migrations VALUES ('001_begin.sql');\n"
)
PYTHON = ("{python}", "-I", "-S")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run") / "r"
    session = DrillSession(folder=folder, run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system's folder: three releases, the third one broken, and its one migration."""
    home = tmp_path_factory.mktemp("shop")
    (home / "migrations").mkdir()
    (home / "migrations" / "001_begin.sql").write_text(MIGRATION)
    for name, orders in {"1": "fine", "2": "fine", "3": "broken", "4": "crash", "5": "flaky"}.items():
        release(home / name, name, orders)
    return home


def release(folder: Path, name: str, orders: str) -> None:
    folder.mkdir()
    (folder / "server.py").write_text(SERVER)
    (folder / "version").write_text(f"{name}\n")
    (folder / "orders").write_text(f"{orders}\n")


def shop(home: Path, **more: Any) -> System:
    broken = {"3": "handler-bug", "4": "unhealthy", "5": "flaky"}
    data = {
        "system": {"name": "shop"},
        "database": {"app_role": "shop_app", "migrations": {"path": "migrations"}},
        "service": {"web": {"command": [*PYTHON, "{path}/server.py"], "start_limit": "10s"}},
        "traffic": [{"name": "orders", "kind": "read", "service": "web", "path": "/orders"}],
        "release": [{"name": n, "path": n, "broken": broken.get(n, "")} for n in "12345"],
        **more,
    }
    return System.model_validate(data).model_copy(update={"source": home / "system.toml"})


Open = Callable[..., Drill]


@pytest.fixture
def opened(session: DrillSession, home: Path) -> Iterator[Open]:
    """Drills in which release 1 was pushed and serves; each is healed afterwards."""
    drills: list[Drill] = []

    def open_drill(**more: Any) -> Drill:
        scenario = f"git.feature::scenario-{len(session.journal.events)}"
        drill = session.drill(scenario, shop(home, **more), about={"tags": []})
        drills.append(drill)
        drill.require(acts.StageCurrent())
        drill.require(gitacts.OpenRepository())
        drill.require(gitacts.PushRelease("1"))
        return drill

    yield open_drill
    for drill in drills:
        assert drill.heal() == []


def version(drill: Drill) -> str:
    found: str = httpx.get(f"{drill.use(Services).urls['web']}/health", trust_env=False).json()["version"]
    return found


def failed(drill: Drill, act: str) -> AttemptFailed:
    return drill.failed[act]


def test_what_was_pushed_serves_and_a_revert_takes_it_back(opened: Open) -> None:
    drill = opened()
    assert version(drill) == "1"
    assert drill.attempt(gitacts.PushRelease("2", later=1))
    assert version(drill) == "2"
    assert drill.attempt(gitacts.RevertCommit("2"))
    assert version(drill) == "1"
    pipeline = drill.use(Pipeline)
    assert pipeline.work.git("ls-tree", "--name-only", pipeline.head()).split() == [
        "LATER.txt",
        "orders",
        "server.py",
        "version",
    ]


def test_only_one_release_runs_at_a_time(opened: Open) -> None:
    drill = opened()
    before = len(descendants(os.getpid()))
    assert drill.attempt(gitacts.PushRelease("2"))
    assert not drill.attempt(gitacts.PushRelease("broken:unhealthy"))
    assert version(drill) == "2"
    assert len(descendants(os.getpid())) == before
    assert "web is not healthy" in failed(drill, "commit.push").found


def test_a_revert_that_conflicts_names_the_files_and_leaves_nothing_half_done(opened: Open) -> None:
    drill = opened()
    assert drill.attempt(gitacts.PushRelease("2"))
    assert drill.attempt(gitacts.PushRelease("broken:handler-bug"))
    assert not drill.attempt(gitacts.RevertCommit("2"))
    error = failed(drill, "commit.roll_back")
    assert "conflicts with later changes in version" in error.found
    assert "take the later commits back first" in error.remedy
    assert drill.use(Pipeline).work.changed() == []
    assert version(drill) == "3"


def refused(drill: Drill, which: str, text: str) -> None:
    """Nothing is begun, and what served serves on."""
    with pytest.raises((BadInput, PreconditionNotMet), match=text):
        drill.attempt(gitacts.RevertCommit(which))
    assert drill.history.last("commit.roll_back") is None
    assert version(drill) == "1"


def test_a_commit_that_does_not_exist_is_one_clear_error(opened: Open) -> None:
    refused(opened(), "0123456789abcdef", "there is no commit '0123456789abcdef'")


def test_a_commit_that_is_not_on_the_branch_is_one_clear_error(opened: Open) -> None:
    drill = opened()
    work = drill.use(Pipeline).work
    work.git("checkout", "--quiet", "-b", "elsewhere")
    (work.path / "version").write_text("never deployed\n")
    stray = work.commit("elsewhere")
    work.git("checkout", "--quiet", "main")
    refused(drill, stray, "is not part of what is deployed")


def test_the_first_commit_cannot_be_taken_back(opened: Open) -> None:
    refused(opened(), "HEAD", "nothing was there before it")


def test_a_working_copy_with_changes_of_its_own_is_one_clear_error(opened: Open) -> None:
    drill = opened()
    assert drill.attempt(gitacts.PushRelease("2"))
    (drill.use(Pipeline).work.path / "version").write_text("half done\n")
    with pytest.raises(PreconditionNotMet, match="changes that are not committed: version"):
        drill.attempt(gitacts.RevertCommit())
    assert version(drill) == "2"


def test_a_release_whose_tests_fail_is_not_deployed(opened: Open) -> None:
    program = "import sys; sys.exit('1 test failed' if '2' in open(sys.argv[1]).read() else 0)"
    drill = opened(deploy={"test": [*PYTHON, "-c", program, "{path}/version"]})
    assert not drill.attempt(gitacts.PushRelease("2"))
    error = failed(drill, "commit.push")
    assert "its test ended with 1: 1 test failed" in error.found
    assert version(drill) == "1"
    last = drill.history.last("pipeline.ran")
    assert last is not None
    assert last.data["status"] == "failed"


def test_the_pipeline_runs_the_systems_own_commands_in_their_order(opened: Open, tmp_path: Path) -> None:
    program = "import sys; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + '\\n')"
    said = tmp_path / "said"
    stages = ("command", "build", "test", "install")
    drill = opened(
        deploy={stage: [*PYTHON, "-c", program, str(said), stage, "{release}"] for stage in stages}
    )
    assert said.read_text().split("\n")[:4] == ["install 1", "test 1", "build 1", "command 1"]
    last = drill.history.last("pipeline.ran")
    assert last is not None
    assert last.data["items"] == ["install", "test", "build", "command", "deploy"]


def test_a_push_that_a_hook_refuses_is_told_in_the_hooks_words(opened: Open) -> None:
    drill = opened()
    hook = drill.use(Pipeline).origin.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is frozen today' >&2\nexit 1\n")
    hook.chmod(0o755)
    assert not drill.attempt(gitacts.PushRelease("2"))
    assert "the push was refused: main is frozen today" in failed(drill, "commit.push").found
    assert version(drill) == "1"


def test_without_git_nothing_is_begun(
    session: DrillSession, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = session.drill("git.feature::without", shop(home), about={"tags": []})
    drill.require(acts.StageCurrent())
    monkeypatch.setenv("PATH", str(home / "nowhere"))
    with pytest.raises(EnvironmentUnavailable, match="git is not installed"):
        drill.require(gitacts.OpenRepository())
    monkeypatch.undo()
    assert drill.heal() == []


def test_a_service_that_does_not_run_its_releases_code_is_not_applicable(
    session: DrillSession, home: Path
) -> None:
    system = shop(home, service={"web": {"command": [*PYTHON, "server.py"]}})
    drill = session.drill("git.feature::without-path", system, about={"tags": []})
    with pytest.raises(NotApplicable, match="no service whose command names"):
        drill.require(gitacts.OpenRepository())
    assert "pipeline" not in system.components
    assert drill.heal() == []


def searched(drill: Drill) -> dict[str, Any]:
    assert drill.attempt(culprit.FindCulprit())
    event = drill.history.last("culprit.find")
    assert event is not None
    return dict(event.data)


def test_the_commit_that_broke_it_is_found_among_others(opened: Open) -> None:
    drill = opened()
    assert drill.attempt(gitacts.PushRelease("3", before=3, later=3))
    found = searched(drill)
    pushed = drill.history.last("commit.push")
    assert pushed is not None
    assert found["outcome"] == "found"
    assert found["item"] == pushed.data["item"]
    assert found["version"] == "3"
    assert drill.use(Pipeline).work.head == drill.use(Pipeline).head()


def test_candidates_are_built_before_they_are_run(opened: Open) -> None:
    program = "import shutil, sys; shutil.copy(sys.argv[1] + '/server.py', sys.argv[1] + '/built.py')"
    web = {"command": [*PYTHON, "{path}/built.py"], "start_limit": "10s"}
    drill = opened(service={"web": web}, deploy={"build": [*PYTHON, "-c", program, "{path}"]})
    assert drill.attempt(gitacts.PushRelease("3", before=1))
    assert searched(drill)["outcome"] == "found"


def test_where_nothing_fails_the_search_says_unknown(opened: Open) -> None:
    drill = opened()
    assert drill.attempt(gitacts.PushRelease("2"))
    assert searched(drill)["reason"] == "nothing is answered badly"
    with pytest.raises(PreconditionNotMet, match="no commit was found"):
        drill.attempt(culprit.RevertCulprit())


def test_a_failure_that_comes_and_goes_is_unknown(opened: Open) -> None:
    drill = opened()
    assert drill.attempt(gitacts.PushRelease("5"))
    assert searched(drill)["reason"] == "orders is answered now well, now badly"


def test_candidates_that_cannot_be_run_or_waver_leave_it_unknown(opened: Open) -> None:
    for between, said in (("4", "cannot be run"), ("5", "ill in part, or not each time")):
        drill = opened()
        pipeline = drill.use(Pipeline)
        pipeline.put(pipeline.release(between))
        assert drill.attempt(gitacts.PushRelease("3"))
        found = searched(drill)
        assert found["outcome"] == "unknown"
        assert said in found["reason"]


def test_the_system_file_that_the_guide_shows_can_be_drilled_so() -> None:
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "roll-back-by-git.md"
    shown = guide.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    system = System.model_validate({"system": {"name": "shop"}, **tomllib.loads(shown)})
    assert "pipeline" in system.components
    assert list(system.runs_releases) == ["web"]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        env=environment_of_git(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_revisions_of_a_users_repository_are_drilled_in_a_copy_that_knows_no_way_back(
    session: DrillSession, tmp_path: Path
) -> None:
    own = Repository.create(tmp_path / "own")
    release(own.path / "app", "0", "fine")
    (own.path / "app" / "migrations").mkdir()
    (own.path / "app" / "migrations" / "001_begin.sql").write_text(MIGRATION)
    for number, orders in enumerate(("fine", "fine", "broken"), start=1):
        (own.path / "app" / "version").write_text(f"{number}\n")
        own.commit("a change before")
        (own.path / "app" / "orders").write_text(f"{orders}\n")
        (own.path / f"notes-{number}").write_text("x\n")
        own.commit(f"release {number}")
        own.git("tag", f"v{number}")
    refs = own.git("for-each-ref")
    releases = [{"name": f"{n}", "revision": f"v{n}", "broken": "bug" if n == 3 else ""} for n in (1, 2, 3)]
    system = shop(own.path / "app", release=releases)
    drill = session.drill("git.feature::revisions", system, about={"tags": []})
    drill.require(acts.StageCurrent())
    drill.require(gitacts.OpenRepository())
    drill.require(gitacts.PushRelease("1"))
    assert drill.attempt(gitacts.PushRelease("2"))
    assert drill.attempt(gitacts.PushRelease("broken:bug"))
    assert version(drill) == "3"
    assert searched(drill)["item"] == own.commit_of("v3")
    assert drill.attempt(culprit.RevertCulprit())
    assert httpx.get(f"{drill.use(Services).urls['web']}/orders", trust_env=False).status_code == 200
    assert drill.use(Pipeline).work.git("remote").split() == ["origin"]
    assert git(drill.use(Pipeline).work.path, "remote", "get-url", "origin").endswith("origin.git")
    assert own.git("for-each-ref") == refs
    assert drill.heal() == []


def test_a_revision_that_is_not_there_is_named(session: DrillSession, tmp_path: Path) -> None:
    own = Repository.create(tmp_path / "own")
    (own.path / "migrations").mkdir()
    (own.path / "migrations" / "001_begin.sql").write_text(MIGRATION)
    own.commit("begin")
    system = shop(own.path, release=[{"name": "1", "revision": "v9"}])
    drill = session.drill("git.feature::no-revision", system, about={"tags": []})
    drill.require(acts.StageCurrent())
    drill.require(gitacts.OpenRepository())
    with pytest.raises(BadInput, match="there is no revision 'v9' for release 1"):
        drill.require(gitacts.PushRelease("1"))
    assert drill.heal() == []
