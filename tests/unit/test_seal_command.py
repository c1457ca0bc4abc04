"""The commands `seal`, `sign`, `verify`, `keygen`, `heal` and `report`, as a person meets them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from seal_support import new_key, sealed_run, write_run
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.evidence.register import INDEX, read_index
from rollproof.seal.layout import SEAL


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result) -> str:
    return result.output + (result.stderr if result.stderr_bytes else "")


def test_a_key_is_made_a_run_sealed_signed_and_verified(here):
    for name in ("seal", "reviewer"):
        assert run("keygen", name).exit_code == 0
    write_run(here / "reports", "one")
    assert "signed by key" in run("seal", "reports/one", "--key", "seal").output
    assert (
        run("sign", "reports/one", "--key", "reviewer", "--as", "Bia", "--item", "after.rows").exit_code == 0
    )
    result = run("verify", "reports/one", "--keys", "seal.pub", "--keys", "reviewer.pub")
    assert result.exit_code == 0
    assert result.output.startswith("verified: one, signed by key")
    assert "Bia signed after.rows" in result.output


def test_the_key_may_stand_in_the_project_s_own_settings(here):
    new_key(here)
    (here / "pyproject.toml").write_text('[tool.rollproof.seal]\nkey = "seal"\nanchor = ["heads.ndjson"]\n')
    folder = write_run(here / "reports", "one")
    assert run("seal", "reports/one").exit_code == 0
    assert run("verify", folder, "--keys", "seal.pub", "--anchor", "heads.ndjson").exit_code == 0


def test_without_a_key_it_is_said_what_the_seal_is_worth(here):
    folder = write_run(here / "reports", "one")
    assert "unsigned: detects accident, not malice" in run("seal", folder).output
    result = run("verify", folder)
    assert (result.exit_code, "unsigned: detects accident, not malice" in result.output) == (3, True)
    assert "Unsigned: detects accident, not malice." in (folder / "report.html").read_text()


def test_what_failed_is_told_to_people_and_to_programs(here):
    folder = sealed_run(here / "reports", "one")
    (folder / "more.txt").write_text("x")
    result = run("verify", folder)
    assert (result.exit_code, "✗ a file was added: more.txt" in result.output) == (1, True)
    data = json.loads(run("verify", folder, "--json").output)
    assert data["result"] == "failed"
    assert data["findings"] == [
        {"reason": "a file was added", "where": "more.txt", "found": "it is here and was not sealed"}
    ]


def test_a_folder_of_runs_is_checked_with_its_index(here):
    key = new_key(here)
    for name in ("one", "two"):
        sealed_run(here / "reports", name, key=key)
    assert run("verify", "reports", "--keys", "seal.pub").exit_code == 0
    assert run("verify", "reports/two", "--keys", "seal.pub", "--previous", "reports/one").exit_code == 0
    shutil.rmtree(here / "reports" / "one")
    result = run("verify", "reports", "--keys", "seal.pub")
    assert (result.exit_code, "a run is missing: one" in result.output) == (1, True)
    assert json.loads(run("verify", "reports", "--json").output)["result"] == "failed"


def test_a_run_is_not_sealed_twice(here):
    folder = sealed_run(here / "reports", "one")
    assert run("seal", folder, "--key", "any").exit_code == 2
    assert run("seal", folder).exit_code == 0, "copies may be sent again"
    assert [entry.kind.value for entry in read_index(here / "reports" / INDEX)] == ["planned", "executed"]


def test_the_reports_of_a_sealed_run_stay_as_they_are(here):
    folder = sealed_run(here / "reports", "one")
    assert run("report", folder).exit_code == 2
    assert run("report", folder, "--output", here / "again").exit_code == 0
    assert (here / "again" / "report.html").read_bytes() == (folder / "report.html").read_bytes()
    assert run("verify", folder).exit_code == 3


def test_a_run_that_was_killed_is_sealed_when_it_is_healed_and_stays_known_as_aborted(here):
    folder = write_run(here / "reports", "one")
    lines = (folder / "journal.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "journal.ndjson").write_bytes(b"".join(lines[:-1]))
    assert run("seal", folder).exit_code == 2
    assert run("heal").exit_code == 0
    assert run("verify", folder).exit_code == 3
    kinds = [entry.kind.value for entry in read_index(here / "reports" / INDEX)]
    assert kinds == ["planned", "aborted", "executed"]
    assert "one: aborted" in run("verify", "reports").output


@pytest.mark.parametrize("place", ["missing", "file.txt"])
def test_what_is_no_bundle_is_an_error_that_says_what_to_name(here, place):
    (here / "file.txt").write_text("x")
    result = run("verify", place)
    assert (result.exit_code, "what to do" in said(result)) == (2, True)


def test_a_run_with_personal_data_is_not_sealed_and_its_value_is_not_told(here):
    folder = write_run(here / "reports", "one")
    (folder / "follow-up.md").write_text("told 529.982.247-25\n")
    result = run("seal", folder)
    assert result.exit_code == 1
    assert "follow-up.md:1: a CPF number (#" in said(result)
    assert "529.982" not in said(result)
    assert not (folder / SEAL).exists()
    [entry] = [one for one in read_index(here / "reports" / INDEX) if one.kind.value == "executed"]
    assert entry.data["seal"] is None
    assert "not sealed" in run("verify", "reports").output


def test_verify_by_the_light_way_in_says_the_same(here, monkeypatch, capsys):
    from rollproof.__main__ import main

    folder = sealed_run(here / "reports", "one")
    monkeypatch.setattr("sys.argv", ["rollproof", "verify", str(folder)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().out) == (3, run("verify", folder).output)


HEAVY = (
    *("pytest", "boto3", "typer", "pydantic", "rich", "httpx", "filelock", "securesystemslib", "psycopg"),
    *("numpy", "tomlkit", "rollproof.privacy.detect"),
)


def test_checking_a_bundle_loads_nothing_that_runs_drills(here):
    key = new_key(here)
    folder = sealed_run(here / "reports", "one", key=key)
    script = (
        "import sys; from rollproof.__main__ import main\n"
        f"sys.argv = ['rollproof', 'verify', {str(folder)!r}, '--keys', {str(key) + '.pub'!r}]\n"
        "try: main()\n"
        "except SystemExit as ended: code = ended.code\n"
        f"print(code, sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
