"""Due times: each becomes one run or is recorded as missed, also when whoever serves them was killed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from fleet_support import run_of
from plan_support import plan_of, write_plan

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.evidence.register import INDEX, Entered, read_index
from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan
from rollproof.model.verdict import Outcome
from rollproof.plans.due import Dues, State
from rollproof.plans.files import read_plans
from rollproof.plans.listing import overdue_lines, plan_table, standing
from rollproof.plans.missed import missed_of, record_missed
from rollproof.plans.past import past_runs
from rollproof.plans.retention import over, remove
from rollproof.plans.running import UNTOLD, Start, run_plan
from rollproof.plans.serve import _Server

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NIGHTLY = '[schedule]\ncron = "0 3 * * *"\nstart_within = "2h"\n'


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return plan_of(tmp_path, NIGHTLY)


def pending(plan: Plan, reports: Path, now: datetime) -> tuple[datetime | None, list[tuple[int, str]]]:
    """What shall be run now, and what was found to be missed."""
    told: list[tuple[int, str]] = []
    due = Dues(plan, reports).next(now, missed=lambda _, due, reason: told.append((due.day, reason)))
    return due, told


def ran(
    reports: Path, due: datetime, *, outcome: str = "proven", name: str = "weekly", digest: str = "d"
) -> Path:
    said = {"name": name, "digest": digest, "due": due.isoformat()}
    return run_of(reports, f"{due:%Y%m%dT%H%M%SZ}-000000", ["shop"], outcome=outcome, plan=said)


def test_what_fell_due_before_the_first_serving_is_nobodys_duty(plan: Plan, tmp_path: Path) -> None:
    State.of(tmp_path, plan.name).begin(NOON)
    assert pending(plan, tmp_path, NOON) == (None, [])


def test_of_several_due_times_the_newest_is_run_and_the_others_were_missed(
    plan: Plan, tmp_path: Path
) -> None:
    State.of(tmp_path, plan.name).write(NOON - timedelta(days=2))
    now = NOON.replace(hour=4)
    due, told = pending(plan, tmp_path, now)
    assert due == now.replace(hour=3)
    assert told == [(22, "nothing was serving it until too late")]
    assert [entry.kind for entry in read_index(tmp_path / INDEX)] == [Entered.MISSED]


def test_too_late_is_missed_and_told_once(plan: Plan, tmp_path: Path) -> None:
    State.of(tmp_path, plan.name).write(NOON - timedelta(days=1))
    assert pending(plan, tmp_path, NOON) == (None, [(23, "nothing was serving it until too late")])
    State.of(tmp_path, plan.name).write(NOON - timedelta(days=1))  # killed before it was written down
    assert pending(plan, tmp_path, NOON) == (None, [])
    assert len(missed_of(tmp_path, plan.name)) == 1


def test_a_kill_between_start_and_end_makes_no_second_run(plan: Plan, tmp_path: Path) -> None:
    State.of(tmp_path, plan.name).write(NOON - timedelta(days=1))
    now = NOON.replace(hour=4)
    due, _ = pending(plan, tmp_path, now)
    assert due is not None
    assert pending(plan, tmp_path, now)[0] == due, "killed before the drill began: it is not lost"
    ran(tmp_path, due)
    assert pending(plan, tmp_path, now) == (None, []), "killed while it ran: it is not run again"
    assert State.of(tmp_path, plan.name).read() == due


def test_a_drill_that_never_began_was_missed(plan: Plan, tmp_path: Path) -> None:
    due, told = NOON.replace(hour=3), list[str]()
    Dues(plan, tmp_path).done(due, 3, missed=lambda plan, due, reason: told.append(reason))
    assert told == ["it could not begin, and ended with exit code 3"]
    ran(tmp_path, due + timedelta(days=1))
    Dues(plan, tmp_path).done(
        due + timedelta(days=1), 1, missed=lambda plan, due, reason: told.append(reason)
    )
    assert len(told) == 1


def test_a_scheduled_start_finds_out_itself_that_it_was_run_already(plan: Plan, tmp_path: Path) -> None:
    due, said = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5), list[str]()
    started: list[list[str]] = []

    def engine(arguments: list[str]) -> tuple[int, Path | None]:
        started.append(arguments)
        return 0, ran(tmp_path, due)

    for _ in range(2):
        assert run_plan(plan, Start(reports=tmp_path, due=due, engine=engine), said.append) == 0
    assert len(started) == 1
    assert f"--rollproof-due={due.isoformat()}" in started[0]
    assert said[0].endswith("UTC has been run already")


def test_a_scheduled_start_that_may_not_is_missed_and_a_persons_is_only_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of(tmp_path, '[[frozen]]\nfirst = "2000-01-01"\nlast = "2999-12-31"\n')
    due = datetime.now(UTC)
    with pytest.raises(BadInput, match="nothing may be drilled"):
        run_plan(plan, Start(reports=tmp_path), print)
    assert missed_of(tmp_path, plan.name) == []
    with pytest.raises(BadInput, match="nothing may be drilled"):
        run_plan(plan, Start(reports=tmp_path, due=due), print)
    assert [one.due for one in missed_of(tmp_path, plan.name)] == [due]
    late = plan_of(tmp_path)
    with pytest.raises(EnvironmentUnavailable, match="later than start_within allows"):
        run_plan(late, Start(reports=tmp_path, due=due - timedelta(hours=3)), print)
    assert len(missed_of(tmp_path, plan.name)) == 2


def test_a_proven_drill_of_which_someone_was_not_told_ends_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of(tmp_path, '[[notify]]\nwho = "us"\non = ["proven"]\nchannel = "slack"\nurl_env = "HOOK"\n')
    said: list[str] = []
    start = Start(
        reports=tmp_path, environ={"HOOK": "http://127.0.0.1:9"}, engine=lambda _: (0, ran(tmp_path, NOON))
    )
    assert run_plan(plan, start, said.append) == UNTOLD
    assert said == ["us was not told by slack: the webhook cannot be reached (ConnectError)"]


def test_a_list_says_what_was_proven_what_comes_and_what_is_overdue(plan: Plan, tmp_path: Path) -> None:
    ran(tmp_path, NOON - timedelta(days=3))
    ran(tmp_path, NOON - timedelta(days=2), outcome="refuted")
    ran(tmp_path, NOON - timedelta(days=1), name="another")
    (tmp_path / "latest").symlink_to(past_runs(tmp_path)[0].folder.name)
    one = standing(plan, tmp_path, NOON)
    assert one.last is not None
    assert one.last.due == NOON - timedelta(days=2)
    assert one.outcome is Outcome.REFUTED
    assert one.proven == past_runs(tmp_path, "weekly")[1].started
    assert one.upcoming == NOON.replace(day=24, hour=3)
    assert plan_table([one]).row_count == 1


def test_overdue_is_by_the_schedule_and_says_why(plan: Plan, tmp_path: Path) -> None:
    assert standing(plan, tmp_path, NOON).overdue == "fell due 2026-11-23 03:00 UTC, and did not run"
    record_missed(tmp_path, plan, NOON.replace(hour=3), "the machine was off")
    [line] = overdue_lines([standing(plan, tmp_path, NOON)])
    assert line == (
        "overdue: weekly: fell due 2026-11-23 03:00 UTC, and did not run: the machine was off; "
        "next 2026-11-24 03:00 UTC"
    )


def test_a_plan_by_hand_is_overdue_when_its_proof_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of(tmp_path, '[objectives]\nproven_within = "30d"\n')
    assert standing(plan, tmp_path, datetime.now(UTC)).overdue == "not proven within 720 h"
    ran(tmp_path, NOON)
    assert standing(plan, tmp_path, datetime.now(UTC)).overdue == ""


def test_only_what_is_over_is_removed_and_the_index_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of(tmp_path, '[retention]\nkeep = "30d"\nat_least = 1\n')
    proven, old, newest = (
        ran(tmp_path, NOON + timedelta(days=day), outcome=outcome)
        for day, outcome in enumerate(("proven", "refuted", "refuted"))
    )
    later = datetime.now(UTC) + timedelta(days=31)
    assert over(plan, tmp_path, datetime.now(UTC)) == []
    runs = over(plan, tmp_path, later)
    assert [run.folder for run in runs] == [old], "neither the newest nor the newest proof"
    remove(runs, tmp_path, plan)
    assert (proven.exists(), old.exists(), newest.exists()) == (True, False, True)
    assert [(entry.kind, entry.run) for entry in read_index(tmp_path / INDEX)] == [
        (Entered.EXPIRED, old.name)
    ]


def test_the_plans_of_a_project_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="there is no plan"):
        read_plans([])
    write_plan(tmp_path, name="a.toml")
    write_plan(tmp_path, name="b.toml")
    with pytest.raises(BadInput, match=r"a\.toml is called 'weekly' as well"):
        read_plans([Path("a.toml"), Path("b.toml")])
    assert read_plans([Path("a.toml")]) == [read_plan(Path("a.toml"))]


def test_a_clock_that_was_a_year_ahead_for_a_while_stops_nothing_for_a_year(
    plan: Plan, tmp_path: Path
) -> None:
    now, due = NOON.replace(hour=4), NOON.replace(hour=3)
    State.of(tmp_path, plan.name).write(now + timedelta(days=365))
    record_missed(tmp_path, plan, due, "nothing was serving it until too late")
    assert pending(plan, tmp_path, now) == (due, [])
    ran(tmp_path, due)
    assert pending(plan, tmp_path, now) == (None, [])
    assert State.of(tmp_path, plan.name).read() == now
    later = now + timedelta(days=1)
    assert pending(plan, tmp_path, later)[0] == due + timedelta(days=1)


def test_a_clock_that_is_set_back_a_little_repeats_nothing(plan: Plan, tmp_path: Path) -> None:
    due = NOON.replace(hour=3)
    ran(tmp_path, due)
    State.of(tmp_path, plan.name).write(due)
    assert pending(plan, tmp_path, due - timedelta(minutes=2)) == (None, [])
    assert pending(plan, tmp_path, due + timedelta(minutes=2)) == (None, [])


@pytest.fixture
def scheduler() -> Iterator[BackgroundScheduler]:
    found = BackgroundScheduler(timezone=UTC)
    found.start(paused=True)
    yield found
    found.shutdown()


def test_an_edited_schedule_holds_from_now_on(
    plan: Plan, tmp_path: Path, scheduler: BackgroundScheduler
) -> None:
    """Not from the next time on at which the old one would have fallen due, and for no time before."""
    said: list[str] = []
    server = _Server(tmp_path, said.append)
    server.begin(plan, NOON)
    server.read_again(scheduler)
    assert scheduler.get_jobs() == []
    plan_of(tmp_path, NIGHTLY.replace("0 3", "0 11"))
    server.read_again(scheduler)
    [job] = scheduler.get_jobs()
    assert job.next_run_time.hour == 11
    assert "its schedule is 0 11 * * * now" in said[-1]
    assert pending(read_plan(plan.source), tmp_path, datetime.now(UTC)) == (None, [])
    server.read_again(scheduler)
    assert len(said) == 1


def test_a_plan_that_is_broken_or_gone_meanwhile_is_told_once_and_the_others_are_served_on(
    plan: Plan, tmp_path: Path, scheduler: BackgroundScheduler
) -> None:
    said: list[str] = []
    server = _Server(tmp_path, said.append)
    server.begin(plan, NOON)
    plan.source.write_text("[plan\n")
    for _ in range(2):
        server.read_again(scheduler)
    assert len(said) == 1
    assert "something is in the way" in said[0]
    plan.source.unlink()
    server.read_again(scheduler)
    assert len(said) == 2


def test_a_record_that_cannot_be_read_is_told_and_not_swallowed(plan: Plan, tmp_path: Path) -> None:
    """The scheduler's own log is silent."""
    said: list[str] = []
    State.of(tmp_path, plan.name).write(datetime.now(UTC) - timedelta(days=1))
    (tmp_path / INDEX).write_text("{}\n")
    _Server(tmp_path, said.append).attend(plan)
    assert any("something is in the way" in line for line in said), said
