"""Drills that are split over workers, and ended before their time: each of them puts back what it did."""

from __future__ import annotations

import operator
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standin import StandIn
from test_aborting import FEATURE, HOLDING, alarm  # noqa: F401  a fixture among them
from test_drills_on_staging import Staged, forker, staged  # noqa: F401  a fixture among them

from rollproof.drill.healing import outstanding
from rollproof.drill.recovery import ends
from rollproof.journal import read_journal
from rollproof.waiting import eventually

PARTS = 2
SECOND = FEATURE[FEATURE.index("  Scenario") :].replace("It does not", "Nor does it")
NAMED = operator.attrgetter("name")
HELD_UP = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'held up' AND state = 'active'"
pytestmark = pytest.mark.slow  # each is several processes


@pytest.fixture
def split(tmp_path: Path, forker: Any, place: StandIn) -> Callable[..., Staged]:  # noqa: F811
    """A system with two scenarios that a server holds up for a minute, one for each worker."""

    def make(**declared: Any) -> Staged:
        found = staged(tmp_path, forker, place, **declared)
        found.drilled.write("features/mini.feature", FEATURE + SECOND)
        found.drilled.write("waiting_steps.py", HOLDING)
        found.drilled.edit(
            "pyproject.toml", ("[tool.rollproof]", '[tool.rollproof]\nsteps = ["waiting_steps.py"]')
        )
        found.drilled.write("plan.toml", (tmp_path / "plan.toml").read_text() + "\n[fleet]\nworkers = 2\n")
        approved = found.rollproof("drill", "approve", "plan.toml", "--by", "ann")
        assert approved.code == 0, approved.said
        return found

    return make


def begin(found: Staged, place: StandIn, *arguments: str) -> Any:
    """Starts the plan and waits until the server holds up both of its workers."""
    drill = found.drilled.start(
        "drill", "run", "plan.toml", "--", *arguments, program="rollproof", **found.environ
    )

    def are_held_up() -> bool:
        with place.connect() as conn:
            return conn.execute(HELD_UP).fetchone() == (PARTS,)

    eventually(are_held_up, within=90, what=f"both workers wait for the server; it said {drill.said}")
    return drill


def aborted(found: Staged, drill: Any, says: str) -> None:
    """Every part was healed and says why it is unknown; nothing is left to heal, and nobody holds a lock."""
    ended = drill.ended()
    assert ended.code not in (0, None), ended.said
    assert "Traceback" not in ended.said, ended.said
    [run] = found.drilled.runs()
    parts = sorted(run.glob("parts/*/journal.ndjson"))
    assert len(parts) == PARTS
    for part in parts:
        history = read_journal(part)
        assert ends(history.events[-1])
        assert outstanding(history.events) == []
        assert says in str(history.last("run.aborted").data["reason"]), ended.said
        [concluded] = history.all("scenario.concluded")
        assert (concluded.data["outcome"], says in str(concluded.data["reason"])) == ("unknown", True)
    merged = read_journal(run / "journal.ndjson")
    assert [event.data["outcome"] for event in merged.all("run.finished")] == ["unknown"] * PARTS
    assert (run / "report.html").exists()
    assert found.rollproof("heal").said == "nothing to heal\n"
    shown = found.rollproof("lock", "show", "system.toml")
    assert shown.code == 0, shown.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=NAMED)
def test_a_signal_to_all_of_it_ends_every_part(
    number: signal.Signals, split: Callable[..., Staged], place: StandIn
) -> None:
    found, before = split(), place.everything()
    drill = begin(found, place)
    drill.signal(number)
    aborted(found, drill, f"aborted because the process got {number.name}")
    assert place.everything() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=NAMED)
def test_a_signal_to_the_first_process_alone_ends_every_part(
    number: signal.Signals, split: Callable[..., Staged], place: StandIn
) -> None:
    """As a scheduler sends it, to the one process that it knows."""
    found, before = split(), place.everything()
    drill = begin(found, place)
    os.kill(drill.pid, number)
    aborted(found, drill, "aborted because ")
    assert place.everything() == before


def test_a_stop_file_ends_every_part(split: Callable[..., Staged], place: StandIn) -> None:
    found, before = split(), place.everything()
    drill = begin(found, place, "--rollproof-stop-file=stop")
    found.drilled.write("stop", "")
    aborted(found, drill, "the stop file stop is there")
    assert place.everything() == before


def test_an_alarm_ends_every_part(
    split: Callable[..., Staged],
    place: StandIn,
    alarm: Callable[[str], None],  # noqa: F811
) -> None:
    found = split(abort={"alarms": ["errors-{env}"], "every": "1s"})
    before = place.everything()
    drill = begin(found, place)
    alarm("ALARM")
    aborted(found, drill, "alarm errors-staging is in ALARM")
    alarm("OK")
    after = place.everything()
    after["aws"]["cloudwatch.describe_alarms"] = before["aws"]["cloudwatch.describe_alarms"]
    assert after == before
