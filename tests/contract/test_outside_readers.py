"""What others make of the reports: Allure's own generator, and compliance-trestle in its own environment.

Both are fetched from their registries; where they cannot be had, these tests say so and are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from report_support import sample, whole

from rollproof.evidence.allure_results import render_allure
from rollproof.evidence.oscal import render_oscal

pytestmark = pytest.mark.slow

ALLURE = "allure@3.18.0"
TRESTLE = "compliance-trestle==5.2.0"
ALLURE_CONFIG = 'export default { name: "drills", plugins: { allure2: { options: {} } } };\n'
LOADS = """
import pathlib, sys
from trestle.oscal.assessment_results import AssessmentResults
read = AssessmentResults.oscal_read(pathlib.Path(sys.argv[1]))
print(len(read.results[0].observations), len(read.results[0].findings))
"""


def fetched(command: Sequence[str | Path], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"{command[-1]} cannot be had: {done.stderr.strip()[-300:]}")


def steps_in(step: dict[str, Any]) -> int:
    return sum(1 + steps_in(inner) for inner in step.get("steps", []))


def test_allures_own_generator_shows_every_step(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Allure's generator cannot be had: there is no npm")
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "allurerc.mjs").write_text(ALLURE_CONFIG)
    (tmp_path / "allure-results").mkdir()
    for name, body in render_allure(sample()):
        (tmp_path / name).write_bytes(body)
    fetched([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", ALLURE], tmp_path)
    program = tmp_path / "node_modules" / ".bin" / "allure"
    subprocess.run(
        [program, "generate", "allure-results", "--config", "allurerc.mjs", "-o", "out"],
        cwd=tmp_path,
        env=os.environ | {"ALLURE_NO_ANALYTICS": "true"},
        capture_output=True,
        timeout=120,
        check=True,
    )
    written = {
        result["name"]: (result["status"], steps_in(result))
        for result in (
            json.loads(path.read_bytes()) for path in tmp_path.glob("allure-results/*-result.json")
        )
    }
    shown = {
        case["name"]: (case["status"], steps_in(case["testStage"]))
        for case in (json.loads(path.read_bytes()) for path in tmp_path.glob("out/data/test-cases/*.json"))
    }
    assert shown == written
    assert sum(steps for _, steps in shown.values()) > 30


def test_compliance_trestle_loads_the_oscal_file(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    fetched([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TRESTLE], tmp_path)
    (tmp_path / "oscal.json").write_bytes(render_oscal(whole()))
    done = subprocess.run(
        [python, "-c", LOADS, tmp_path / "oscal.json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (result,) = json.loads(render_oscal(whole()))["assessment-results"]["results"]
    assert done.stdout.split() == [str(len(result["observations"])), str(len(result["findings"]))]
