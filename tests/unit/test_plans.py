"""Plans: what may stand in one, when it falls due, and when it may not start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from plan_support import SOUND, plan_of, write_plan

from rollproof.errors import BadInput, SystemFileError
from rollproof.model.calendar import due_after, due_before, due_between, refusal
from rollproof.model.cron import Cron
from rollproof.model.planfile import read_plan
from rollproof.plans.running import Start, arguments, expect_allowed

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


BAD = {
    "unknown zone": (
        SOUND + 'timezone = "America/Sao_Paolo"\n',
        "weekly.toml:5: plan.timezone: found 'America/Sao_Paolo', expected a time zone of the IANA database, "
        "such as America/Sao_Paulo; did you mean 'America/Sao_Paulo'?",
    ),
    "zone that is a path": (SOUND + 'timezone = "../UTC"\n', "plan.timezone: found '../UTC'"),
    "bad cron": (SOUND + '[schedule]\ncron = "61 * * * *"\n', "schedule.cron: the minute of '61 * * * *'"),
    "cron with six fields": (SOUND + '[schedule]\ncron = "0 0 3 * * *"\n', "expected five fields"),
    "cron for one scheduler": (SOUND + '[schedule]\ncron = "0 3 L * *"\n', "found 'L'"),
    "cron that never comes": (SOUND + '[schedule]\ncron = "0 3 30 2 *"\n', "wrong or never comes"),
    "cron that is ambiguous": (SOUND + '[schedule]\ncron = "0 3 1 * 1"\n', "leave one of them *"),
    "window that never opens": (
        SOUND + '[[window]]\nopens = "03:00"\ncloses = "03:00"\n',
        "weekly.toml:6: window[0].opens: opens at 03:00 and closes at 03:00, so it never opens",
    ),
    "window without days": (
        SOUND + '[[window]]\ndays = []\nopens = "03:00"\ncloses = "04:00"\n',
        "window[0].days",
    ),
    "schedule outside its window": (
        SOUND + '[schedule]\ncron = "0 3 * * *"\n[[window]]\nopens = "09:00"\ncloses = "17:00"\n',
        "schedule.cron: '0 3 * * *' never falls due while a drill may start",
    ),
    "time that is none": (
        SOUND + '[[window]]\nopens = "25:00"\ncloses = "04:00"\n',
        "window[0].opens: found '25:00'",
    ),
    "day that is none": (
        SOUND + '[[frozen]]\nfirst = "2026-02-30"\nlast = "2026-03-01"\n',
        "there is no day '2026-02-30'",
    ),
    "freeze that ends first": (
        SOUND + '[[frozen]]\nfirst = "2026-12-20"\nlast = "2026-12-01"\n',
        "frozen[0].last: the last day, 2026-12-01, is before the first",
    ),
    "missing system": (
        SOUND.replace("system.toml", "nowhere.toml"),
        "plan.systems: there is no file or folder 'nowhere.toml' in the current folder",
    ),
    "pattern without a match": (
        SOUND.replace("system.toml", "fleet/*/system.toml"),
        "plan.systems: no file matches 'fleet/*/system.toml'",
    ),
    "channel without its address": (
        SOUND + '[[notify]]\nwho = "us"\nchannel = "slack"\n',
        "notify[0].url_env: missing; the channel 'slack' needs it",
    ),
    "key of another channel": (
        SOUND + '[[notify]]\nwho = "us"\nchannel = "slack"\nurl_env = "HOOK"\ntopic = "x"\n',
        "notify[0].topic: does not fit the channel 'slack', which knows url_env",
    ),
    "address in place of a variable": (
        SOUND + '[[notify]]\nwho = "us"\nchannel = "slack"\nurl_env = "https://hooks.example/x"\n',
        "notify[0].url_env: found",
    ),
    "password in the clear": (
        SOUND + '[[notify]]\nwho = "us"\nchannel = "email"\nserver = "mx:25"\nsender = "a@b"\nto = ["c@d"]\n'
        'tls = "none"\nuser_env = "U"\npassword_env = "P"\n',
        "notify[0].tls: a password would be sent in the clear",
    ),
    "name that ends in a hyphen": (SOUND.replace("weekly", "weekly-"), "expected no - at the end"),
    "zone of one machine alone": (SOUND + 'timezone = "localtime"\n', "plan.timezone: found 'localtime'"),
    "nothing in the place of a system": (
        SOUND.replace("system.toml", " "),
        "weekly.toml:3: plan.systems[0]: it is empty",
    ),
    "nothing in the place of a feature": (
        SOUND.replace('"features"', '""'),
        "weekly.toml:4: plan.features[0]: it is empty",
    ),
    "tags that are no expression": (
        SOUND + 'tags = "slow and ("\n',
        "weekly.toml:5: plan.tags: 'slow and (' is no marker expression",
    ),
    "no time to start in": (
        SOUND + '[schedule]\nstart_within = "0s"\n',
        "schedule.start_within: nothing starts in no time",
    ),
    "alarms without a pause": (
        SOUND + '[abort]\nalarms = ["errors"]\nevery = "0s"\n',
        "abort.every: alarms cannot be looked at all the time",
    ),
    "header that goes on": (
        SOUND + '[[notify]]\nwho = "us"\nchannel = "ses"\nsender = "a@b\\nBcc: c@d"\nto = ["e@f"]\n',
        "notify[0].sender: found 'a@b\\nBcc: c@d', expected one line",
    ),
    "port that is none": (
        SOUND
        + '[[notify]]\nwho = "us"\nchannel = "email"\nserver = "mx:70000"\nsender = "a@b"\nto = ["c@d"]\n',
        "notify[0].server: found 'mx:70000'",
    ),
    "endpoint that is a file": (
        SOUND + '[[notify]]\nwho = "us"\nchannel = "sns"\ntopic = "t"\nendpoint = "file:///x"\n',
        "notify[0].endpoint: found 'file:///x'",
    ),
    "secret": (
        SOUND + 'description = "postgresql://u:pass@h/d"\n',
        "this looks like a connection address with a password",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_each_mistake_has_one_clear_error(tmp_path: Path, name: str) -> None:
    body, said = BAD[name]
    with pytest.raises(SystemFileError) as error:
        read_plan(write_plan(tmp_path, body=body))
    assert said in str(error.value)
    assert str(error.value).count("\n") == 0, "one mistake, one line"


def test_systems_are_named_by_pattern_and_each_counts_once(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / "fleet" / name).mkdir(parents=True)
        (tmp_path / "fleet" / name / "system.toml").touch()
    body = SOUND.replace('"system.toml"', '"fleet/b/system.toml", "fleet/*/system.toml"')
    plan = read_plan(write_plan(tmp_path, body=body))
    assert plan.system_files == ("fleet/b/system.toml", "fleet/a/system.toml")


def test_what_starts_it_reaches_pytest(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, '[fleet]\nworkers = 3\ntenants = ["acme", "zeta"]\n')
    due = datetime(2026, 11, 23, 3, tzinfo=UTC)
    said = arguments(plan, Start(reports=tmp_path, due=due, override=" year end moved "))
    assert said[:4] == [
        "features",
        "--system=system.toml",
        "--rollproof-tenant=acme",
        "--rollproof-tenant=zeta",
    ]
    assert said[-4:] == [
        "-n",
        "3",
        "--rollproof-due=2026-11-23T03:00:00+00:00",
        "--rollproof-override=year end moved",
    ]
    assert f"--rollproof-plan={tmp_path / 'weekly.toml'}" in said


def test_days_of_the_week_are_those_of_crontab() -> None:
    """APScheduler's own cron would take 0 for Monday."""
    zone = ZoneInfo("UTC")
    assert next(Cron("0 3 * * 0").after(MONDAY, zone)).strftime("%a") == "Sun"
    assert Cron("0 3 * * 7").weekdays == Cron("0 3 * * sun").weekdays == {0}


def test_a_time_that_the_clocks_leave_out_comes_right_after_and_one_that_comes_twice_once(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, '[schedule]\ncron = "30 2 * * *"\n', timezone="Europe/Berlin")
    spring = due_between(plan, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC))
    autumn = due_between(plan, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert [f"{due:%H:%M}" for due in spring] == ["01:00"]
    assert len(autumn) == 1


def test_what_falls_due_on_a_frozen_day_does_not_fall_due(tmp_path: Path) -> None:
    more = '[schedule]\ncron = "0 3 * * *"\n[[frozen]]\nfirst = "2026-11-24"\nlast = "2026-11-26"\n'
    plan = plan_of(tmp_path, more)
    assert [due.day for due in due_between(plan, MONDAY, MONDAY + timedelta(days=5))] == [23, 27]
    assert next(due_before(plan, datetime(2026, 11, 26, 23, tzinfo=UTC))).day == 23
    assert next(due_after(plan, MONDAY)) == MONDAY + timedelta(hours=3)


WINDOW = '[[window]]\ndays = ["fri"]\nopens = "22:00"\ncloses = "02:00"\n'


@pytest.mark.parametrize(
    ("local", "opened"),
    [("2026-11-27 21:59", False), ("2026-11-27 22:00", True), ("2026-11-28 01:59", True),
     ("2026-11-28 02:00", False), ("2026-11-27 01:00", False), ("2026-11-28 22:30", False)],
)  # fmt: skip
def test_a_window_over_midnight_belongs_to_the_day_it_opens_on(
    tmp_path: Path, local: str, opened: bool
) -> None:
    plan = plan_of(tmp_path, WINDOW, timezone="America/Sao_Paulo")
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("America/Sao_Paulo"))
    assert (refusal(plan, moment) is None) is opened


def test_frozen_days_are_days_of_the_plans_own_zone(tmp_path: Path) -> None:
    more = '[[frozen]]\nfirst = "2026-12-24"\nlast = "2026-12-24"\nreason = "nobody is there"\n'
    plan = plan_of(tmp_path, more, timezone="America/Sao_Paulo")
    assert refusal(plan, datetime(2026, 12, 24, 2, tzinfo=UTC)) is None, "still the 23rd in Sao Paulo"
    found = refusal(plan, datetime(2026, 12, 25, 2, tzinfo=UTC))
    assert found == "from 2026-12-24 to 2026-12-24 nothing may be drilled: nobody is there"


def test_a_start_outside_the_window_is_refused_and_an_override_needs_a_reason(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WINDOW)
    moment = datetime(2026, 11, 25, 12, tzinfo=UTC)
    for override in ("", "   "):
        with pytest.raises(
            BadInput, match=r"it is wed 2026-11-25 12:00, and a drill may start only fri 22:00-02:00"
        ):
            expect_allowed(plan, override, moment)
    expect_allowed(plan, "the auditor is here today", moment)
