"""Schedules written for other schedulers are read by real parsers of theirs, and say the same times."""

from __future__ import annotations

import itertools
import json
import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import botocore.session
import botocore.validate
import kubernetes_validate
import pytest
import yaml
from check_jsonschema.cli import main as check_jsonschema
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from plan_support import SOUND, plan_of, write_plan

from rollproof.errors import BadInput
from rollproof.model.cron import Cron
from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan
from rollproof.plans.emit import FORMATS, Emitted, Target, emit
from rollproof.plans.emit.base import portable
from rollproof.plans.emit.eventbridge import expression
from rollproof.plans.emit.systemd import calendar
from rollproof.plans.emit.utc import in_utc

TARGET = Target(
    image="registry.example/rollproof:1.4",
    folder="/srv/drills",
    arn="arn:aws:scheduler:::aws-sdk:codebuild:startBuild",
    role="arn:aws:iam::123456789012:role/drills",
)
FULL = """
[schedule]
cron = "30 1 * * mon-fri"
[[window]]
days = ["mon", "tue", "wed", "thu", "fri"]
opens = "01:00"
closes = "04:00"
[[frozen]]
first = "2026-12-20"
last = "2027-01-03"
[[notify]]
who = "the team"
channel = "slack"
url_env = "SLACK_URL"
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return plan_of(tmp_path, FULL, timezone="Europe/Berlin")


def only(emitted: Emitted) -> str:
    [text] = emitted.files.values()
    return text


def refusals(schema: str, emitted: Emitted, folder: Path) -> str:
    """What check-jsonschema says against a file, with the schema that it brings along."""
    path = folder / "emitted.yml"
    path.write_text(only(emitted))
    result = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, str(path)])
    return "" if result.exit_code == 0 else result.output


def test_github_takes_the_workflow(plan: Plan, tmp_path: Path) -> None:
    emitted = emit(plan, "github-actions", TARGET)
    assert refusals("vendor.github-workflows", emitted, tmp_path) == ""
    workflow = yaml.safe_load(only(emitted))
    assert workflow["on"]["schedule"] == [{"cron": "30 0 * * 1-5"}, {"cron": "30 23 * * 0-4"}]
    assert any("changes its clocks" in note for note in emitted.notes)
    assert "SLACK_URL: ${{ secrets.SLACK_URL }}" in only(emitted)


def test_gitlab_takes_the_job_and_is_told_the_zone(plan: Plan, tmp_path: Path) -> None:
    emitted = emit(plan, "gitlab", TARGET)
    assert refusals("vendor.gitlab-ci", emitted, tmp_path) == ""
    assert any("--cronTimeZone Europe/Berlin" in note for note in emitted.notes)


def test_the_schemas_refuse_what_is_wrong(plan: Plan, tmp_path: Path) -> None:
    """A parser that takes anything would prove nothing."""
    for form, schema in (("github-actions", "vendor.github-workflows"), ("gitlab", "vendor.gitlab-ci")):
        text = only(emit(plan, form, TARGET)).replace("runs-on", "runs_on").replace("script:", "skript:")
        assert refusals(schema, Emitted({"x.yml": text}), tmp_path)
    cronjob = yaml.safe_load(only(emit(plan, "kubernetes-cronjob", TARGET)))
    cronjob["spec"]["timezone"] = cronjob["spec"].pop("timeZone")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(cronjob, "1.31", strict=True)


@pytest.mark.parametrize("shards", [1, 8])
def test_kubernetes_takes_the_cronjob(plan: Plan, shards: int) -> None:
    target = Target(image="x", shards=shards)
    cronjob = yaml.safe_load(only(emit(plan, "kubernetes-cronjob", target)))
    kubernetes_validate.validate(cronjob, "1.31", strict=True)
    spec = cronjob["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("30 1 * * 1-5", "Europe/Berlin")
    job = spec["jobTemplate"]["spec"]
    assert job.get("completions", 1) == shards
    assert shards == 1 or job["completionMode"] == "Indexed"


def test_eventbridge_takes_the_schedule(plan: Plan) -> None:
    request = json.loads(only(emit(plan, "eventbridge", TARGET)))
    model = botocore.session.Session().get_service_model("scheduler")
    shape = model.operation_model("CreateSchedule").input_shape
    report = botocore.validate.ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    assert request["ScheduleExpression"] == "cron(30 1 ? * 2-6 *)"
    assert request["ScheduleExpressionTimezone"] == "Europe/Berlin"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_systemd_takes_the_units(plan: Plan, tmp_path: Path) -> None:
    project = tmp_path / "a project with 100% spaces"
    program = project / ".venv" / "bin" / "rollproof"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = tmp_path / "units"
    units.mkdir()
    emitted = emit(plan, "systemd", Target(folder=str(project), user="root"))
    for name, text in emitted.files.items():
        (units / name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *(str(units / name) for name in emitted.files)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not [line for line in ran.stderr.splitlines() if "rollproof" in line], ran.stderr
    assert ran.returncode == 0, ran.stderr


CRONS = [
    "30 1 * * mon-fri",
    "0 9 1 1,4,7,10 *",
    "*/20 6-8 * * *",
    "5 0,12 * 2 *",
    "0 3 * * 0",
    "59 23 31 12 *",
]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_systemd_means_the_same_times() -> None:
    zone, since = ZoneInfo("America/Sao_Paulo"), datetime(2026, 11, 22, tzinfo=UTC)
    expressions = [calendar(Cron(text), zone.key) for text in CRONS]
    command = ["systemd-analyze", "calendar", "--iterations=4", f"--base-time={since:%Y-%m-%d %H:%M:%S} UTC"]
    ran = subprocess.run(
        [*command, *expressions],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    said = [
        line.partition(": ")[2].strip()
        for line in ran.stdout.splitlines()
        if line.strip().startswith(("Next elapse", "Iter."))
    ]
    meant = [
        f"{due.astimezone(UTC):%a %Y-%m-%d %H:%M:%S} UTC"
        for text in CRONS
        for due in itertools.islice(Cron(text).after(since, zone), 4)
    ]
    assert said == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [("0 3 * * *", "cron(0 3 * * ? *)"), ("0 3 * * 0", "cron(0 3 ? * 1 *)"),
     ("0 9 1 1,4,7,10 *", "cron(0 9 1 1,4,7,10 ? *)"),
     ("*/15 * * * *", "cron(0,15,30,45 * * * ? *)"), ("0 22 * * fri-sat", "cron(0 22 ? * 6,7 *)")],
)  # fmt: skip
def test_eventbridge_counts_days_from_sunday_as_one(text: str, meant: str) -> None:
    assert expression(Cron(text)) == meant


minutes = st.one_of(st.just("*/20"), st.integers(0, 59).map(str), st.just("5,50"))
hours = st.one_of(st.integers(0, 23).map(str), st.just("22-23"), st.just("*/7"), st.just("0"))
weekdays = st.one_of(st.just("*"), st.integers(0, 7).map(str), st.just("mon-fri"), st.just("6,0"))
ZONES = ["UTC", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Kiritimati", "Europe/Berlin",
         "America/St_Johns", "Australia/Lord_Howe"]  # fmt: skip


@given(minute=minutes, hour=hours, weekday=weekdays, zone=st.sampled_from(ZONES), days=st.integers(0, 500))
def test_in_utc_it_falls_due_at_the_same_moments(
    minute: str, hour: str, weekday: str, zone: str, days: int
) -> None:
    """Of the expressions for the day's offset; on the days around a change of the clocks it may differ."""
    cron, place = Cron(f"{minute} {hour} * * {weekday}"), ZoneInfo(zone)
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days)
    offsets = {
        (begin + timedelta(hours=hour)).astimezone(place).utcoffset() for hour in range(-48, 9 * 24, 12)
    }
    if len(offsets) > 1:
        return
    [offset] = offsets
    assert offset is not None
    seasons = {one.offset: one for one in in_utc(cron, place, begin)}
    season = seasons[int(offset.total_seconds()) // 60]
    end = begin + timedelta(days=7)
    meant = {
        due.astimezone(UTC) for due in itertools.takewhile(lambda due: due < end, cron.after(begin, place))
    }
    said = {
        due
        for text in season.crons
        for due in itertools.takewhile(lambda due: due < end, Cron(text).after(begin, ZoneInfo("UTC")))
    }
    assert said == meant


def test_a_date_that_is_another_in_utc_is_refused() -> None:
    with pytest.raises(BadInput, match="cron cannot name the day before or after a date"):
        in_utc(Cron("0 22 1 * *"), ZoneInfo("America/Sao_Paulo"), datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize("form", FORMATS)
def test_a_plan_without_a_schedule_has_none_to_write(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="the plan has no schedule"):
        emit(plan_of(tmp_path), form, TARGET)


@pytest.mark.parametrize(
    ("form", "option"),
    [("kubernetes-cronjob", "--image"), ("eventbridge", "--target"), ("systemd", "--folder")],
)
def test_what_only_a_person_knows_is_asked_for(plan: Plan, form: str, option: str) -> None:
    with pytest.raises(BadInput) as error:
        emit(plan, form, Target())
    assert option in error.value.remedy


def test_the_job_goes_on_only_in_the_season_of_the_time_that_fired(plan: Plan) -> None:
    """The script of the workflow, run by a real shell with the clock of each season."""
    [step] = [
        step
        for step in yaml.safe_load(only(emit(plan, "github-actions", TARGET)))["jobs"]["drill"]["steps"]
        if step.get("id") == "season"
    ]
    today = f"{datetime.now(ZoneInfo('Europe/Berlin')):%z}"
    fired = {"+0100": "30 0 * * 1-5", "+0200": "30 23 * * 0-4"}
    for offset, cron in [*fired.items(), ("by hand", "")]:
        ran = subprocess.run(
            ["sh", "-c", step["run"].replace('>> "$GITHUB_OUTPUT"', "")],
            env={"FIRED": cron, "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        assert ("due=true" in ran.stdout) is (offset in (today, "by hand"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "name", ["a\nscript: [evil]\n#.toml", "a\u2028b.toml", "a\r.toml", "${{ secrets.KEY }}.toml"]
)
def test_a_file_name_that_a_scheduler_would_read_otherwise_is_refused(
    form: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = read_plan(write_plan(tmp_path, FULL, name=name))
    with pytest.raises(BadInput, match="do not take for a part of a name"):
        emit(plan, form, TARGET)


@pytest.mark.parametrize(
    "name", ["$(SLACK_URL).toml", "a b.toml", "`id`.toml", "a;id.toml", "'.toml", "%h.toml", "-x.toml"]
)
def test_an_odd_file_name_stays_one_word_everywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan, meant = read_plan(write_plan(tmp_path, FULL, name=name)), f"./{name}" if name[0] == "-" else name
    pod = yaml.safe_load(only(emit(plan, "kubernetes-cronjob", TARGET)))["spec"]["jobTemplate"]["spec"]
    said = pod["template"]["spec"]["containers"][0]["command"][3]
    assert said.replace("$$(", "$(") == meant
    assert "$(" not in said.replace("$$(", "")
    for form, job in (("github-actions", "jobs"), ("gitlab", f"rollproof-{plan.name}")):
        text = only(emit(plan, form, TARGET))
        lines = yaml.safe_load(text)[job]
        runs = (
            lines["script"] if form == "gitlab" else [one.get("run", "") for one in lines["drill"]["steps"]]
        )
        assert shlex.join(["rollproof", "drill", "run", meant]) in runs
    service = emit(plan, "systemd", TARGET).files[f"rollproof-{plan.name}.service"]
    assert [line for line in service.splitlines() if line.startswith("ExecStart=")]
    assert "%h" not in service.replace("%%h", "").replace(f"# Made by `rollproof drill emit {name}", "")


@pytest.mark.parametrize("given", ["x\nExecStartPre=/bin/evil", "x\r"])
def test_what_a_person_gives_for_one_line_stays_one(given: str, plan: Plan) -> None:
    for target in (replace(TARGET, user=given), replace(TARGET, folder=given)):
        with pytest.raises(BadInput):
            emit(plan, "systemd", target)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 3 * * 7", "0 3 * * 0"),
        ("5/15 1 * * 5-7", "5,20,35,50 1 * * 0,5,6"),
        ("0 3 * jan mon", "0 3 * 1 1"),
    ],
)
def test_what_only_some_schedulers_take_is_written_as_all_do(
    cron: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes refuses a Sunday that is called 7."""
    monkeypatch.chdir(tmp_path)
    plan = plan_of(tmp_path, f'[schedule]\ncron = "{cron}"\n')
    assert yaml.safe_load(only(emit(plan, "kubernetes-cronjob", TARGET)))["spec"]["schedule"] == said
    assert f"'{said}'" in " ".join(emit(plan, "gitlab", TARGET).notes)


@given(st.sampled_from(["*", "7", "0", "5-7", "mon-fri", "*/2"]), st.sampled_from(["*", "3", "*/7", "22"]))
def test_what_is_written_for_all_names_the_same_times(weekdays: str, hours: str) -> None:
    cron = Cron(f"5/20 {hours} * * {weekdays}")
    again, now = Cron(portable(cron)), datetime(2026, 11, 22, tzinfo=UTC)
    assert list(itertools.islice(again.after(now, ZoneInfo("UTC")), 20)) == list(
        itertools.islice(cron.after(now, ZoneInfo("UTC")), 20)
    )


@pytest.mark.parametrize(("form", "longest"), [("kubernetes-cronjob", 52), ("eventbridge", 64)])
def test_long_names_that_begin_alike_stay_apart(
    form: str, longest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = set()
    for last in ("a", "b"):
        body = SOUND.replace("weekly", f"{'x' * 58}-{last}") + '[schedule]\ncron = "0 3 * * *"\n'
        read = read_plan(write_plan(tmp_path, body=body))
        made = yaml.safe_load(only(emit(read, form, TARGET)))
        names.add(made["Name"] if form == "eventbridge" else made["metadata"]["name"])
    assert len(names) == 2
    assert all(len(name) <= longest for name in names)


@pytest.mark.parametrize("form", ["kubernetes-cronjob", "eventbridge"])
def test_a_time_that_the_clocks_leave_out_is_named(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = plan_of(tmp_path, '[schedule]\ncron = "30 2 * * *"\n', timezone="Europe/Berlin")
    assert "There is no 02:30 on " in " ".join(emit(gone, form, TARGET).notes)
    for cron, zone in (("30 3 * * *", "Europe/Berlin"), ("30 2 * * *", "America/Sao_Paulo")):
        there = plan_of(tmp_path, f'[schedule]\ncron = "{cron}"\n', timezone=zone)
        assert "There is no" not in " ".join(emit(there, form, TARGET).notes)
