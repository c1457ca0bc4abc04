"""Drills on a staging stand-in: what they prove, what they leave, and what a kill leaves to be healed."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from standin import APP, DATABASE, StandIn, inherited, write_system

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from drilling import SYSTEMS, Drilled, Ended, Forker, family_is_gone

from rollproof.environments.staging.sources import operator
from rollproof.features_folder import shipped_features

ALLOWED = {"allow_write": [DATABASE]}
KILLER = ("-p", "tests.examples.killer")
PLAN = """
# what somebody has approved
[plan]
name = "staging"
systems = ["system.toml"]
environment = "staging"
features = ["features/mini.feature"]
"""


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Forks drills from a process that has imported everything."""
    found = Forker(SYSTEMS / "mini")
    yield found
    found.close()


@dataclass
class Staged:
    """The smallest system in a folder of its own, on the stand-in, with an approved plan."""

    drilled: Drilled
    place: StandIn
    chosen: tuple[str, ...] = ("features/mini.feature",)

    @property
    def environ(self) -> dict[str, str]:
        return {**self.place.environ, "STANDIN_APP": APP}

    def drill(self, *arguments: str, **environ: str) -> Ended:
        return self.drilled.drill(
            *self.chosen,
            "--environment=staging",
            "--rollproof-plan=plan.toml",
            *arguments,
            **self.environ,
            **environ,
        )

    def rollproof(self, *arguments: str, **environ: str) -> Ended:
        return self.drilled.rollproof(*arguments, **{**self.environ, **environ})


def staged(home: Path, forker: Forker, place: StandIn, **declared: Any) -> Staged:
    write_system(home, place, **declared)
    (home / "plan.toml").write_text(PLAN)
    found = Staged(Drilled(home, forker, system=""), place)
    approved = found.rollproof("drill", "approve", "plan.toml", "--by", "ann")
    assert approved.code == 0, approved.said
    return found


def stacks(home: Path, forker: Forker, place: StandIn) -> Staged:
    """A system of one stack, which a release that fails is deployed to."""
    shutil.copytree(SYSTEMS / "hello-sam", home, dirs_exist_ok=True)
    document = tomlkit.parse((home / "system.toml").read_text())
    document["environments"] = {"staging": place.declared()}
    (home / "system.toml").write_text(tomlkit.dumps(document))
    (home / "pyproject.toml").write_text("[tool.rollproof]\n")
    (home / "plan.toml").write_text(PLAN.replace("features/mini.feature", "deploy"))
    [feature] = [str(path) for path in shipped_features(["deploy"])]
    chosen = (feature, "-k", "update_that_fails", "--system=system.toml")
    found = Staged(Drilled(home, forker, system=""), place, (*chosen, "--rollproof-reports=reports"))
    approved = found.rollproof("drill", "approve", "plan.toml", "--by", "ann")
    assert approved.code == 0, approved.said
    return found


@pytest.fixture
def mini(tmp_path: Path, forker: Forker, place: StandIn) -> Staged:
    return staged(tmp_path, forker, place)


def events_of(found: Staged) -> list[str]:
    return [f"{event.act} {event.kind.value}" for event in found.drilled.journal().events]


def test_an_approved_drill_proves_and_leaves_everything_as_it_was(mini: Staged, place: StandIn) -> None:
    before = place.everything()
    ended = mini.drill()
    assert ended.code == 0, ended.said
    assert "1 proven" in ended.said
    assert "template.clone ok" in events_of(mini)
    approval = mini.drilled.journal().events[0].data["approval"]
    assert isinstance(approval, dict)
    assert (approval["kind"], approval["name"]) == ("approved", "ann")
    assert place.everything() == before


@pytest.mark.slow
def test_a_database_in_use_is_cloned_all_the_same_and_nobody_is_thrown_out(
    mini: Staged, place: StandIn
) -> None:
    before = place.everything()
    with place.connect(DATABASE) as user:
        ended = mini.drill()
        assert user.execute("SELECT 1").fetchone() == (1,)
    assert ended.code == 0, ended.said
    clone = [event for event in mini.drilled.journal().events if event.act == "template.clone"]
    assert clone[1].data["kind"] == "dump"
    assert place.everything() == before


def test_a_clone_takes_the_place_of_the_database_and_gives_it_back(
    tmp_path: Path, forker: Forker, place: StandIn
) -> None:
    found = staged(tmp_path, forker, place, touch="in-place", database=ALLOWED)
    before = place.everything()
    ended = found.drill()
    assert ended.code == 0, ended.said
    assert any(event.data.get("database") == DATABASE for event in found.drilled.journal().events)
    assert place.everything() == before


@pytest.mark.slow
def test_roles_that_are_missing_are_made_and_dropped_again(mini: Staged, place: StandIn) -> None:
    before = place.everything()
    mini.drilled.edit("system.toml", ('app_role = "mini_app"', 'app_role = "mini_app"\nroles = ["auditor"]'))
    assert mini.rollproof("drill", "approve", "plan.toml", "--by", "ann").code == 0
    ended = mini.drill()
    assert ended.code == 0, ended.said
    assert place.everything() == before


FEW = "additive_migration_is_rolled_back_by or the_safe_procedure"


@pytest.mark.parametrize(
    ("chosen", "declared"),
    [
        (FEW, {}),
        pytest.param("", {}, marks=pytest.mark.slow),
        pytest.param("", {"touch": "in-place", "database": ALLOWED}, marks=pytest.mark.slow),
    ],
    ids=["a few scenarios", "all of it", "all of it, in place"],
)
def test_the_migration_feature_runs_unchanged(
    chosen: str, declared: dict[str, Any], tmp_path: Path, forker: Forker, place: StandIn
) -> None:
    before = place.everything()
    found = staged(tmp_path, forker, place, **declared)
    found.drilled.edit("plan.toml", ('"features/mini.feature"', '"migration"'))
    assert found.rollproof("drill", "approve", "plan.toml", "--by", "ann").code == 0
    ended = found.rollproof("drill", "run", "plan.toml", "--", "-k", chosen, "--tb=short")
    assert ended.code == 0, ended.said
    proven = re.search(r"(\d+) proven", ended.said)
    assert proven is not None
    assert int(proven[1]) >= (2 if chosen else 15), ended.said
    assert place.everything() == before


EDITS = {
    "the plan": ("plan.toml", 'name = "staging"', 'name = "staging"\nstrict = true'),
    "the allow-list": ("system.toml", 'name = "shop_staging"', 'name = "shop_staging"\nport = 1'),
    "a feature": ("features/mini.feature", "The smallest drill", "Another drill"),
    "who approved what": ("plan.toml", 'digest = "', f'digest = "{"0" * 64}"\n#'),
}


@pytest.mark.parametrize(
    "edited", [pytest.param(name, marks=() if n < 2 else pytest.mark.slow) for n, name in enumerate(EDITS)]
)
def test_what_was_edited_after_approval_is_not_run(edited: str, mini: Staged, place: StandIn) -> None:
    file, old, new = EDITS[edited]
    mini.drilled.edit(file, (old, new))
    refused(mini, place, "ann approved was another")
    assert not mini.drilled.runs()


def refused(found: Staged, place: StandIn, says: str, *arguments: str) -> None:
    before = place.next_transaction()
    ended = found.drill(*arguments)
    assert ended.code != 0
    assert says in ended.said, ended.said
    assert place.next_transaction() == before


def test_what_nobody_approved_is_not_run(mini: Staged, place: StandIn) -> None:
    (mini.drilled.home / "plan.toml").write_text(PLAN)
    refused(mini, place, "nobody has said that staging may be drilled")


def test_what_is_not_in_the_approved_plan_is_not_run(mini: Staged, place: StandIn) -> None:
    mini.drilled.write("features/more.feature", "Feature: More\n  Scenario: More\n    Given a world\n")
    refused(mini, place, "more.feature is not in the plan", "features/more.feature")


@pytest.mark.slow
def test_an_approval_of_ones_own_does_not_count(mini: Staged, place: StandIn) -> None:
    approved = mini.rollproof("drill", "approve", "plan.toml", "--by", operator())
    assert approved.code == 0, approved.said
    refused(mini, place, "somebody else must")


def test_an_approval_ends(mini: Staged, place: StandIn) -> None:
    text = (mini.drilled.home / "plan.toml").read_text().splitlines()
    lines = ['until = "2020-01-01T00:00:00+00:00"' if line.startswith("until") else line for line in text]
    (mini.drilled.home / "plan.toml").write_text("\n".join(lines) + "\n")
    refused(mini, place, "ended to hold")


def test_an_environment_that_is_not_declared_is_named_with_those_that_are(mini: Staged) -> None:
    ended = mini.drilled.drill("features/mini.feature", "--environment=stagin", **mini.environ)
    assert ended.code != 0
    assert "no system declares [environments.stagin]" in ended.said
    assert "did you mean 'staging'" in ended.said


def test_a_preview_shows_what_would_be_touched_and_touches_nothing(mini: Staged, place: StandIn) -> None:
    before = place.next_transaction()
    ended = mini.rollproof("drill", "run", "plan.toml", "--plan")
    assert ended.code == 0, ended.said
    assert f"{DATABASE} on 127.0.0.1 ({place.identifier}): read and cloned, never written to" in ended.said
    assert "rollproof_<run>_" in ended.said
    assert "1 scenarios selected; none was run" in ended.said
    assert place.next_transaction() == before
    assert not mini.drilled.runs()


@pytest.mark.parametrize(
    ("answer", "code"), [pytest.param("staging\n", 0, marks=pytest.mark.slow), ("yes\n", 3)]
)
def test_a_person_at_the_terminal_is_asked(answer: str, code: int, mini: Staged, place: StandIn) -> None:
    """Shown what would be touched; only the environment's name lets it through."""
    master, slave = pty.openpty()
    drill = subprocess.Popen(
        [sys.executable, "-m", "pytest", "features/mini.feature", "--environment=staging"],
        cwd=mini.drilled.home,
        env={**inherited(), **mini.environ},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    said, answered = b"", False
    while True:
        ready, _, _ = select.select([master], [], [], 120)
        try:
            body = os.read(master, 65536) if ready else b""
        except OSError:
            body = b""
        if not body:
            break
        said += body
        if b"Type its name" in said and not answered:
            os.write(master, answer.encode())
            answered = True
    os.close(master)
    assert drill.wait(timeout=60) == code, said.decode(errors="replace")
    assert answered
    assert f"{DATABASE} on 127.0.0.1".encode() in said


def kill(found: Staged, at: int, whom: str) -> None:
    ended = found.drill(*KILLER, KILL_AT=str(at), KILL_WHOM=whom)
    assert ended.code == -signal.SIGKILL, ended.said
    family_is_gone(json.loads((found.drilled.home / "family.json").read_text()))


def test_what_a_kill_left_is_healed_by_a_new_process_and_not_without_the_way_there(
    mini: Staged, place: StandIn
) -> None:
    before = place.everything()
    kill(mini, 24, "process")
    assert place.everything() != before
    blind = mini.drilled.rollproof("heal")
    assert blind.code != 0
    assert "STANDIN_DSN, STANDIN_APP are not set" in blind.said, blind.said
    elsewhere = mini.rollproof("heal", PGSERVICE="live")
    assert elsewhere.code != 0
    assert "PGSERVICE" in elsewhere.said
    healed = mini.rollproof("heal")
    assert healed.code == 0, healed.said
    assert place.everything() == before


def restored(home: Path, forker: Forker, place: StandIn) -> Staged:
    """Copies come from a backup of the database, taken a moment ago."""
    home.mkdir(exist_ok=True)
    subprocess.run(
        [place.server.program("pg_dump"), "--format=custom", f"--file={home / 'shop.dump'}"],
        env={**inherited(), **place.server.program_environment(DATABASE)},
        check=True,
        timeout=60,
    )
    return staged(home, forker, place, database={"clone": "backup", "backup": "*.dump", "backup_age": "1h"})


def test_a_drill_on_a_backup_says_which_it_was_and_leaves_nothing(
    tmp_path: Path, forker: Forker, place: StandIn
) -> None:
    found, before = restored(tmp_path, forker, place), place.everything()
    ended = found.drill()
    assert ended.code == 0, ended.said
    assert "1 proven" in ended.said
    assert "template.load ok" in events_of(found)
    assert "on a copy restored from backup" in ended.said
    assert "shop.dump" in ended.said
    [report] = tmp_path.glob("reports/2*/report.html")
    assert "shop.dump (custom, " in report.read_text()
    assert place.everything() == before


DRILLS: dict[str, Callable[..., Staged]] = {
    "a clone": staged,
    "a backup": restored,
    "in place": partial(staged, touch="in-place", database=ALLOWED),
    "stacks": stacks,
}
GROUPS = 34
"""More groups of three events than any of the drills has."""


@pytest.mark.slow
@pytest.mark.parametrize("drill", DRILLS)
@pytest.mark.parametrize("group", range(GROUPS))
def test_a_drill_killed_at_any_event_leaves_the_place_as_it_was_once_it_is_healed(
    group: int, drill: str, tmp_path: Path, forker: Forker, place: StandIn
) -> None:
    found = DRILLS[drill](tmp_path, forker, place)
    before = place.everything()
    for number in range(3 * group + 1, 3 * group + 4):
        ended = found.drill(*KILLER, KILL_AT=str(number), KILL_WHOM=("process", "group")[number % 2])
        if ended.code != -signal.SIGKILL:
            assert number > 40, "the drill had fewer events than any before"
            break
        family_is_gone(json.loads((found.drilled.home / "family.json").read_text()))
        healed = found.rollproof("heal")
        assert healed.code == 0, healed.said
        assert place.everything() == before, f"killed at event {number}"


def test_stacks_that_a_drill_made_are_gone_with_their_bucket(
    tmp_path: Path, forker: Forker, place: StandIn
) -> None:
    found, before = stacks(tmp_path, forker, place), place.everything()
    ended = found.drill()
    assert ended.code == 0, ended.said
    assert "bucket.make ok" in events_of(found)
    assert place.everything() == before


@pytest.mark.slow
@pytest.mark.parametrize("drill", DRILLS)
def test_all_events_have_their_turn(drill: str, tmp_path: Path, forker: Forker, place: StandIn) -> None:
    found = DRILLS[drill](tmp_path, forker, place)
    assert found.drill().code == 0
    assert 40 < len(found.drilled.journal().events) <= 3 * GROUPS
