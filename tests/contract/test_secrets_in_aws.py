"""Secrets on a real emulator and a real Postgres: rotated, interrupted, taken back, and never shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rollproof.checks import resources
from rollproof.checks import secrets as checks
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.secret import CURRENT, PENDING, PREVIOUS, Secrets, Value
from rollproof.components.aws.secretacts import (
    AdoptCredentials,
    EndSessions,
    RecoverRotation,
    RotateSecrets,
    look_at_credentials,
)
from rollproof.components.postgres import acts
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.passwords import set_password, try_password
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.faults.secret import RotationInterrupted
from rollproof.fidelity.registry import Fidelity
from rollproof.fidelity.secretsmanager import package
from rollproof.model.aws import Secret
from rollproof.model.system import System
from rollproof.model.verdict import Outcome

ROLE = "Shop app"  # needs quoting, in SQL and in pg_hba.conf
PASSWORD = "canary-0f6e1c5b2a"  # noqa: S105  made up
ROTATES = """
import json
import boto3
import psycopg

manager = boto3.client("secretsmanager")

def handler(event, context):
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    new = json.loads(manager.get_secret_value(SecretId=secret, VersionId=token)["SecretString"])
    if step == "setSecret":
        for stage in ("AWSCURRENT", "AWSPENDING"):
            old = json.loads(manager.get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"])
            try:
                with psycopg.connect(old["dsn"], user=old["username"], password=old["password"]) as database:
                    database.execute("ALTER ROLE CURRENT_USER PASSWORD '%s'" % new["password"])
                return
            except psycopg.OperationalError:
                continue
        raise ValueError("no password works")
    if step == "testSecret":
        psycopg.connect(new["dsn"], user=new["username"], password=new["password"]).close()
    if step == "finishSecret":
        versions = manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(v for v, stages in versions.items() if "AWSCURRENT" in stages)
        manager.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current)
"""
Make = Callable[..., Drill]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


@pytest.fixture
def make(session: DrillSession, tmp_path: Path) -> Iterator[Make]:
    """A scenario with a database, a role that a secret opens it for, and a function that rotates it."""
    drills: list[Drill] = []
    (tmp_path / "migrations").mkdir()
    first = "CREATE TABLE public.migrations (migration_name text PRIMARY KEY);"
    (tmp_path / "migrations" / "001_first.sql").write_text(
        f"{first}\nINSERT INTO public.migrations VALUES ('001_first.sql');"
    )

    def made(
        *, value: str | None = None, source: str = ROTATES, more: dict[str, str] | None = None, **secret: Any
    ) -> Drill:
        declared = {"name": "shop/{env}/database", "kind": "postgres", "function": "rotate", **secret}
        data: dict[str, Any] = {
            "system": {"name": "shop"},
            "database": {"migrations": {"path": "migrations"}, "app_role": "reader"},
            "function": {"rotate": {"name": "rotate-{env}", "alias": ""}},
            "secret": {
                "database": {k: v for k, v in declared.items() if v is not None},
                **({"more": more} if more else {}),
            },
        }
        system = System.model_validate(data).model_copy(update={"source": tmp_path / "system.toml"})
        drill = session.drill(f"a.feature::{len(session.journal.events)}", system, about={"tags": []})
        drills.append(drill)
        drill.require(acts.StageCurrent())
        bench = drill.use(Bench)
        with connected(bench.server, "postgres") as conn:
            conn.execute(f'DROP ROLE IF EXISTS "{ROLE}"'.encode())
            conn.execute(f'CREATE ROLE "{ROLE}" LOGIN'.encode())
        dsn = bench.server.conninfo(bench.name, user=ROLE)
        text = value or json.dumps({"username": ROLE, "password": PASSWORD, "dsn": dsn})
        manager(drill).create_secret(Name="shop/embedded/database", SecretString=text)
        if more:
            manager(drill).create_secret(Name=more["name"], SecretString="opaque")
        if source:
            drill.use(Cloud).client("lambda").create_function(
                FunctionName="rotate-embedded",
                Runtime="python3.12",
                Handler="index.handler",
                Role="arn:aws:iam::000000000000:role/r",
                Code={"ZipFile": package(source)},
            )
        return drill

    yield made
    for drill in drills:
        drill.heal()


def manager(drill: Drill) -> Any:
    return drill.use(Cloud).client("secretsmanager")


def outcomes(drill: Drill) -> dict[str, Outcome]:
    wanted = (
        checks.old_credential_refused,
        checks.current_credential_works,
        checks.old_connections_closed,
        checks.every_secret_rotated,
        checks.no_rotation_pending,
    )
    return {check.id: drill.verify(check).outcome for check in wanted}


def all_proven(drill: Drill) -> bool:
    return set(outcomes(drill).values()) == {Outcome.PROVEN}


class TestPasswords:
    def test_a_role_is_asked_for_its_password_in_the_scenarios_database_only(self, make: Make) -> None:
        drill = make()
        bench = drill.use(Bench)
        assert try_password(bench.server, bench.name, ROLE, "anything") == "accepted"
        drill.require(AdoptCredentials())
        assert try_password(bench.server, bench.name, ROLE, "anything") == "refused"
        assert try_password(bench.server, bench.name, ROLE, PASSWORD) == "accepted"
        assert try_password(bench.server, "postgres", ROLE, "anything") == "accepted"
        with connected(bench.server, bench.name) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)

    def test_what_asks_for_the_server_gets_the_current_password_with_it(self, make: Make) -> None:
        drill = make()
        drill.require(AdoptCredentials())
        drill.require(RotateSecrets())
        bench = drill.use(Bench)
        with psycopg.connect(bench.server.conninfo(bench.name, user=ROLE)) as conn:
            assert conn.info.user == ROLE
        assert PASSWORD not in repr(bench.server)

    def test_all_is_as_it_was_when_the_scenario_ends(self, make: Make) -> None:
        drill = make()
        server = drill.use(Bench).server
        with connected(server, "postgres") as conn:
            rules = conn.execute("SELECT pg_read_file('pg_hba.conf')").fetchone()
            drill.require(AdoptCredentials())
            drill.heal()
            assert conn.execute("SELECT pg_read_file('pg_hba.conf')").fetchone() == rules
            stored = conn.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [ROLE]).fetchone()
        assert stored == (None,)

    def test_a_role_that_does_not_exist_is_named_and_the_password_is_not(self, make: Make) -> None:
        with pytest.raises(AttemptFailed) as found:
            set_password(make().use(Bench).server, "nobody here", PASSWORD)
        assert found.value.where == "nobody here"
        assert PASSWORD not in str(found.value)


class TestRotation:
    def test_by_the_functions_steps(self, make: Make) -> None:
        drill = make()
        drill.require(AdoptCredentials())
        drill.require(RotateSecrets())
        drill.require(EndSessions())
        assert all_proven(drill)

    def test_by_hand_where_no_function_is_declared(self, make: Make) -> None:
        drill = make(function=None, source="")
        drill.require(AdoptCredentials())
        assert drill.require(RotateSecrets())["items"] == ["database: by hand"]
        drill.require(EndSessions())
        assert all_proven(drill)

    def test_twice_where_two_users_take_turns(self, make: Make) -> None:
        drill = make(strategy="alternating-users", function=None, source="")
        drill.require(AdoptCredentials())
        drill.require(RotateSecrets())
        versions = manager(drill).list_secret_version_ids(SecretId="shop/embedded/database")["Versions"]
        held = drill.use(Secrets)
        assert held.versions["database"] not in {v["VersionId"] for v in versions if v.get("VersionStages")}

    @pytest.mark.parametrize(
        "where", ["after createSecret", "after setSecret", "after testSecret", "in testSecret"]
    )
    def test_one_that_stopped_half_way_is_brought_to_an_end_and_made_again(
        self, make: Make, where: str
    ) -> None:
        drill = make()
        drill.require(AdoptCredentials())
        drill.require(RotationInterrupted(where))
        assert PENDING in drill.use(Secrets).stages("database")
        ended = drill.require(RecoverRotation())
        assert ended["items"] == [f"database: {'taken back' if where.startswith('in') else 'finished'}"]
        assert drill.verify(checks.current_credential_works).outcome is Outcome.PROVEN
        assert drill.verify(checks.no_rotation_pending).outcome is Outcome.PROVEN
        drill.require(RotateSecrets())
        drill.require(EndSessions())
        assert all_proven(drill)

    def test_the_systems_own_command_revokes_its_sessions(self, make: Make, tmp_path: Path) -> None:
        drill = make(sessions=[sys.executable, "-c", "open('revoked', 'w')"])
        drill.require(AdoptCredentials())
        drill.require(RotateSecrets())
        assert drill.require(EndSessions())["items"] == ["database"]
        assert (tmp_path / "revoked").exists()

    def test_a_command_that_fails_to_revoke_them_is_named(self, make: Make) -> None:
        drill = make(sessions=[sys.executable, "-c", "raise SystemExit(3)"])
        drill.require(AdoptCredentials())
        assert not drill.attempt(EndSessions())
        assert drill.failed["secret.end_sessions"].where == "secret.database.sessions"

    def test_one_that_fails_keeps_no_other_from_being_rotated(self, make: Make) -> None:
        drill = make(source="", more={"name": "shop/webhook", "kind": "opaque"})
        drill.require(AdoptCredentials())
        assert not drill.attempt(RotateSecrets())
        assert "shop/webhook" not in drill.failed["secret.rotate"].found
        look_at_credentials(drill)
        found = drill.verify(checks.every_secret_rotated)
        assert found.outcome is Outcome.REFUTED
        assert {line.partition(":")[0] for line in found.findings} == {"database"}

    def test_one_that_nobody_ends_locks_everybody_out_and_is_refuted(self, make: Make) -> None:
        drill = make()
        drill.require(AdoptCredentials())
        drill.require(RotationInterrupted("after setSecret"))
        found = outcomes(drill)
        assert found["current-credential-works"] is Outcome.REFUTED
        assert found["no-rotation-pending"] is Outcome.REFUTED

    def test_one_that_was_taken_back_leaves_the_secret_what_it_was(self, make: Make) -> None:
        drill = make()
        drill.require(AdoptCredentials())
        drill.use(Cloud).look("before", "secret")
        drill.require(RotationInterrupted("in testSecret"))
        drill.require(RecoverRotation())
        assert drill.verify(resources.resources_restored, kind="secret").outcome is Outcome.PROVEN

    def test_the_version_before_stays_usable_until_the_new_one_is_current(self, make: Make) -> None:
        drill = make()
        drill.require(AdoptCredentials())
        held, client = drill.use(Secrets), manager(drill)
        drill.require(RotationInterrupted("after testSecret"))
        assert held.value("database").text == held.old["database"].text
        drill.require(RecoverRotation())
        previous = client.get_secret_value(SecretId=held.name("database"), VersionStage=PREVIOUS)
        assert previous["SecretString"] == held.old["database"].text


class TestBadInput:
    def test_a_secret_that_does_not_exist_is_named(self, make: Make) -> None:
        drill = make()
        manager(drill).delete_secret(SecretId="shop/embedded/database", ForceDeleteWithoutRecovery=True)
        with pytest.raises(PreconditionNotMet) as found:
            drill.require(AdoptCredentials())
        assert found.value.where == "shop/embedded/database"

    def test_one_that_is_scheduled_for_deletion_is_not_rotated(self, make: Make) -> None:
        drill = make()
        drill.require(AdoptCredentials())
        manager(drill).delete_secret(SecretId="shop/embedded/database", RecoveryWindowInDays=7)
        with pytest.raises(PreconditionNotMet, match="scheduled for deletion"):
            drill.attempt(RotateSecrets())

    @pytest.mark.parametrize(
        "value",
        ['{"username": "app"}', '{"password": "x"}', '{"username": 1, "password": "x"}', "plain", "[]"],
    )
    def test_one_that_lacks_a_key_is_named_and_not_quoted(self, make: Make, value: str) -> None:
        with pytest.raises(PreconditionNotMet) as found:
            make(value=value).require(AdoptCredentials())
        assert found.value.where == "shop/embedded/database"
        assert "x" not in found.value.found.split("'")

    def test_a_role_that_the_database_has_not_is_named(self, make: Make) -> None:
        text = json.dumps({"username": "gone", "password": PASSWORD})
        with pytest.raises(PreconditionNotMet) as found:
            make(value=text).require(AdoptCredentials())
        assert found.value.where == "gone"

    def test_a_rotation_function_that_is_missing_fails_the_rotation(self, make: Make) -> None:
        drill = make(source="")
        drill.require(AdoptCredentials())
        assert not drill.attempt(RotateSecrets())
        assert "ResourceNotFoundException" in drill.failed["secret.rotate"].found

    def test_one_that_fails_leaves_the_old_version_in_use_and_says_at_which_step(self, make: Make) -> None:
        drill = make(source=f"def handler(event, context):\n    raise ValueError('{PASSWORD}')\n")
        drill.require(AdoptCredentials())
        held = drill.use(Secrets)
        before = held.stages("database")[CURRENT]
        assert not drill.attempt(RotateSecrets())
        failure = drill.failed["secret.rotate"]
        assert "failed in createSecret" in failure.found
        assert PASSWORD not in str(failure)
        assert held.stages("database")[CURRENT] == before
        drill.require(RecoverRotation())
        assert drill.verify(checks.current_credential_works).outcome is Outcome.PROVEN

    def test_a_system_without_secrets_is_not_applicable(self, session: DrillSession) -> None:
        system = System.model_validate({"system": {"name": "bare"}, "table": {"a": {"name": "a"}}})
        with pytest.raises(NotApplicable):
            session.drill("a.feature::bare", system, about={}).require(AdoptCredentials())


def test_no_secret_is_written_anywhere_or_shown(
    make: Make, session: DrillSession, capfd: pytest.CaptureFixture[str]
) -> None:
    drill = make()
    drill.require(AdoptCredentials())
    drill.use(Cloud).look("before", "secret")
    drill.require(RotationInterrupted("after setSecret"))
    drill.require(RecoverRotation())
    drill.require(RotateSecrets())
    drill.require(EndSessions())
    look_at_credentials(drill)
    assert all_proven(drill)
    name = drill.use(Secrets).name("database")
    texts = [manager(drill).get_secret_value(SecretId=name, VersionStage=s) for s in (CURRENT, PREVIOUS)]
    shown = {PASSWORD, *(json.loads(text["SecretString"])["password"] for text in texts)}
    assert len(shown) == 3
    files = [path for path in session.folder.rglob("*") if path.is_file()]
    said = capfd.readouterr()
    for canary in shown:
        assert not [path for path in files if canary.encode() in path.read_bytes()]
        assert canary not in said.out + said.err
        assert canary not in repr(vars(drill)) + repr(vars(drill.use(Secrets)))


def test_on_a_server_of_others_no_password_is_changed_by_hand(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in two places: killed between them, nobody could say which one to put back."""
    drill = make(function=None, source="")
    cloud = drill.use(Cloud)
    RotateSecrets().prepare(drill)
    monkeypatch.setattr(cloud, "endpoint", replace(cloud.endpoint, private=False))
    with pytest.raises(NotApplicable, match="no function rotates shop/embedded/database"):
        RotateSecrets().prepare(drill)


def test_the_emulator_is_found_out(make: Make, session: DrillSession) -> None:
    found = session.use(Fidelity, make().system).finding("rotation-calls-function")
    assert found.holds is False


def test_an_api_key_is_found_in_the_usual_and_in_the_declared_places() -> None:
    def key(text: str, **spec: Any) -> str:
        return Value("a", Secret(name="a", kind="api-key", **spec), text).key

    assert key('{"purpose": "x", "api_key": "k"}') == "k"
    assert key('{"purpose": "x", "inner": "k"}', field="inner") == "k"
    assert key("k") == "k"
    with pytest.raises(PreconditionNotMet):
        key('{"purpose": "x"}')
