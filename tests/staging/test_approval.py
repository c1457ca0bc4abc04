"""An approval holds for what was approved, for as long as it says, and for somebody else's run."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomlkit

from rollproof.cli_approve import write_approval
from rollproof.model.approval import approved, same_person, why_not_approved
from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
TEXT = """# who looks at this?
[plan]
name = "weekly"  # every week
systems = ["system.toml"]
environment = "staging"
features = ["features"]
[fleet]
tenants = ["a"]
"""
BESIDE = {
    "system.toml": """
[system]
name = "shop"
[database.migrations]
path = "migrations"
[[release]]
name = "1.0"
path = "releases/{tenant}"
[smoke]
command = ["{python}", "smoke/smoke.py"]
[environments.staging.database]
service_file = "secret/service.conf"
""",
    "migrations/001.sql": "CREATE TABLE shop.orders ();",
    "releases/a/function.py": "print('sold')",
    "smoke/smoke.py": "import asked",
    "smoke/asked.py": "",
    "secret/service.conf": "[shop]\npassword=old\n",
    "features/steps/shop.py": "",
    "steps/shared.py": "",
    "conftest.py": "",
    "lib/extra.py": "",
    "pyproject.toml": """
[project]
name = "shop"
[tool.rollproof]
steps = ["lib"]
""",
    "README.md": "a shop",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "one.feature").write_text("Feature: One\n")
    for name, text in BESIDE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "plan.toml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def approve(folder: Path, *, by: str = "ann", days: int = 90) -> Plan:
    plan = read_plan(folder / "plan.toml")
    found = approved(plan, folder, by=by, at=NOW, until=NOW + timedelta(days=days))
    write_approval(folder / "plan.toml", found)
    return read_plan(folder / "plan.toml")


def why(
    folder: Path, plan: Plan, *, operator: str = "bob", later: int = 0, differs: bool = True
) -> list[str]:
    moment = NOW + timedelta(days=later)
    return why_not_approved(plan, folder, operator=operator, differs=differs, now=moment)


def test_an_approved_plan_may_be_run_by_somebody_else(folder: Path) -> None:
    assert why(folder, approve(folder)) == []


def test_the_file_stays_as_it_was_but_for_the_approval(folder: Path) -> None:
    approve(folder)
    assert (folder / "plan.toml").read_text().startswith(TEXT)


def test_approving_again_replaces_the_approval(folder: Path) -> None:
    approve(folder, by="eve")
    plan = approve(folder, by="ann")
    assert (folder / "plan.toml").read_text().count("[approval]") == 1
    assert plan.approval is not None
    assert plan.approval.by == "ann"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("plan.toml", 'name = "weekly"\ntags = "not slow"'),
        ("system.toml", '[system]\nname = "shop"\n# another\n'),
        ("features/one.feature", "Feature: Two\n"),
        ("features/two.feature", "Feature: Two\n"),
        ("migrations/001.sql", "DROP TABLE shop.orders;"),
        ("migrations/002.sql", "DROP TABLE shop.orders;"),
        ("releases/a/function.py", "print('given away')"),
        ("releases/a/other.py", ""),
        ("smoke/smoke.py", ""),
        ("smoke/asked.py", "import os"),
        ("features/steps/shop.py", "import os"),
        ("features/steps/more.py", "import os"),
        ("steps/shared.py", "import os"),
        ("conftest.py", "import os"),
        ("features/conftest.py", "import os"),
        ("lib/extra.py", "import os"),
        ("pyproject.toml", "[tool.rollproof]\nsteps = []\n"),
        ("pytest.ini", "[pytest]\naddopts = -k nothing\n"),
    ],
)
def test_an_edit_of_anything_that_was_approved_ends_it(file: str, text: str, folder: Path) -> None:
    approve(folder)
    place = folder / file
    if file == "plan.toml":
        text = place.read_text().replace('name = "weekly"', text)
    place.write_text(text)
    [found] = why(folder, read_plan(folder / "plan.toml"))
    assert "what ann approved was another" in found


def test_a_comment_in_the_plan_is_no_edit_of_what_is_run(folder: Path) -> None:
    approve(folder)
    place = folder / "plan.toml"
    place.write_text(place.read_text() + "# see the wiki\n")
    assert why(folder, read_plan(place)) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.md", "another shop"),
        ("secret/service.conf", "[shop]\npassword=new\n"),
        ("pyproject.toml", BESIDE["pyproject.toml"].replace('"shop"', '"another"')),
        ("migrations/__pycache__/x.pyc", "compiled"),
        ("reports/run/report.html", "a report"),
    ],
)
def test_what_no_drill_is_made_of_may_change(file: str, text: str, folder: Path) -> None:
    plan = approve(folder)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)
    assert why(folder, plan) == []


def test_another_way_to_write_the_same_plan_is_no_edit(folder: Path) -> None:
    approve(folder)
    place = folder / "plan.toml"
    text = place.read_text().replace('[plan]\nname = "weekly"', "[plan]\n'name'  =  'weekly'")
    place.write_text(text.replace('systems = ["system.toml"]', 'systems = [\n  "system.toml",\n]'))
    assert why(folder, read_plan(place)) == []


@pytest.mark.parametrize(("key", "text"), [("until", "2030-01-01T00:00:00+00:00"), ("by", "eve")])
def test_an_edit_of_the_approval_itself_ends_it(key: str, text: str, folder: Path) -> None:
    approve(folder)
    document = tomlkit.parse((folder / "plan.toml").read_text())
    document["approval"][key] = text
    (folder / "plan.toml").write_text(tomlkit.dumps(document))
    assert "the approval itself was edited" in why(folder, read_plan(folder / "plan.toml"))[0]


def test_systems_outside_of_the_project_are_covered_each(folder: Path) -> None:
    """They may have the same file name."""
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "system.toml").write_text(f'[system]\nname = "{name}"\n')
    (folder / "inside").mkdir()
    systems = 'systems = ["../one/system.toml", "../two/system.toml"]'
    (folder / "inside" / "plan.toml").write_text(TEXT.replace('systems = ["system.toml"]', systems))
    (folder / "inside" / "features").mkdir()
    os.chdir(folder / "inside")
    plan = approve(folder / "inside")
    (folder / "one" / "system.toml").write_text('[system]\nname = "eins"\n')
    assert why(folder / "inside", plan)


def test_a_link_that_leads_elsewhere_is_an_edit(folder: Path) -> None:
    (folder / "else").mkdir()
    (folder / "migrations" / "more").symlink_to(folder / "else")
    plan = approve(folder)
    (folder / "migrations" / "more").unlink()
    (folder / "migrations" / "more").symlink_to(folder / "steps")
    assert why(folder, plan)


@pytest.mark.parametrize("name", ["Ann", "ann", " ann ", "ann@example.com", "Ann Smith <ann@example.com>"])
def test_one_person_is_known_by_several_names(name: str) -> None:
    assert same_person(name, "ann")
    assert not same_person(name, "anna")


def test_it_holds_in_another_checkout_of_the_same_files(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plan, other = approve(folder), tmp_path_factory.mktemp("other") / "checkout"
    folder.rename(other)
    assert why(other, plan) == []


def test_it_ends_and_does_not_hold_before_it_was_given(folder: Path) -> None:
    plan = approve(folder, days=7)
    assert "ended to hold" in why(folder, plan, later=8)[0]
    assert "of the future" in why(folder, plan, later=-1)[0]


def test_ones_own_approval_counts_only_where_that_is_declared(folder: Path) -> None:
    plan = approve(folder)
    assert "somebody else must" in why(folder, plan, operator="ann")[0]
    assert why(folder, plan, operator="ann", differs=False) == []


def test_a_plan_that_nobody_approved_is_not(folder: Path) -> None:
    assert why(folder, read_plan(folder / "plan.toml")) == ["nobody has approved the plan"]


def test_an_approval_that_was_written_by_hand_and_wrong_is_named_with_its_line(folder: Path) -> None:
    document = tomlkit.parse((folder / "plan.toml").read_text())
    document["approval"] = {"by": "", "at": "yesterday", "until": "2027-01-01", "digest": "x"}
    (folder / "plan.toml").write_text(tomlkit.dumps(document))
    with pytest.raises(Exception, match=r"plan\.toml:\d+: approval"):
        read_plan(folder / "plan.toml")
