"""The reference system's AWS side on the emulator, on a real database: what is healthy, and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from reference_support import BACK_END, LIST_AGENTS, SYSTEM, Account

from rollproof.components.aws.releases import RollBackRelease
from rollproof.components.aws.secret import Secrets
from rollproof.components.aws.secretrotation import STEPS, rotate_by_steps, rotates_by_function
from rollproof.components.postgres import acts
from rollproof.components.postgres.bench import Bench
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment

pytestmark = pytest.mark.slow  # whole systems deployed for each test; the drills do so as well


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


@pytest.fixture
def account(session: DrillSession, request: pytest.FixtureRequest) -> Iterator[Account]:
    drill = session.drill(f"aws::{request.node.name}", SYSTEM, about={"tags": ["stack", "database"]})
    drill.require(acts.StageCurrent())
    yield Account(drill)
    drill.heal()


@pytest.mark.parametrize("release", ["2.3.0", "2.4.0"])
def test_a_healthy_release_passes_its_smoke_tests_and_they_leave_nothing(
    release: str, account: Account
) -> None:
    assert account.deploy(release)
    done = account.smoke()
    assert (done.returncode, done.stdout.count("ok ")) == (0, 11), done.stdout
    assert account.commands() == 0
    assert account.ask("fibonacci", "/agents").json()["release"] == release


def test_what_a_newer_release_opens_is_closed_again_when_the_one_before_is_back(account: Account) -> None:
    assert account.deploy("2.3.0")
    assert account.deploy("2.4.0")
    assert account.statuses("/plans") == [200]
    assert account.statuses("/pipeline", api="nigredo") == [200]
    assert account.drill.attempt(RollBackRelease(stacks=BACK_END))
    assert account.statuses("/plans")[0] in (403, 404)
    assert account.statuses("/pipeline", api="nigredo") == [404]
    assert account.ask("fibonacci", "/agents").json()["release"] == "2.3.0"


def test_a_release_is_a_version_and_the_versions_before_stay(account: Account) -> None:
    functions = account.client("lambda")
    for release in ("2.3.0", "2.4.0"):
        assert account.deploy(release, "alquimista", "fibonacci")
    versions = functions.list_versions_by_function(FunctionName=LIST_AGENTS)["Versions"]
    assert [item["Description"] for item in versions[1:]] == ["2.3.0", "2.4.0"]
    functions.update_alias(FunctionName=LIST_AGENTS, Name="LIVE", FunctionVersion="1")
    assert account.ask("fibonacci", "/agents").json()["release"] == "2.3.0", "the API calls the alias"


def test_a_new_lead_becomes_a_command_while_the_flag_is_up(account: Account) -> None:
    assert account.deploy("current")
    lead = {"external_ref": "a-1", "company_name": "Prisma"}
    assert account.ask("nigredo", "/leads", method="POST", body=lead).status_code == 201
    command = account.ask("nigredo", "/commands/enrich-a-1").json()
    assert (command["kind"], command["status"]) == ("lead.enrich", "pending")
    assert account.ask("nigredo", "/leads", method="POST", body=lead).status_code == 409
    assert account.commands() == 1


def test_an_api_key_that_was_rotated_opens_and_the_old_one_no_more(account: Account) -> None:
    assert account.deploy("current", "alquimista", "fibonacci")
    old = account.secret("api-key")["key"]
    assert account.ask("fibonacci", "/operations", x_api_key=old).status_code == 200
    rotate(account, "api-key")
    new = account.secret("api-key")["key"]
    tried = [account.ask("fibonacci", "/operations", x_api_key=key).status_code for key in (old, new)]
    assert (tried, account.secret("api-key", "AWSPREVIOUS")["key"]) == ([403, 200], old)


def test_the_role_gets_the_password_that_the_secret_holds(account: Account) -> None:
    assert account.deploy("current", "alquimista", "fibonacci")
    before = verifier(account)
    rotate(account, "database")
    after = verifier(account)
    assert after.startswith("SCRAM-SHA-256$")
    assert after != before
    assert account.statuses("/health") == [200]
    new, old = (account.secret("database", stage) for stage in ("AWSCURRENT", "AWSPREVIOUS"))
    assert new["password"] != old["password"]
    assert {**new, "password": ""} == {**old, "password": ""}


def test_a_step_of_a_rotation_can_be_tried_again(account: Account) -> None:
    assert account.deploy("current", "alquimista")
    old = account.secret("database")["password"]
    rotate(account, "database", [step for step in STEPS for _ in range(2)])
    assert account.secret("database")["password"] != old
    assert account.secret("database", "AWSPREVIOUS")["password"] == old


def rotate(account: Account, key: str, steps: Sequence[str] = STEPS) -> None:
    """Calls the rotating function as Secrets Manager does; the emulator does not."""
    held = account.drill.use(Secrets)
    rotate_by_steps(held, key, rotates_by_function(held, key), steps)


def verifier(account: Account) -> str:
    """What the server keeps of the role's password; empty before it has one."""
    bench = account.drill.use(Bench)
    with psycopg.connect(bench.server.conninfo(bench.name)) as conn:
        row = conn.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app_user'").fetchone()
    return str((row or [""])[0] or "")


@pytest.mark.parametrize(
    ("kind", "statuses", "log"),
    [
        ("handler-bug", [200, 502, 200], "KeyError: 'name'"),
        ("missing-migration", [200, 502, 200], 'column "retired_at" does not exist'),
        ("wrong-variable", [502, 502, 502], "ResourceNotFoundException"),
        ("slow", [200, 200, 200], ""),
    ],
)
def test_a_broken_release_goes_in_and_answers_as_its_defect_has_it(
    kind: str, statuses: list[int], log: str, account: Account
) -> None:
    assert account.deploy("current", "alquimista", "fibonacci")
    assert account.deploy(f"broken:{kind}", "alquimista", "fibonacci")
    assert account.statuses("/health", "/agents", "/plans") == statuses
    assert log in account.log()


def test_the_feature_bug_hides_new_leads_and_the_smoke_tests_see_it(account: Account) -> None:
    assert account.deploy("broken:feature-bug")
    assert account.statuses("/health", "/leads", api="nigredo") == [200, 200]
    done = account.smoke()
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("FAIL")] == [
        "FAIL  a lead is written and read: the new lead is not among the newest"
    ]


def test_the_slow_release_takes_its_time_to_list_agents(account: Account) -> None:
    assert account.deploy("broken:slow", "alquimista", "fibonacci")
    assert account.ask("fibonacci", "/agents").elapsed.total_seconds() >= 1.2


def test_failing_create_leaves_no_stack_that_works(account: Account) -> None:
    assert not account.deploy("broken:failing-create")
    assert status(account) == "ROLLBACK_COMPLETE"
    with pytest.raises(account.client("lambda").exceptions.ResourceNotFoundException):
        account.client("lambda").get_function(FunctionName=LIST_AGENTS)


def test_failing_update_puts_everything_back(account: Account) -> None:
    assert account.deploy("current")
    functions = account.client("lambda")
    before = functions.get_function_configuration(FunctionName=LIST_AGENTS)["CodeSha256"]
    assert not account.deploy("broken:failing-update", "fibonacci")
    assert status(account) == "UPDATE_ROLLBACK_COMPLETE"
    after = functions.get_function_configuration(FunctionName=LIST_AGENTS)
    assert (after["CodeSha256"], after["MemorySize"]) == (before, 256)
    assert functions.get_alias(FunctionName=LIST_AGENTS, Name="LIVE")["FunctionVersion"] == "1"
    assert account.ask("fibonacci", "/agents").json()["release"] == "2.4.0"


def status(account: Account) -> str:
    found = account.client("cloudformation").describe_stacks(StackName="FibonacciStack-embedded")
    return str(found["Stacks"][0]["StackStatus"])
