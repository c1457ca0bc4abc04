"""The reference system's runbook can be followed in AWS: its blocks are run here as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from reference_support import HOME, LIST_AGENTS, SYSTEM, Account

from rollproof.components.aws.cloud import Cloud
from rollproof.components.postgres import acts
from rollproof.components.postgres.bench import Bench
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment

pytestmark = pytest.mark.slow  # whole systems deployed for each test; the drills do so as well

RUNBOOK = (HOME / "RUNBOOK.md").read_text(encoding="utf-8")
SECTIONS = {
    heading: re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    for heading, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)
}
BACK, SHUT, OPEN = "Back to the code before", "Shut the system, and open it again", "Open it"
TABLE = "operational-commands-embedded"
PYTHON = Path(sys.executable).parent


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


class Terminal(Account):
    """A person at a terminal, with the account and the database in their hands."""

    def follow(self, section: str, **names: str) -> str:
        """Runs a section's blocks; fails the test when one fails."""
        bench = self.drill.use(Bench)
        found = {
            "PATH": os.pathsep.join(map(str, [self.tools, PYTHON, bench.server.bin_dir, os.environ["PATH"]])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ENV": "embedded",
            **bench.server.program_environment(bench.name),
            **self.drill.use(Cloud).endpoint.program_environment(),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(SECTIONS[section])],
            cwd=HOME,
            env=found | names,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{section}: {done.stdout}{done.stderr}"
        return done.stdout

    tools: Path = Path()


@pytest.fixture
def terminal(session: DrillSession, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    drill = session.drill(f"runbook::{request.node.name}", SYSTEM, about={"tags": ["stack", "database"]})
    drill.require(acts.StageCurrent())
    (tmp_path / "aws").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -B "{Path(__file__).with_name("small_aws_cli.py")}" "$@"\n'
    )
    (tmp_path / "aws").chmod(0o755)
    terminal = Terminal(drill)
    terminal.tools = tmp_path
    yield terminal
    drill.heal()


def test_the_log_says_why_and_the_alias_goes_back(terminal: Terminal) -> None:
    assert terminal.deploy("current")
    assert terminal.deploy("broken:handler-bug")
    assert terminal.statuses("/agents") == [502]
    assert "KeyError" in terminal.follow("Why does the API answer 5xx in AWS?")
    versions = terminal.follow(BACK, FUNCTION=LIST_AGENTS, GOOD="1")
    assert versions.startswith("1\t2.4.0\n2\t2.5.0-handler-bug\n")
    assert terminal.statuses("/agents") == [200]


@pytest.mark.skipif(shutil.which("cdk") is None, reason="the CDK's command line is not installed")
def test_the_release_before_is_deployed_by_the_cdk(terminal: Terminal) -> None:
    terminal.deploy("current")
    home = {"HOME": str(terminal.tools), "CDK_DISABLE_CLI_TELEMETRY": "1"}
    try:
        terminal.follow("Deploy the release before", RELEASE="2.3.0", STAKEHOLDER="a@b.example", **home)
    finally:
        shutil.rmtree(HOME / "build", ignore_errors=True)
    assert terminal.ask("fibonacci", "/agents").json()["release"] == "2.3.0"


def test_the_event_that_made_a_deployment_fail_is_found(terminal: Terminal) -> None:
    terminal.deploy("current", "fibonacci")
    terminal.deploy("broken:failing-update", "fibonacci")
    said = terminal.follow("A deployment failed", STACK="FibonacciStack-embedded").splitlines()
    assert said[0] == "UPDATE_ROLLBACK_COMPLETE"
    assert "the release's gate is closed" in said[1]


def test_the_page_before_is_put_back(terminal: Terminal) -> None:
    assert terminal.deploy("current", "frontend")
    files = terminal.client("s3")
    bucket = f"alquimista-frontend-{terminal.drill.use(Cloud).endpoint.account}-embedded"
    first = files.put_object(Bucket=bucket, Key="index.html", Body=b"whole")["VersionId"]
    files.put_object(Bucket=bucket, Key="index.html", Body=b"broken")
    outputs = terminal.client("cloudformation").describe_stacks(StackName="FrontendStack-embedded")
    found = {item["OutputKey"]: item["OutputValue"] for item in outputs["Stacks"][0]["Outputs"]}
    said = terminal.follow(
        "The page is broken", BUCKET=bucket, VERSION=first, DISTRIBUTION=found["DistributionId"]
    )
    page = files.get_object(Bucket=bucket, Key="index.html")
    assert first in said
    assert (page["Body"].read(), page["CacheControl"]) == (b"whole", "no-cache")
    assert page["ContentType"] == "text/html; charset=utf-8"


def test_a_wrong_setting_is_put_back_and_counts_at_once(terminal: Terminal) -> None:
    assert terminal.deploy("current", "alquimista", "fibonacci")
    name = "/alquimista/embedded/agents/page-size"
    terminal.client("ssm").put_parameter(Name=name, Value="a hundred", Overwrite=True)
    assert terminal.statuses("/agents") == [502]
    said = terminal.follow("A setting is wrong", SETTING="agents/page-size", GOOD="100")
    assert [line.split("\t")[:2] for line in said.splitlines()[:2]] == [["1", "100"], ["2", "a hundred"]]
    assert terminal.statuses("/agents") == [200]


def test_how_long_it_takes_can_be_read(terminal: Terminal) -> None:
    assert terminal.deploy("broken:slow", "alquimista", "fibonacci")
    terminal.client("lambda").invoke(
        FunctionName=LIST_AGENTS, Qualifier="LIVE", Payload=b'{"httpMethod": "GET", "path": "/agents"}'
    )
    now = datetime.now(UTC)
    since, until = ((now + timedelta(minutes=n)).isoformat() for n in (-10, 1))
    said = terminal.follow("It is slow", SINCE=since, UNTIL=until)
    assert float(said.splitlines()[0].split("\t")[1]) >= 1200


def test_the_system_is_shut_and_opened_again(terminal: Terminal) -> None:
    """What is set, not what it does: the emulator does not hold a version to its function's concurrency."""
    assert terminal.deploy("current")
    names = [SYSTEM.function[key].name.format(env="embedded") for key in ("list-agents", "leads", "commands")]
    reserved = terminal.client("lambda").get_function_concurrency
    terminal.follow(SHUT)
    assert [reserved(FunctionName=name)["ReservedConcurrentExecutions"] for name in names] == [0, 0, 0]
    terminal.follow(OPEN)
    assert not any("ReservedConcurrentExecutions" in reserved(FunctionName=name) for name in names)
    assert terminal.statuses("/health", "/leads", api="nigredo") == [200, 200]


def test_commands_are_restored_beside_the_table(terminal: Terminal) -> None:
    assert terminal.deploy("current", "alquimista")
    moment = datetime.now(UTC).isoformat()
    assert terminal.follow("Commands are lost", MOMENT=moment).split()[-2:] == ["0", "0"]
    tables = terminal.client("dynamodb").list_tables()["TableNames"]
    assert tables == [TABLE, f"{TABLE}-restored"]


def test_both_secrets_get_a_new_current_version(terminal: Terminal) -> None:
    assert terminal.deploy("current", "alquimista")
    functions, secrets = terminal.client("lambda"), terminal.client("secretsmanager")
    names = ["alquimista/embedded/database", "alquimista/embedded/api-key"]
    before = {secrets.get_secret_value(SecretId=name)["VersionId"] for name in names}
    alias = functions.get_alias(FunctionName="alquimista-rotate-secret-embedded", Name="LIVE")
    terminal.follow("A credential is in other hands", ROTATION=alias["AliasArn"])
    assert before.isdisjoint(secrets.get_secret_value(SecretId=name)["VersionId"] for name in names)


def test_those_concerned_can_be_told(terminal: Terminal) -> None:
    assert terminal.deploy("current", "alquimista")
    topics = terminal.client("sns").list_topics()["Topics"]
    said = terminal.follow("Tell those concerned", TOPIC=topics[0]["TopicArn"], SAID="It begins.")
    assert "MessageId" in said


def test_every_block_is_followed_by_some_test() -> None:
    followed = set(re.findall(r'"([A-Z][^"]+)"', Path(__file__).read_text())) | {BACK, SHUT, OPEN}
    here = {heading for heading, blocks in SECTIONS.items() if any("aws " in block for block in blocks)}
    assert here <= followed
    assert here
