"""What killed runs left in the engine is found by its label and its age; what is anybody else's stays.

Runs where `make containers` asks for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from places import ASKED, a_system
from typer.testing import CliRunner

import rollproof
from rollproof.cli import app
from rollproof.drill.recovery import heal_unfinished
from rollproof.environments.containers import ContainersEnvironment
from rollproof.environments.containers.container import LABEL, RUN_LABEL
from rollproof.environments.containers.engine import Engine, find_engine
from rollproof.environments.containers.images import postgres_image
from rollproof.environments.containers.leftovers import environments_in, left_of
from rollproof.environments.leftovers import kept_names
from rollproof.journal import Journal, Recorder, read_journal
from rollproof.model.containers import Containers
from rollproof.waiting import eventually

pytestmark = pytest.mark.skipif(
    not os.environ.get(ASKED), reason=f"containers are not asked for: `make containers`, or set {ASKED}"
)
RUN = "20260101T000000Z-0a1b2c"
OWNER = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from places import a_system
from rollproof.environments.containers import ContainersEnvironment
from rollproof.journal import Journal, Recorder

system = a_system(containers={"join": "never"})
folder = Path(sys.argv[1])
with Journal(folder / "journal.ndjson", run=folder.name) as journal:
    with ContainersEnvironment().open(system, Recorder(journal, "run")) as opened:
        opened.postgres()
        sys.stdout.write(opened.id + chr(10))
        sys.stdout.flush()
        threading.Event().wait()
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Not one in which others drill: what they have is swept as well once it is old enough."""
    with find_engine() as found:
        if others := environments_in(found):
            pytest.skip(f"this engine has {others[0].environment} of another run")
        yield found


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are looked for here only: others use this machine, and what is theirs is theirs."""
    monkeypatch.setattr("rollproof.environments.strays._roots", lambda: [tmp_path])
    monkeypatch.chdir(tmp_path)


def sweep(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["sweep", *arguments], catch_exceptions=False)


def killed_run(reports: Path) -> str:
    """Has a run start its containers, and kills it so that it can do nothing more; the environment's id."""
    folder = reports / RUN
    folder.mkdir(parents=True)
    source, here = Path(rollproof.__file__).parent.parent, Path(__file__).parent
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), str(here)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert owner.stdout is not None
    name = owner.stdout.readline().strip()
    owner.send_signal(signal.SIGKILL)
    owner.communicate(timeout=60)
    eventually(lambda: name not in kept_names(), within=30, what="its keeper has seen that it is dead")
    return name


def there(engine: Engine) -> set[str]:
    """All that the engine has of containers, networks and volumes, whosever they are."""
    api = engine.client
    listed = [*api.containers.list(all=True), *api.networks.list(), *api.volumes.list()]
    return {f"{type(thing).__name__} {thing.name}" for thing in listed}


def bystanders(engine: Engine, stack: ExitStack) -> None:
    """What is other people's, with labels that look like Rollproof's or with none at all."""
    someone = f"someone-{uuid.uuid4().hex[:8]}"
    for number, labels in enumerate(
        (
            {},
            {LABEL: "production"},
            {LABEL: "rollproof-0123456789abcdef"},
            {"com.example.environment": "rollproof-0123456789ab"},
            {RUN_LABEL: RUN},
        )
    ):
        name = f"{someone}-{number}"
        container = engine.client.containers.create(
            postgres_image(Containers(), None), name=name, labels=labels
        )
        stack.callback(container.remove, v=True)
        stack.callback(engine.client.networks.create(name, labels=labels).remove)
        stack.callback(engine.client.volumes.create(name, labels=labels).remove)


def test_what_a_killed_run_left_is_swept_without_its_journal(engine: Engine, tmp_path: Path) -> None:
    before, reports = there(engine), tmp_path / "reports"
    with ExitStack() as stack:
        bystanders(engine, stack)
        others = there(engine)
        name = killed_run(reports)
        assert len(left_of(engine, name)) == 4
        listed = sweep("--older-than", "0s")
        assert f"{name} of run {RUN}: left behind" in listed.output
        assert "nothing was removed" in listed.output
        assert len(left_of(engine, name)) == 4
        swept = sweep("--older-than", "0s", "--yes")
        assert swept.exit_code == 0, swept.output
        assert f"removed container {name}" in swept.output
        assert there(engine) == others
        assert all(other not in swept.output for other in ("someone-", "production"))
    assert there(engine) == before
    [healed] = heal_unfinished(reports)  # its journal is still there, and nothing is left to undo
    assert read_journal(healed.folder / "journal.ndjson").events[-1].act == "run.finished"


def test_what_has_not_expired_stays_until_it_has(engine: Engine, tmp_path: Path) -> None:
    name = killed_run(tmp_path / "reports")
    try:
        swept = sweep("--yes")
        assert f"{name} of run {RUN}: stays: until " in swept.output
        assert len(left_of(engine, name)) == 4
    finally:
        assert sweep("--older-than", "0s", "--yes").exit_code == 0
    assert left_of(engine, name) == []


def test_what_a_run_that_goes_on_has_stays_however_old(engine: Engine, tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal.ndjson", run="goes-on") as journal,
        ContainersEnvironment(scratch_root=tmp_path).open(
            a_system(containers={"join": "never"}), Recorder(journal, "run")
        ) as opened,
    ):
        server = opened.postgres()
        swept = sweep("--older-than", "0s", "--yes")
        assert f"{opened.id} of run goes-on: stays: its run goes on" in swept.output
        assert opened.postgres() == server
        assert len(left_of(engine, opened.id)) == 4


def test_a_network_and_volumes_without_a_container_are_found_as_well(engine: Engine) -> None:
    """As a run leaves them that is killed, or whose image cannot be pulled, before its first container."""
    name = f"rollproof-{uuid.uuid4().hex[:12]}"
    labels = {LABEL: name, RUN_LABEL: RUN}
    engine.client.networks.create(name, labels=labels)
    engine.client.volumes.create(f"{name}-postgres", labels=labels)
    [found] = [one for one in environments_in(engine) if one.environment == name]
    assert (set(found.kinds), found.run, found.newest is not None) == ({"network", "volume"}, RUN, True)
    assert sweep("--older-than", "0s", "--yes").exit_code == 0
    assert left_of(engine, name) == []
