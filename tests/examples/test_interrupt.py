"""Ctrl-C at any moment heals, ends with pytest's exit code for it, and leaves nothing."""

from __future__ import annotations

import signal

import pytest
from drilling import JOURNAL, Drilled, Program, nothing_is_left

from rollproof.journal import History, read_journal
from rollproof.waiting import eventually

KILLER = ("-p", "tests.examples.killer")
INTERRUPTED = 2


def until_recorded(drilled: Drilled, kind: str, act: str) -> None:
    """Waits until the journal of the only run has such an event."""

    def recorded() -> bool:
        return any(
            event.kind == kind and event.act == act
            for run in drilled.runs()
            if (run / JOURNAL).exists()
            for event in read_journal(run / JOURNAL).events
        )

    eventually(recorded, within=60, what=f"the drill records {kind} of {act}")


def healed_and_unknown(drilled: Drilled, program: Program) -> History:
    """The end that an interrupted drill must come to."""
    ended = program.ended()
    assert ended.code == INTERRUPTED, ended.said
    assert "Traceback" not in ended.said
    assert "─ ? unknown ─" in ended.said
    [run] = drilled.runs()
    nothing_is_left(run / JOURNAL, within=0.001)
    assert drilled.rollproof("heal").said == "nothing to heal\n"
    assert (run / "report.html").exists()
    journal = read_journal(run / JOURNAL)
    assert journal.events[-1].act == "run.finished"
    assert journal.events[-1].data["outcome"] == "unknown"
    return journal


@pytest.mark.parametrize(
    "moment",
    [
        "note:run.started",
        "begin:postgres.start",
        "started:initdb",
        "started:postgres",
        "begin:template.build",
        "ok:database.stage",
        "ok:clients.start",
        "begin:backup.take",
        "begin:backup.verify",
        "ok:migration.roll_back",
        "ok:verify",
    ],
)
def test_ctrl_c_heals_whatever_is_under_way(moment: str, mini: Drilled) -> None:
    drill = mini.start_drill("-q", *KILLER, KILL_AT=moment, KILL_BY="SIGINT", KILL_WHOM="group")
    healed_and_unknown(mini, drill)


def test_ctrl_c_ends_a_script_that_is_running(mini: Drilled) -> None:
    mini.write("migrations/004_rollback_003.sql", "DROP TABLE shop.notes;\nSELECT pg_sleep(1000);\n")
    drill = mini.start_drill("-q")
    until_recorded(mini, "begin", "migration.roll_back")
    drill.signal(signal.SIGINT)
    journal = healed_and_unknown(mini, drill)
    ended = journal.all("migration.roll_back")[1:]
    assert [(event.kind, event.data["found"]) for event in ended] in (
        [("unknown", "interrupted by KeyboardInterrupt")],
        [],  # the signal came before the act had begun: what has no end is unknown, too
    )


def test_ctrl_c_ends_a_command_of_the_system_that_is_running(mini: Drilled) -> None:
    mini.edit("system.toml", ('sql = "seed.sql"', "command = ['bash', '-c', 'sleep 1000 & wait']"))
    drill = mini.start_drill("-q", *KILLER, KILL_AT="started:the seed's command", KILL_BY="SIGINT")
    healed_and_unknown(mini, drill)


def test_ctrl_c_ends_traffic_under_way(mini: Drilled) -> None:
    mini.edit("migrations/003_add_notes.sql", ("COMMIT;", "COMMIT;\nSELECT pg_sleep(1000);"))
    drill = mini.start_drill("-q")
    until_recorded(mini, "begin", "migration.apply")
    drill.signal(signal.SIGINT)
    journal = healed_and_unknown(mini, drill)
    [finished] = journal.all("traffic.finished")
    assert finished.data["acknowledged"]


def test_an_interrupted_scenario_is_unknown_in_the_report(mini: Drilled) -> None:
    drill = mini.start_drill(*KILLER, KILL_AT="ok:migration.roll_back", KILL_BY="SIGINT")
    journal = healed_and_unknown(mini, drill)
    [concluded] = journal.all("scenario.concluded")
    assert concluded.data == {"outcome": "unknown", "reason": "the scenario was ended by KeyboardInterrupt"}


@pytest.mark.parametrize(
    "again", ["begin:heal", "ok:heal", "begin:postgres.stop", "begin:environment.close", "note:run.finished"]
)
def test_a_second_ctrl_c_while_it_heals_leaves_a_journal_that_can_be_healed(
    again: str, mini: Drilled
) -> None:
    ended = mini.drill("-q", *KILLER, KILL_AT=f"ok:migration.apply,{again}", KILL_BY="SIGINT")
    assert ended.code == INTERRUPTED, ended.said
    assert "Traceback" not in ended.said
    [run] = mini.runs()
    nothing_is_left(run / JOURNAL)
    next_one = mini.drill("-q")
    assert next_one.code == 0, next_one.said
    assert read_journal(run / JOURNAL).events[-1].act == "run.finished"
    assert mini.rollproof("heal").said == "nothing to heal\n"


def test_ctrl_c_heals_in_every_worker(mini: Drilled) -> None:
    feature = (mini.root / "features/mini.feature").read_text()
    scenario = feature[feature.index("  Scenario:") :]
    mini.write("features/mini.feature", feature + scenario.replace("The newest", "Again the newest"))
    drill = mini.start_drill("-q", "-n2")

    def both_at_work() -> bool:
        parts = [part for run in mini.runs() for part in run.glob(f"parts/*/{JOURNAL}")]
        return len([part for part in parts if read_journal(part).all("migration.apply")]) == 2

    eventually(both_at_work, within=60, what="both workers deploy")
    drill.signal(signal.SIGINT)
    ended = drill.ended()
    assert ended.code == INTERRUPTED, ended.said
    [run] = mini.runs()
    for part in run.glob(f"parts/*/{JOURNAL}"):
        nothing_is_left(part, within=0.001)
    assert [event.data["outcome"] for event in mini.journal().all("run.finished")] == ["unknown", "unknown"]
    assert mini.rollproof("heal").said == "nothing to heal\n"
