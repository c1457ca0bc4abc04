"""Shutting functions on a real emulator: nothing runs meanwhile, and everything is as it was afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rollproof.checks import emergency
from rollproof.components.aws import reopening
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.front import KnowFront, ask_functions
from rollproof.components.aws.gate import Gate
from rollproof.components.aws.maintenance import PAGE, Maintenance, MaintenanceOff, MaintenanceOn
from rollproof.components.aws.reopening import reserved
from rollproof.components.aws.shutdown import OpenSystem, ShutSystem
from rollproof.drill.drill import Drill
from rollproof.drill.healing import heal, outstanding
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet, SystemFileError
from rollproof.fidelity.registry import Fidelity
from rollproof.fidelity.secretsmanager import package
from rollproof.journal import Kind
from rollproof.model.system import System
from rollproof.model.verdict import Outcome

SAYS = "def handler(event, context):\n    return {'statusCode': 200}\n"
FAILS = "def handler(event, context):\n    raise ValueError\n"
WELL = {"payload": {"path": "/"}}
Make = Callable[..., Drill]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


@pytest.fixture
def make(session: DrillSession, tmp_path: Path) -> Iterator[Make]:
    drills: list[Drill] = []

    def made(source: str = SAYS, *, there: bool = True, declared: bool = True, **more: Any) -> Drill:
        function = {"name": "orders-{env}", **WELL} | more.pop("function", {})
        data = {
            "system": {"name": "shop"},
            **({"function": {"orders": function}} if declared else {}),
            **more,
        }
        system = System.model_validate(data).model_copy(update={"source": tmp_path / "system.toml"})
        drill = session.drill(f"a.feature::{len(session.journal.events)}", system, about={"tags": []})
        drills.append(drill)
        if there:
            deploy(drill, source)
        return drill

    yield made
    for drill in drills:
        drill.heal()


def deploy(drill: Drill, source: str) -> None:
    client(drill).create_function(
        FunctionName="orders-embedded",
        Runtime="python3.12",
        Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": package(source)},
    )
    version = client(drill).publish_version(FunctionName="orders-embedded")["Version"]
    client(drill).create_alias(FunctionName="orders-embedded", Name="LIVE", FunctionVersion=version)


def client(drill: Drill) -> Any:
    return drill.use(Cloud).client("lambda")


def alias(drill: Drill) -> dict[str, Any]:
    found = client(drill).get_alias(FunctionName="orders-embedded", Name="LIVE")
    return {name: found.get(name) for name in ("FunctionVersion", "RoutingConfig")}


def test_nothing_runs_while_it_is_shut_and_all_is_as_it_was_when_it_is_opened(make: Make) -> None:
    drill = make()
    client(drill).put_function_concurrency(FunctionName="orders-embedded", ReservedConcurrentExecutions=7)
    before = alias(drill)
    drill.require(KnowFront())
    drill.require(ShutSystem())
    assert ask_functions(drill) == {"function orders": "refused"}
    drill.require(OpenSystem())
    assert reserved(client(drill), "orders-embedded") == 7
    assert alias(drill)["FunctionVersion"] == before["FunctionVersion"]
    for check in (emergency.nothing_served, emergency.front_as_before):
        assert drill.verify(check).outcome is Outcome.PROVEN


def test_a_function_without_a_limit_has_none_afterwards(make: Make) -> None:
    drill = make()
    drill.require(ShutSystem())
    drill.require(OpenSystem())
    assert reserved(client(drill), "orders-embedded") is None


def test_one_that_a_deploy_opened_meanwhile_is_shut_again_and_then_serves_what_was_deployed(
    make: Make,
) -> None:
    drill = make()
    drill.require(ShutSystem())
    client(drill).update_function_code(FunctionName="orders-embedded", ZipFile=package(SAYS + "# new\n"))
    version = client(drill).publish_version(FunctionName="orders-embedded")["Version"]
    client(drill).update_alias(FunctionName="orders-embedded", Name="LIVE", FunctionVersion=version)
    drill.use(Gate).again()
    assert ask_functions(drill) == {"function orders": "refused"}
    drill.require(OpenSystem())
    assert alias(drill)["FunctionVersion"] == version
    assert ask_functions(drill) == {"function orders": "served"}


def test_shutting_twice_forgets_nothing(make: Make) -> None:
    drill = make()
    before = alias(drill)["FunctionVersion"]
    drill.require(ShutSystem())
    drill.require(ShutSystem())
    drill.require(OpenSystem())
    assert alias(drill)["FunctionVersion"] == before
    assert reserved(client(drill), "orders-embedded") is None


def test_what_is_left_shut_is_opened_when_the_scenario_ends(make: Make) -> None:
    drill = make()
    drill.require(ShutSystem())
    assert drill.heal() == []
    assert ask_functions(drill) == {"function orders": "served"}


def test_a_function_without_a_payload_is_not_called(make: Make) -> None:
    drill = make(FAILS, function={"payload": {}})
    assert ask_functions(drill) == {"function orders": "served"}
    drill.require(ShutSystem())
    assert ask_functions(drill) == {"function orders": "refused"}


def test_a_function_that_rotates_secrets_stays_open(make: Make) -> None:
    drill = make(secret={"a": {"name": "a", "function": "orders"}})
    assert drill.require(ShutSystem())["items"] == []


def test_nothing_is_held_against_a_system_that_never_served(make: Make) -> None:
    with pytest.raises(PreconditionNotMet, match="nothing is served"):
        make(FAILS).require(KnowFront())


def test_functions_that_are_not_deployed_are_left_out(make: Make) -> None:
    assert make(there=False).use(Gate).functions() == {}


def test_a_system_without_functions_is_not_applicable(make: Make) -> None:
    with pytest.raises(NotApplicable):
        make(there=False, declared=False, secret={"a": {"name": "a"}}).require(ShutSystem())


class TestHealing:
    def undo(self, drill: Drill) -> dict[str, Any]:
        """As it is announced in an account that does not go away with the run."""
        return {
            "kind": "aws.concurrency",
            "title": drill.use(Cloud).endpoint.account,
            "items": [["orders-embedded", 7]],
        }

    def test_opens_what_a_journal_names(self, make: Make) -> None:
        drill = make()
        drill.use(Gate)
        drill.recorder.begin("system.shut", {"undo": self.undo(drill)})
        assert heal(outstanding(list(drill.history.events)), drill.recorder) == []
        assert reserved(client(drill), "orders-embedded") == 7

    def test_puts_a_front_page_back_and_leaves_one_that_was_never_moved(self, make: Make) -> None:
        drill = make()
        drill.use(Gate)
        s3 = drill.use(Cloud).client("s3")
        s3.create_bucket(Bucket="site")
        page = {"ContentType": "text/html", "CacheControl": "no-cache"}
        s3.put_object(Bucket="site", Key=f"index.html{reopening.KEPT}", Body=b"front", **page)
        s3.put_object(Bucket="site", Key="index.html", Body=b"closed")
        s3.put_object(Bucket="site", Key="other.html", Body=b"other")
        pages = {"pages": [["site", "index.html"], ["site", "other.html"]]}
        drill.recorder.begin("maintenance.on", {"undo": self.undo(drill) | pages})
        assert heal(outstanding(list(drill.history.events)), drill.recorder) == []
        found = s3.get_object(Bucket="site", Key="index.html")
        assert (found["Body"].read(), found["ContentType"], found["CacheControl"]) == (
            b"front",
            *page.values(),
        )
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="site")["Contents"]]
        assert keys == ["index.html", "other.html"]

    def test_says_what_may_still_be_shut_where_it_has_no_credentials(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drill = make()
        undo = self.undo(drill)
        monkeypatch.setattr(reopening, "HERE", {})
        drill.recorder.begin("system.shut", {"undo": undo})
        (failure,) = heal(outstanding(list(drill.history.events)), drill.recorder)
        assert "orders-embedded" in failure
        drill.recorder.journal.write(
            drill.recorder.actor, Kind.OK, "heal", {"healed": drill.history.events[-3].seq}
        )


class TestOwnCommands:
    def command(self, code: str) -> list[str]:
        return [sys.executable, "-c", code]

    def test_close_and_open_the_system_instead(self, make: Make, tmp_path: Path) -> None:
        on, off = self.command("open('on', 'w')"), self.command("open('off', 'w')")
        drill = make(maintenance={"on": on, "off": off})
        drill.require(MaintenanceOn())
        assert (tmp_path / "on").exists()
        assert reserved(client(drill), "orders-embedded") is None, "the command alone closes it"
        drill.require(MaintenanceOff())
        assert (tmp_path / "off").exists()

    def test_one_that_closes_nothing_is_refuted(self, make: Make) -> None:
        drill = make(maintenance={"on": self.command("pass"), "off": self.command("pass")})
        drill.require(MaintenanceOn())
        drill.require(MaintenanceOff())
        assert drill.verify(emergency.nothing_served).outcome is Outcome.REFUTED

    def test_one_that_fails_says_so(self, make: Make) -> None:
        drill = make(
            maintenance={"on": self.command("raise SystemExit('the door is stuck')"), "off": ["true"]}
        )
        assert not drill.attempt(MaintenanceOn())
        failure = drill.failed["maintenance.on"]
        assert isinstance(failure, AttemptFailed)
        assert "the door is stuck" in failure.found


def test_the_page_is_the_systems_own_where_it_has_one(make: Make, tmp_path: Path) -> None:
    (tmp_path / "closed.html").write_text("<p>closed</p>")
    assert make(there=False, maintenance={"page": "closed.html"}).use(Maintenance).page() == b"<p>closed</p>"
    assert make(there=False).use(Maintenance).page() == PAGE.encode()
    with pytest.raises(SystemFileError) as found:
        make(there=False, maintenance={"page": "none.html"}).use(Maintenance).page()
    assert "maintenance.page" in found.value.where


def test_the_emulator_is_found_out(make: Make, session: DrillSession) -> None:
    found = session.use(Fidelity, make(there=False).system).finding("shut-function-refuses")
    assert found.holds is False
