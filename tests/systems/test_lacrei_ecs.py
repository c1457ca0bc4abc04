"""The same releases, features and checks when ECS runs the service instead of App Runner."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = ROOT / "systems" / "lacrei"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOME.is_dir(), reason="the reference system is not here"),
]


@pytest.fixture
def on_ecs(tmp_path: Path) -> Path:
    """A copy of the system whose file names the other runner."""
    shutil.copytree(HOME, tmp_path / "system")
    file = tmp_path / "system" / "system.toml"
    declared = file.read_text(encoding="utf-8")
    assert declared.count('runner = "apprunner"') == 1
    file.write_text(declared.replace('runner = "apprunner"', 'runner = "ecs"'), encoding="utf-8")
    return file


def test_every_way_back_of_a_service_is_proven_on_ecs_too(on_ecs: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", "-pno:xdist"]
    chosen = ["features/service.feature", f"--system={on_ecs}", f"--reports={reports}"]
    done = subprocess.run(
        [*command, *chosen], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    verdicts = json.loads((reports / "latest" / "verdicts.json").read_text(encoding="utf-8"))
    assert [scenario["outcome"] for scenario in verdicts["scenarios"]] == ["proven"] * 5
