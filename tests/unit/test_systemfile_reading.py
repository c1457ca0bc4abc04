"""A file that cannot be read as TOML, or not at all, gets a clear error; a sound one is read."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollproof.errors import SystemFileError
from rollproof.model.shape import keys_of, written
from rollproof.model.system import System
from rollproof.model.systemfile import read_settings, read_system
from rollproof.model.tomlfile import LARGEST_FILE, MISTAKES_LISTED

SOUND = """\
[system]
name = "shop"
[objectives]
rto = "1h30m"
[database]
major = 17
app_role = "app_user"
critical_tables = ["Sales.Orders"]
migrations = { path = "migrations" }
[database.seed]
after = "001"
command = ["{python}", "-m", "seed", "{dsn}"]
[service.api]
command = ["{python}", "-m", "api", "--port", "{port}"]
env = { DATABASE_URL = "{dsn}", EMPTY_PASSWORD = "" }
[[traffic]]
name = "orders"
kind = "write"
sql = "INSERT INTO orders (note, tags) VALUES ('drill {token}', '{red,blue}')"
table = "public.orders"
verify = "SELECT 1 FROM orders WHERE note = 'drill {token}'"
[[traffic]]
name = "list"
kind = "read"
service = "api"
path = "/orders?q={token}"
every = 0.5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrations").mkdir()
    return tmp_path


def error_of(path: Path | str) -> str:
    with pytest.raises(SystemFileError) as caught:
        read_system(Path(path))
    return str(caught.value)


def error_in(folder: Path, body: bytes) -> str:
    (folder / "system.toml").write_bytes(body)
    return error_of("system.toml")


def test_a_sound_file_is_read_with_its_absolute_place(folder: Path) -> None:
    (folder / "system.toml").write_text(SOUND)
    system = read_system(Path("system.toml"))
    assert system.name == "shop"
    assert system.objectives.rto == 5400.0
    assert system.traffic[1].every == 0.5
    assert system.source == folder / "system.toml"
    assert system.root == folder
    assert system.components == {"database", "service", "traffic"}


@pytest.mark.parametrize("change", [b"\xef\xbb\xbf", b""], ids=["byte order mark", "plain"])
def test_files_from_windows_are_read(folder: Path, change: bytes) -> None:
    (folder / "system.toml").write_bytes(change + SOUND.replace("\n", "\r\n").encode())
    assert read_system(Path("system.toml")).name == "shop"


def test_a_missing_file_says_how_to_name_one(folder: Path) -> None:
    said = error_of("nowhere.toml")
    assert said.startswith("nowhere.toml: there is no such file")
    assert "--system PATH" in said


def test_a_folder_names_the_system_file_in_it(folder: Path) -> None:
    (folder / "system.toml").write_text(SOUND)
    assert "did you mean system.toml?" in error_of(".")
    assert "this is a folder" in error_of("migrations")


def test_a_path_no_file_can_have_is_an_error_not_a_crash() -> None:
    assert "cannot be read" in error_of("a\0b")
    assert "cannot be read" in error_of("a" * 5000)


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs there")
def test_a_pipe_is_refused_without_waiting_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert "not a regular file" in error_of("pipe")


def test_bytes_that_are_not_utf8_are_named_with_their_line(folder: Path) -> None:
    assert error_in(folder, b'[system]\nname = "caf\xe9"\n').startswith(
        "system.toml:2: byte 0xe9 is not UTF-8"
    )
    assert "UTF-16" in error_in(folder, SOUND.encode("utf-16"))


@pytest.mark.parametrize(
    ("body", "said"), [(b"", "empty"), (b" \n", "empty"), (b"# only this\n", "nothing but comments")]
)
def test_an_empty_file_is_called_empty(folder: Path, body: bytes, said: str) -> None:
    assert said in error_in(folder, body)


def test_a_huge_file_is_refused_unread(folder: Path) -> None:
    assert "over 1 MiB" in error_in(folder, b"#" * (LARGEST_FILE + 1))


def test_nesting_without_end_is_refused(folder: Path) -> None:
    assert "nested too deeply" in error_in(folder, b"a = " + b"[" * 50_000)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (
            '[system]\nname "shop"\n',
            ["system.toml:2:6: not valid TOML: expected '=' after a key in a key/value pair",
             '    name "shop"', "         ^"],
        ),
        (
            "[system]\nname =",
            ["system.toml:2:7: not valid TOML: invalid value", "    name =", "          ^"],
        ),
        (
            '[system]\nname = "a"\nname = "b"\n',
            ["system.toml:3:1: not valid TOML: system.name is given twice, first on line 2",
             '    name = "b"', "    ^"],
        ),
        (
            "[a.b]\nx = 1\n[a.b]\n",
            ["system.toml:3:5: not valid TOML: cannot declare [a.b] twice", "    [a.b]", "        ^"],
        ),
        (
            'name = "shop\n',
            ["system.toml:1:13: not valid TOML: illegal character '\\n'", '    name = "shop', " " * 16 + "^"],
        ),
    ],
    ids=["no equals", "no value", "key twice", "table twice", "unclosed"],
)  # fmt: skip
def test_broken_toml_is_shown_with_line_column_and_the_line(
    folder: Path, body: str, lines: list[str]
) -> None:
    assert error_in(folder, body.encode()).split("\n") == lines


def test_a_broken_line_that_holds_a_secret_is_not_shown(folder: Path) -> None:
    said = error_in(folder, b'dsn = "postgresql://app:hunter2@db/x\n')
    assert "hunter2" not in said
    assert "system.toml:1:" in said


def test_very_many_mistakes_are_cut_short(folder: Path) -> None:
    body = SOUND + "[smoke]\ncommand = ['x']\n" + "".join(f"k{n} = 1\n" for n in range(3000))
    lines = error_in(folder, body.encode()).split("\n")
    assert len(lines) == MISTAKES_LISTED + 1
    assert lines[-1].endswith("2950 more mistakes")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_the_bytes_the_answer_is_one_clear_error(folder: Path, body: bytes) -> None:
    assert error_in(folder, body).startswith("system.toml")


_VALUES = st.sampled_from(
    ['""', "1", "-1", "1.5", "nan", "true", "[]", "{}", "[1]", "[[]]", "{a=1}", "1979-05-27", '"{token}"',
     '"{x}"', '"\\u0000"', "[{}]", '["{dsn}"]', "[{name='a'}]", "[{kind=1, sql=2, path=3, body=[4]}]"]
)  # fmt: skip


def _every_key() -> list[str]:
    plain = [item.path for item in written(System, tomllib.loads(SOUND)) if 0 not in item.path]
    return [".".join(map(str, path)) for path in plain] + ["smoke.command", "database.roles"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.sampled_from(_every_key()), _VALUES, min_size=1, max_size=4))
def test_any_value_under_any_key_is_read_or_refused_with_lines(folder: Path, values: dict[str, str]) -> None:
    (folder / "system.toml").write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    with pytest.raises(SystemFileError) as caught:
        read_system(folder / "system.toml")
    assert all(line.startswith(("system.toml:", "    ")) for line in str(caught.value).split("\n"))


def test_the_projects_settings_are_read_from_pyproject(folder: Path) -> None:
    (folder / "s.toml").write_text(SOUND)
    pyproject = folder / "pyproject.toml"
    pyproject.write_text('[project]\nname = "x"\n[tool.rollproof]\nsystems = ["s.toml"]\n')
    assert read_settings(pyproject).system_files == (folder / "s.toml",)
    pyproject.write_text('[project]\nname = "x"\n')
    assert read_settings(pyproject).systems == ()


def test_a_mistake_in_the_settings_names_file_line_and_key(folder: Path) -> None:
    pyproject = folder / "pyproject.toml"
    pyproject.write_text('[tool.rollproof]\nsystem = ["s.toml"]\nfeatures = [\n  "gone",\n]\n')
    with pytest.raises(SystemFileError) as caught:
        read_settings(pyproject)
    assert str(caught.value).split("\n") == [
        "pyproject.toml:2: tool.rollproof.system: unknown key; did you mean 'systems'? "
        f"(expected one of: {', '.join(keys_of_settings())})",
        "pyproject.toml:4: tool.rollproof.features[0]: "
        "there is no file or folder 'gone' beside pyproject.toml",
    ]


def keys_of_settings() -> list[str]:
    from rollproof.model.systemfile import Settings

    return list(keys_of(Settings))
