"""The shipped feature on releases that are not the reference system's: of the CDK, and of SAM."""

from __future__ import annotations

from pathlib import Path

import pytest
from drilling import ROOT, SYSTEMS, Drilled, Forker, verdicts

pytestmark = pytest.mark.slow  # whole systems deployed for each test; the drills do so as well


class Shipped(Drilled):
    """A system of these tests, drilled by the feature that ships with Rollproof."""

    def __init__(self, home: Path, forker: Forker, name: str) -> None:
        super().__init__(home, forker, system="")
        self.root = ROOT
        self.arguments = (
            "features/deploy.feature",
            f"--system={(SYSTEMS / name).relative_to(ROOT)}",
            "-pno:cacheprovider",
            f"--reports={self.reports}",
        )


@pytest.mark.parametrize("name", ["shop-cdk", "hello-sam"])
def test_every_scenario_of_failed_deploys_is_proven(home: Path, forker: Forker, name: str) -> None:
    drilled = Shipped(home, forker, name)
    ended = drilled.drill()
    assert ended.code == 0, ended.said
    said = verdicts(drilled.journal())
    assert set(said.values()) == {"proven"}
    assert {"failed-stack-restored", "next-deploy-works", "drift-found"} <= {check for _, check in said}
