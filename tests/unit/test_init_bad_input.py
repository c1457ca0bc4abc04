"""`rollproof init` where a repository is broken, odd or empty: that is said, and the rest is done."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_support import write
from typer.testing import CliRunner

from rollproof.adopt.survey import adopt
from rollproof.cli import app
from rollproof.migrations.tools import base
from rollproof.model.systemfile import read_system

SQL = {"db/001_a.sql": "CREATE TABLE a (id int);", "db/002_rollback_001.sql": "DROP TABLE a;"}


def test_an_empty_repository_ends_with_1_and_what_was_looked_for(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert result.exit_code == 1
    assert "nothing that could be drilled; looked for:" in result.output
    assert "Alembic" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_gone_gets_no_traceback(tmp_path: Path) -> None:
    write(tmp_path, SQL)
    read, written = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "rollproof", "init", "--dry-run", str(tmp_path)]
    try:
        ended = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(written)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(("name", "said"), [("gone", "there is no such folder"), ("file", "this is a file")])
def test_a_folder_that_is_none(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["init", str(tmp_path / name)])
    assert result.exit_code == 2
    assert said in result.output
    assert "name the repository's folder" in result.output


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "compose.yml",
            "services:\n  db:\n    image: [postgres\n  pass: hunter2\n",
            "compose.yml:4: not YAML",
        ),
        ("compose.yml", "services:\n\tdb: 1\n", "compose.yml:2: not YAML"),
        ("compose.yml", "- a\n", "compose.yml: a table is expected at its top"),
        ("compose.yml", b"\xff\xfe\x00", "compose.yml: cannot be read (it is not UTF-8)"),
        ("package.json", '{\n "scripts": {"smoke": "x",}\n}', "package.json:2: not JSON"),
        (
            "t.template.json",
            '{\n"Resources": {"A": {"Type": "AWS::SNS::Topic"}}\n',
            "t.template.json:3: not JSON",
        ),
        ("samconfig.toml", "a = ", "samconfig.toml: not TOML"),
        ("compose.yml", "a: " + "[" * 500_000 + "]" * 500_000, "compose.yml: nested deeper"),
        (
            "t.json",
            '{"Resources": {"A": {"Type": "AWS::A::B", "a": ' + "[" * 99_999,
            "t.json: nested deeper",
        ),
        ("compose.yml", "- " * 500_000, "compose.yml: nested deeper"),
        ("compose.yml", "services: {a: {image: postgres:x}, b: 1, c: {build: [1]}}", "postgres"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_the_rest_is_found(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    template = "Resources:\n  A: { Type: 'AWS::SNS::Topic', Properties: { TopicName: a } }\n"
    write(tmp_path, {**SQL, name: content, "template.yaml": template})
    result = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert said.lower() in result.output.lower()
    assert "hunter2" not in result.output
    assert 'tool = "sql-files"' in (tmp_path / "system.toml").read_text()


def test_links_in_a_circle_and_installed_packages_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {**SQL, "node_modules/x/template.yaml": "Resources: {A: {Type: 'AWS::SNS::Topic'}}"})
    write(tmp_path, {".venv/manage.py": "import django", "env-of-mine/pyvenv.cfg": ""})
    (tmp_path / "db" / "round").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "compose.yml").symlink_to("compose.yml")
    adopted = adopt(tmp_path)
    assert {kind for kind, _ in adopted.found} == {"sql-files", "history"}


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path, SQL)
    os.mkfifo(tmp_path / "compose.yml")
    os.mkfifo(tmp_path / "Dockerfile")
    assert stat.S_ISFIFO((tmp_path / "Dockerfile").stat().st_mode)
    assert not adopt(tmp_path).empty


def test_a_walk_that_was_cut_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MOST_FOLDERS", 3)
    write(tmp_path, SQL)
    write(tmp_path, {f"many/{number}/x": "" for number in range(5)})
    assert any(note.startswith("only the first 3 folders") for note in adopt(tmp_path).notes)


def test_folders_too_deep_are_said(tmp_path: Path) -> None:
    write(tmp_path, {**SQL, "1/2/3/4/5/6/7/8/9/x": ""})
    assert any("1/2/3/4/5/6/7/8" in note for note in adopt(tmp_path).notes)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {**SQL, "compose.yml": b"#" * (2 * 1024 * 1024 + 1)})
    assert "compose.yml: larger than 2 MiB; not read" in adopt(tmp_path).notes


def test_a_history_that_cannot_be_loaded_is_still_declared(tmp_path: Path) -> None:
    write(tmp_path, {**SQL, "db/001_b.sql": "SELECT 1;"})
    adopted = adopt(tmp_path)
    assert any("taken twice" in note for note in adopted.notes)
    assert 'path = "db"' in adopted.system


@pytest.mark.parametrize("name", ["ümlaut 東京", "-", "a\nb", "x" * 90])
def test_odd_names_of_folders_do_not_break_the_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    write(folder, {f"{name}/001_a.sql": "SELECT 1;", f"{name}/002_rollback_001.sql": "SELECT 1;"})
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0


def test_a_file_where_the_plans_folder_would_be_leaves_nothing_half_written(tmp_path: Path) -> None:
    write(tmp_path, {**SQL, "drills": "a file"})
    result = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert result.exit_code == 2
    assert "this is a file, a folder is needed" in result.output
    assert not (tmp_path / "system.toml").exists()


odd = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["{port}", "{oops}", "a\nb", '"', "# x", "./run.sh", "/x", "python", "PGPASSWORD", "8000", "", "\x00"]
)


@settings(max_examples=40, deadline=None)
@given(
    name=odd,
    words=st.lists(odd, max_size=4),
    path=odd,
    variables=st.lists(odd, max_size=3),
    resource=odd,
    value=odd,
    kind=st.sampled_from(
        ["DynamoDB::Table", "Lambda::Function", "SNS::Topic", "SSM::Parameter", "Serverless::Api"]
    ),
)
def test_whatever_a_project_says_what_is_written_can_be_read_back(
    *, name: str, words: list[str], path: str, variables: list[str], resource: str, value: str, kind: str
) -> None:
    service = {
        "build": ".",
        "command": words,
        "ports": ["8000:8000"],
        "environment": variables,
        "healthcheck": {"test": f"curl http://localhost{path}"},
    }
    named = dict.fromkeys(["TableName", "FunctionName", "TopicName", "Name", "StageName"], value)
    template = {"Resources": {resource: {"Type": f"AWS::{kind}", "Properties": named}}}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, {**SQL, "compose.yml": json.dumps({"services": {name: service}})})
        write(root, {"t.json": json.dumps(template), "package.json": json.dumps({"name": name})})
        (root / "system.toml").write_text(adopt(root).system)
        assert read_system(root / "system.toml").database is not None
