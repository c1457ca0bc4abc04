"""A rollback by the system's own commands, in a real repository, each step a program of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollproof.checks import functions as checks
from rollproof.components.aws import aliases
from rollproof.components.aws.checkout import RollBackByCheckout
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import Functions
from rollproof.components.aws.releases import DeployRelease
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.model.system import System
from rollproof.model.verdict import Outcome
from tests.contract.function_support import ANSWERS, RAISES, TWO, make, package

INSTALL = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
wanted = (folder / "requirements.txt").read_text().split()
(folder / "installed.txt").write_text(" ".join(wanted))
"""
BUILD = """
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
assert (folder / "installed.txt").exists(), "install first"
with zipfile.ZipFile(folder / "function.zip", "w") as archive:
    archive.writestr(zipfile.ZipInfo("app.py", (2020, 1, 1, 0, 0, 0)), (folder / "app.py").read_text())
"""
DEPLOY = """
import pathlib, sys
import boto3
folder = pathlib.Path(sys.argv[1])
built = folder / "function.zip"
if not built.exists():
    sys.exit("nothing was built")
client = boto3.client("lambda")
for name in ("pair-one", "pair-two"):
    client.update_function_code(FunctionName=name, ZipFile=built.read_bytes())
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="LIVE", FunctionVersion=version)
"""


def a_project(folder: Path) -> System:
    """Two releases, the first healthy, and a program for each of the steps."""
    for name, text in {"install.py": INSTALL, "build.py": BUILD, "deploy.py": DEPLOY}.items():
        (folder / name).write_text(text)
    for name, source in {"1.0": ANSWERS, "1.1": RAISES}.items():
        (folder / name).mkdir()
        (folder / name / "app.py").write_text(source)
        (folder / name / "requirements.txt").write_text("requests==2.0\n")
        (folder / name / "function.zip").write_bytes(package(source))
    programs = {step: ("{python}", str(folder / f"{step}.py"), "{path}") for step in ("install", "build")}
    system = System.model_validate(
        {
            "system": {"name": "pair"},
            "function": {key: {"name": f"pair-{key}", "payload": {"path": "/health"}} for key in TWO},
            "release": [
                {"name": "1.0", "path": "1.0"},
                {"name": "1.1", "path": "1.1", "broken": "handler-bug"},
            ],
            "deploy": {**programs, "command": ("{python}", str(folder / "deploy.py"), "{path}")},
        }
    )
    return system.model_copy(update={"source": folder / "system.toml"})


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    home = tmp_path / "project"
    home.mkdir()
    session = DrillSession(folder=tmp_path / "run", run="commands", environment=EmbeddedEnvironment())
    made = session.drill("commands", a_project(home), about={"name": "commands", "tags": ["function"]})
    for name in ("pair-one", "pair-two"):
        make(made.use(Cloud), name)
    yield made
    made.heal()
    session.finish("proven")


def test_the_last_good_revision_is_installed_built_and_deployed_by_own_programs(
    drill: Drill,
) -> None:
    drill.require(DeployRelease("1.0"))
    drill.require(aliases.RememberFunctions())
    drill.require(DeployRelease("1.1"))
    assert not drill.use(Functions).call("one", "LIVE").well
    assert drill.attempt(RollBackByCheckout())
    verdict = drill.verify(checks.revision_deployed)
    assert verdict.outcome is Outcome.PROVEN
    assert verdict.reason.endswith("log, checkout, install, build, deploy")
    assert drill.verify(checks.aliases_restored, by="release").outcome is Outcome.PROVEN
    assert drill.verify(checks.no_errors_logged).outcome is Outcome.PROVEN


def test_a_build_that_fails_is_a_rollback_that_failed(drill: Drill) -> None:
    drill.require(DeployRelease("1.0"))
    drill.require(aliases.RememberFunctions())
    drill.require(DeployRelease("1.1"))
    (drill.system.root / "build.py").write_text("raise SystemExit('no space left')")
    assert not drill.attempt(RollBackByCheckout())
    assert "no space left" in drill.failed["checkout.roll_back"].found
    assert drill.verify(checks.revision_deployed).outcome is Outcome.REFUTED
    assert drill.verify(checks.aliases_restored, by="release").outcome is Outcome.REFUTED
