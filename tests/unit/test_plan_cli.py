"""What a person may get wrong at `rollproof drill`: one clear error each, and an exit code that is not 0."""

from __future__ import annotations

from pathlib import Path

import pytest
from plan_support import write_plan
from typer.testing import CliRunner

from rollproof.cli import app

HOOK = '[[notify]]\nwho = "the team"\nchannel = "slack"\nurl_env = "NO_SUCH_HOOK"\n'
FOREVER = '[[frozen]]\nfirst = "2000-01-01"\nlast = "2999-12-31"\nreason = "for good"\n'
DASK = ["--engine", "dask"]


@pytest.mark.parametrize(
    ("more", "arguments", "said"),
    [
        ('[schedule]\ncron = "61 * * * *"\n', [], "weekly.toml:6: schedule.cron: the minute of"),
        (HOOK, [], "NO_SUCH_HOOK: this variable is not set"),
        (FOREVER, [], "nothing may be drilled: for good"),
        (FOREVER, ["--override", "  "], "nothing may be drilled: for good"),
        ("", ["--shards", "4", "--shard", "4"], "there is no part 4 of 4"),
        ("", ["--shards", "4"], "nothing says which of the 4 parts this is"),
        ("", ["--shard", "1"], "cannot be split into an unknown number of parts"),
        ("", [*DASK, "--scheduler", "tcp://127.0.0.1:9"], "127.0.0.1:9: no Dask scheduler answers here"),
        ("", [*DASK, "--scheduler", "not an address"], "no Dask scheduler answers here"),
        ("", DASK, "--engine dask and --scheduler ADDRESS belong together"),
        ("", ["--engine", "ray"], "there is no engine 'ray'"),
        ("", ["--due", "yesterday"], "found 'yesterday', expected a time with its offset from UTC"),
        ("", ["--due", "2026-11-22T03:00:00"], "expected a time with its offset from UTC"),
    ],
)  # fmt: skip
def test_a_start_that_cannot_be_has_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "NO_SUCH_HOOK",
        "JOB_COMPLETION_INDEX",
        "AWS_BATCH_JOB_ARRAY_INDEX",
        "AWS_BATCH_JOB_ARRAY_SIZE",
    ):
        monkeypatch.delenv(name, raising=False)
    path = write_plan(tmp_path, more)
    result = CliRunner().invoke(app, ["drill", "run", path.name, *arguments])
    assert result.exit_code in (2, 3), result.output
    assert said in result.output
    assert "Traceback" not in result.output
    assert list((tmp_path / "reports").glob("2*")) == [], "nothing was begun"


def test_nothing_is_served_or_listed_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("list", "serve"):
        result = CliRunner().invoke(app, ["drill", command])
        assert (result.exit_code, "there is no plan" in result.output) == (2, True)
    write_plan(tmp_path)
    result = CliRunner().invoke(app, ["drill", "serve", "weekly.toml"])
    assert (result.exit_code, "none of the plans has a schedule" in result.output) == (2, True)


def test_a_schedule_is_written_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_plan(tmp_path, '[schedule]\ncron = "0 3 * * *"\n')
    result = CliRunner().invoke(
        app, ["drill", "emit", "weekly.toml", "--as", "github-actions", "--into", "."]
    )
    assert result.exit_code == 0
    assert ".github/workflows/rollproof-weekly.yml" in result.output
    assert "cron: 0 3 * * *" in (tmp_path / ".github/workflows/rollproof-weekly.yml").read_text()
    result = CliRunner().invoke(app, ["drill", "emit", "weekly.toml", "--as", "cron"])
    assert (result.exit_code, "no scheduler is called 'cron'" in result.output) == (2, True)


def test_a_list_names_what_is_overdue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_plan(tmp_path, '[schedule]\ncron = "0 3 * * *"\n')
    result = CliRunner().invoke(app, ["drill", "list", "weekly.toml"])
    assert result.exit_code == 0
    assert "overdue: weekly: fell due" in result.output
    assert "1 plans, 1 overdue" in result.output
