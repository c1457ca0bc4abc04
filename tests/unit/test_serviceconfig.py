"""Variables that services share, read from processes that really run; no database is behind them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rollproof.components.git import Repository
from rollproof.components.service import Services
from rollproof.components.serviceconfig import ServiceVariables, running_variables
from rollproof.drill.drill import Drill
from rollproof.environments.keeper import Keeper, KeeperSpec, inherited_environment
from rollproof.errors import AttemptFailed, BadInput, PreconditionNotMet
from rollproof.model.aws import Settings
from rollproof.model.system import Identity, Service, System

COMMAND = (sys.executable, "-c", "import time; time.sleep(300)")
SECRET = "correct horse, battery staple"  # noqa: S105  made up for this test


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    """Two services that run, and a session that only says where there is room."""
    file = tmp_path / "shop" / ".env.example"
    repository = Repository.create(file.parent)
    file.write_text("LEVEL=info\nAPI_TOKEN=fill-in\n")
    repository.commit("Configure it")
    services = {name: Service(command=COMMAND) for name in ("web", "worker")}
    system = System(system=Identity(name="shop"), service=services, source=file.parent / "system.toml")
    session: Any = SimpleNamespace(open=lambda system: SimpleNamespace(scratch=tmp_path))
    drill = Drill("a scenario", system, session, cast(Any, None))
    running = drill.use(Services)
    for name in services:
        env = inherited_environment() | {"LEVEL": "info", "API_TOKEN": SECRET}
        spec = KeeperSpec(name=name, scratch=tmp_path, argv=COMMAND, env=env)
        running.running[name] = Keeper.start(spec)
    yield drill
    running.stop()


def variables(drill: Drill, **changes: Any) -> ServiceVariables:
    said: dict[str, Any] = {
        "kind": "service-environment",
        "services": ("web", "worker"),
        "history": ".env.example",
        "wrong": {"LEVEL": "loud"},
    }
    return ServiceVariables(drill, "shared", Settings(**{**said, **changes}))


def test_each_service_is_read_from_its_own_process(drill: Drill) -> None:
    store = variables(drill)
    assert {item.name for item in store.versions()} == {
        f"{service} {name}" for service in ("web", "worker") for name in ("LEVEL", "API_TOKEN")
    }
    assert running_variables(drill, "web") == {"LEVEL": "info", "API_TOKEN": SECRET}


def test_a_secret_is_known_as_one_and_only_its_digest_is_told(drill: Drill) -> None:
    store = variables(drill)
    assert {(item.name, item.value) for item in store.secrets()} == {
        (f"{service} API_TOKEN", SECRET) for service in ("web", "worker")
    }
    assert SECRET not in repr([*store.facts(), *store.versions()])


def test_a_secret_is_neither_changed_nor_put_back_from_a_file(drill: Drill) -> None:
    with pytest.raises(BadInput, match="API_TOKEN is a secret"):
        variables(drill).change({"API_TOKEN": "x"})
    store = variables(drill)
    known = next(item for item in store.versions() if item.name == "web API_TOKEN")
    with pytest.raises(AttemptFailed, match="API_TOKEN is a secret"):
        store.restore(known)


def test_a_variable_that_is_missing_on_one_service_is_named(drill: Drill, tmp_path: Path) -> None:
    running = drill.use(Services).running
    running.pop("worker").stop()
    spec = KeeperSpec(name="worker", scratch=tmp_path, argv=COMMAND, env=inherited_environment())
    running["worker"] = Keeper.start(spec)
    with pytest.raises(PreconditionNotMet, match="LEVEL is set on web, and missing on worker"):
        variables(drill).change({"LEVEL": "loud"})


def test_a_history_without_an_earlier_value_puts_nothing_back(drill: Drill) -> None:
    store = variables(drill)
    known = next(item for item in store.versions() if item.name == "web LEVEL")
    with pytest.raises(AttemptFailed, match="no earlier value of LEVEL"):
        store.restore(known)


def test_a_service_that_does_not_run_has_no_variables(drill: Drill) -> None:
    drill.use(Services).running.pop("worker").stop()
    with pytest.raises(PreconditionNotMet, match="worker does not run"):
        variables(drill).versions()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"services": ()}, "need `services` and `history`"),
        ({"history": None}, "need `services` and `history`"),
        ({"services": ("web", "mailer")}, "service 'mailer' is not declared"),
    ],
)
def test_settings_that_are_not_declared_whole_are_named(
    drill: Drill, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        variables(drill, **changes)
