"""Drills of a history that is Python: what its text does not tell is seen, and both ways are walked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = ROOT / "systems" / "lacrei"
SCENARIOS = (
    "undone_by_a_reversing_migration",
    "what_no_script_can_reverse",
    "named_by_table_and_column or brings_back or script_alone",
    "newest_migrations_are_taken_back",
    "keeps_all_of_them_in_place",
)
pytestmark = pytest.mark.skipif(not HOME.is_dir(), reason="the reference system is not here")


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the journal of these scenarios is, all of them proven."""
    reports = tmp_path_factory.mktemp("reports")
    features = ["features/migration.feature", "features/restore.feature"]
    arguments = [*features, "--system=systems/lacrei", f"--reports={reports}", f"-k{' or '.join(SCENARIOS)}"]
    command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", "-pno:xdist", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    (run,) = (path for path in reports.glob("*Z-*") if not path.is_symlink())
    return run


def said(run: Path, act: str, *fields: str) -> set[tuple[str, ...]]:
    """What the ends and beginnings of an act say in these fields."""
    events = [json.loads(line) for line in (run / "journal.ndjson").read_text(encoding="utf-8").splitlines()]
    found = [event["data"] for event in events if event["act"] == act]
    return {tuple(str(data[field]) for field in fields) for data in found if all(f in data for f in fields)}


def test_code_that_changes_rows_counts_as_data_changing(drilled: Path) -> None:
    chosen = {migration for (migration,) in said(drilled, "migration.apply", "migration")}
    assert {"professionals.0005_phones_in_e164", "professionals.0004_tidy_registrations"} <= chosen


def test_the_way_back_is_said_as_a_person_would_type_it(drilled: Path) -> None:
    commands = {command for (command,) in said(drilled, "migration.roll_back", "command")}
    assert "manage.py migrate professionals 0004_tidy_registrations" in commands


def test_a_named_migration_takes_along_what_depends_on_what_goes(drilled: Path) -> None:
    going = said(drilled, "migration.take_back", "migration", "migrations")
    plan = [
        "appointments.0004_reminder",
        "professionals.0006_remove_legacy_code",
        "professionals.0005_phones_in_e164",
        "appointments.0003_sound_appointments",
        "appointments.0002_status_index",
    ]
    assert ("appointments.0001_initial", str(plan)) in going


def test_the_migration_that_has_no_way_back_is_named(drilled: Path) -> None:
    (found,) = said(drilled, "migration.take_back", "found")
    assert found[0].startswith("professionals.0004_tidy_registrations has no way back")


@pytest.mark.parametrize(
    ("breaks", "where", "found"),
    [
        ("system.toml", "app/manage.py", "No module named 'lacrei.setings'"),
        ("app/lacrei/settings.py", "app/lacrei/settings.py:1", "No module named 'nosuchthing'"),
    ],
)
def test_a_django_that_cannot_import_its_settings_is_one_clear_error(
    breaks: str, where: str, found: str, tmp_path: Path
) -> None:
    for name in ("app", "smoke", "system.toml"):
        source = HOME / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    file = tmp_path / breaks
    text = file.read_text(encoding="utf-8")
    broken = text.replace('"lacrei.settings"', '"lacrei.setings"') if file.suffix == ".toml" else ""
    file.write_text(broken or f"import nosuchthing\n{text}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", "features/restore.feature"]
    chosen = ["-kkeeps_all", f"--system={tmp_path / 'system.toml'}", f"--reports={tmp_path / 'reports'}"]
    done = subprocess.run(
        [*command, *chosen], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    said = done.stdout + done.stderr
    assert f"{tmp_path / where}: Django cannot bring the project up" in said, said
    assert found in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert done.returncode == 1
