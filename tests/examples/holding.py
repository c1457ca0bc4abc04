"""A project whose drills need nothing and wait while a file is there, so that a kill comes in time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from drilling import ROOT, own_environment

STEPS = """
import os
from pathlib import Path

import pytest
from pytest_bdd import given, then

from rollproof.checks.registry import Check
from rollproof.model.verdict import proven
from rollproof.waiting import eventually

HERE = Path(os.environ["HOLDING"])


@given("a world that may be held")
def _(drill):
    (HERE / f"begun-{drill.system.name}-{os.getpid()}").touch()
    eventually(lambda: not (HERE / "hold").exists(), within=90, what="nobody holds the world")


@then("it is as it was")
def _(drill):
    check = Check("as-it-was", "it is as it was", lambda history: proven("nothing was done"))
    drill.verify(check)
"""
FEATURE = """Feature: Holding
  Scenario: The world is held
    Given a world that may be held
    Then it is as it was
"""
PLAN = """[plan]
name = "held"
systems = ["system.toml"]
features = ["features"]
"""


class Held:
    """The project, and what may hold it."""

    def __init__(self, root: Path, more: str = "") -> None:
        self.root = root
        self.reports = root / "reports"
        self.temporary = root / "tmp"
        for name, text in {
            "conftest.py": STEPS,
            "features/held.feature": FEATURE,
            "system.toml": '[system]\nname = "shop"\n',
            "plan.toml": PLAN + more,
            "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p no:cacheprovider'\n",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        self.temporary.mkdir()
        self.holding = root / "holding"
        self.holding.mkdir()

    def hold(self) -> None:
        (self.holding / "hold").touch()

    def let_go(self) -> None:
        (self.holding / "hold").unlink()

    def begun(self, system: str = "") -> list[str]:
        """One name for each time that a drill began, of one system."""
        return sorted(path.name for path in self.holding.glob(f"begun-{system}*"))

    @property
    def environment(self) -> dict[str, str]:
        search = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        own = {"HOLDING": str(self.holding), "TMPDIR": str(self.temporary), "PYTHONPATH": search}
        return own_environment() | own

    @staticmethod
    def rollproof(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "rollproof", *arguments]
