"""An approval holds for what was approved, for as long as it says, and for somebody else's run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomlkit

from rollproof.cli_approve import write_approval
from rollproof.model.approval import Approval, digest_of, why_not_approved
from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
TEXT = """# who looks at this?
[plan]
name = "weekly"  # every week
systems = ["system.toml"]
environment = "staging"
features = ["features"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "one.feature").write_text("Feature: One\n")
    (tmp_path / "system.toml").write_text('[system]\nname = "shop"\n')
    (tmp_path / "plan.toml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def approve(folder: Path, *, by: str = "ann", days: int = 90) -> Plan:
    plan = read_plan(folder / "plan.toml")
    until = (NOW + timedelta(days=days)).isoformat()
    found = Approval(by=by, at=NOW.isoformat(), until=until, digest=digest_of(plan, folder))
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
