"""Secrets that a drill has had in its hands are told nowhere, whatever they look like."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg.conninfo import make_conninfo

from rollproof.cli_errors import explained
from rollproof.components.asking import leaves
from rollproof.environments.base import AwsEndpoint, PostgresServer
from rollproof.environments.keeper import Keeper, KeeperSpec
from rollproof.errors import BadInput
from rollproof.journal import Journal, Kind
from rollproof.journal.redaction import cut_all
from rollproof.model.seal import Seal
from rollproof.model.system import System
from rollproof.privacy import search_folder
from rollproof.privacy.known import remember, remember_command, remembered
from rollproof.seal.sealing import LeakFound, seal_run

LONG = 'lua-"cheia"/Ação & 7'
SHORT = "q7-lua"


@pytest.mark.parametrize(
    "written",
    [
        LONG,
        json.dumps(LONG),
        json.dumps(LONG, ensure_ascii=False),
        html.escape(LONG),
        quote(LONG),
        quote(LONG, safe=""),
        base64.b64encode(LONG.encode()).decode(),
        LONG.encode().hex(),
    ],
)
def test_a_known_secret_is_cut_however_it_is_written(written):
    remember(LONG)
    said = cut_all(f"it said {written} today")
    assert said.startswith("it said ")
    assert "cheia" not in said
    assert base64.b64encode(LONG.encode()).decode()[:16] not in said


def test_a_short_secret_is_cut_as_a_word_and_left_within_one():
    remember(SHORT)
    assert SHORT not in cut_all(f"no such user: {SHORT}!")
    assert cut_all(f"x{SHORT}x") == f"x{SHORT}x"


def test_a_secret_of_joined_words_is_left_within_a_name():
    remember("palavra-fraca")
    assert cut_all("it said palavra-fraca.") == "it said [cut]."
    assert cut_all("function palavra-fraca-list") == "function palavra-fraca-list"


@pytest.mark.parametrize("value", ["true", "5432", "postgres", "dev", "", None, "abc1"])
def test_what_anything_may_be_called_is_no_secret(value):
    remember(value)
    assert value not in remembered()


@pytest.mark.parametrize(
    ("command", "variables", "known"),
    [
        (["smoke", "--token", "lua1-nova22"], {}, "lua1-nova22"),
        (["smoke", "--token=lua2-nova22"], {}, "lua2-nova22"),
        (["smoke"], {"SMTP_PASSWORD": "lua3-nova22!"}, "lua3-nova22!"),
        (["smoke"], {"CACHE": "redis://:lua4%2Fnova22@h/0"}, "lua4/nova22"),
        (["smoke", "host=h password='lua5 nova22'"], {}, "lua5 nova22"),
        (["smoke"], {"DATABASE_URL": "postgres://app:lua6@nova@db/x"}, "lua6@nova"),
    ],
)
def test_what_a_program_is_given_is_known(command, variables, known):
    remember_command(command, variables)
    assert known in remembered()


@pytest.mark.parametrize(
    "variables",
    [
        {"DB_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-A1b2C3"},
        {"DB_SECRET": "alquimista/dev/database"},
        {"DB_SECRET": "alquimista-dev-database-2"},
        {"PRIVATE_KEY": "/run/secrets/key.pem"},
        {"API_TOKEN": "{token}"},
        {"GREETING": "lua7-nova22"},
    ],
)
def test_what_only_names_a_secret_is_none(variables):
    remember_command([], variables)
    assert not remembered() & set(variables.values())


def test_whoever_knows_a_password_of_a_server_or_an_account_lets_nobody_tell_it():
    PostgresServer(
        "h",
        5432,
        "u",
        17,
        Path(),
        private=False,
        password="lua8-nova22",  # noqa: S106
        role_passwords={"app": "lua9-nova22"},
    )
    AwsEndpoint(
        None,
        "us-east-1",
        "123456789012",
        "AKIA",
        "",
        private=False,
        secret_key="lua10/nova22",  # noqa: S106
        session_token="lua11x22y",  # noqa: S106
    )
    for value in ("lua8-nova22", "lua9-nova22", "lua10/nova22", "lua11x22y"):
        assert cut_all(f"it said {value}.") == "it said [cut]."


def test_a_known_secret_keeps_a_run_from_being_sealed(tmp_path):
    remember("lua12-nova22")
    with Journal(tmp_path / "run" / "journal.ndjson", run="run") as journal:
        journal.write(
            "run", Kind.NOTE, "run.finished", {"outcome": "proven", "findings": [], "reason": "lua12-nova22"}
        )
    assert "lua12" not in (tmp_path / "run" / "journal.ndjson").read_text()
    (tmp_path / "run" / "notes.md").write_text("it said lua12-nova22\n")
    with pytest.raises(LeakFound, match=r"notes\.md:1: a password") as raised:
        seal_run(tmp_path / "run", Seal(), root=tmp_path)
    assert "lua12" not in str(raised.value)


@pytest.mark.parametrize("written", ["lua13-\nnova22-alta", "lua13-no  \n    > va22-alta"])
def test_a_known_secret_that_is_broken_over_lines_is_found(tmp_path, written):
    (tmp_path / "a.txt").write_text(f"it said {written} today")
    assert search_folder(tmp_path, [tmp_path / "a.txt"], known=["lua13-nova22-alta"])


def test_an_attachment_tells_nothing_and_yet_what_differs_differs(tmp_path):
    """A setting of the database, a comment, the text of a function: who compares them must see a change."""
    with Journal(tmp_path / "journal.ndjson", run="r") as journal:
        one, same, other = (
            journal.attachments.put({"name": "on table people", "value": f"comment for {mail}"})
            for mail in ("ana@clinica.com.br", "ana@clinica.com.br", "bia@clinica.com.br")
        )
        assert one == same != other
        assert "[cut: an e-mail address #" in str(journal.attachments.get(one))
        clocks = {"start": [52998224725], "started_ns": "812345678901235", "rows": 52998224725}
        assert journal.attachments.get(journal.attachments.put(clocks)) == clocks
    with Journal(tmp_path / "other" / "journal.ndjson", run="r") as journal:
        assert (
            journal.attachments.put({"name": "on table people", "value": "comment for ana@clinica.com.br"})
            != one
        )
    assert search_folder(tmp_path, [path for path in tmp_path.rglob("*") if path.is_file()]) == []


def test_the_value_of_a_setting_that_is_called_a_secret_is_not_attached(tmp_path):
    with Journal(tmp_path / "journal.ndjson", run="r") as journal:
        fact = ["setting", "app.jwt_secret for role app", {"value": "lua"}, "database current"]
        difference = {"kind": "setting", "name": "app.jwt_secret", "before": "lua", "after": None}
        role = ["role", "app", {"settings": ["app.api_key=lua", "search_path=x"]}, ""]
        function = {"kind": "function", "name": "rotate-secret", "before": "128 MB", "after": "256 MB"}
        kept = journal.attachments.get(journal.attachments.put([fact, difference, role, function]))
        assert "lua" not in str(kept)
        assert function in kept
        assert "search_path=x" in str(kept)
        other = ["setting", "app.jwt_secret", {"value": "nova"}, "database current"]
        assert journal.attachments.put([fact]) != journal.attachments.put([other])


def test_a_connection_string_is_known_by_its_password():
    remember_command([make_conninfo("", host="h", password="lua14 'nova' \\22")], {})  # noqa: S106
    assert cut_all("it said lua14 'nova' \\22 today") == "it said [cut] today"


def test_no_command_tells_a_secret_in_its_error(capsys):
    @explained
    def command() -> None:
        raise BadInput(
            "no server at postgres://app:lua15@db/x", where="lua16-nova22", remedy="see lua16-nova22"
        )

    remember("lua16-nova22")
    with pytest.raises(SystemExit):
        command()
    said = capsys.readouterr().err
    assert "no server at" in said
    assert not [value for value in ("lua15", "lua16") if value in said]


def test_an_error_that_nobody_foresaw_tells_nothing_either(capsys):
    @explained
    def command() -> None:
        remember("lua19-nova22")
        told = "Key (nome)=(Ana Maria) already exists: lua19-nova22"
        raise KeyError(told)

    with pytest.raises(SystemExit) as ended:
        command()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "KeyError" in said
    assert not [value for value in ("Ana", "lua19-nova22 ", "exists: lua") if value in said]


def test_a_system_shows_nothing_of_what_its_programs_are_given():
    service = {"command": ["x", "--token", "lua17-nova22"], "env": {"API_TOKEN": "lua18-nova22"}}
    system = System.model_validate({"system": {"name": "shop"}, "service": {"api": service}})
    assert (repr(system), str(system)) == ("System(name='shop')", "name='shop'")


def test_the_end_of_a_log_is_clean_however_it_is_cut_off(tmp_path):
    """A key of many lines, of which the end of a log has the last ones, and a number at its beginning."""
    key = ["-----BEGIN PRIVATE KEY-----", *["MIIEpAIBAAKCAQEA75SRuabcdefghijklmnopqrstuvwxyzABC"] * 30]
    lines = ["529.982.247-25" * 900, *key, "MIIE=", "-----END PRIVATE KEY-----", "it ended"]
    (tmp_path / "a.log").write_text("\n".join(lines))
    keeper = Keeper.__new__(Keeper)
    keeper.spec = KeeperSpec(
        name="x", scratch=tmp_path, argv=("x",), env={}, cwd=tmp_path, log=tmp_path / "a.log"
    )
    for shown in (1, 3, 20):
        said = keeper.log_tail(shown)
        assert said.endswith("it ended")
        assert not [part for part in ("MIIE", "529", "247-25") if part in said]


def test_the_names_in_an_answer_are_shown_and_what_it_has_for_names_is_not():
    answer = {"status": "ok", "checks": [{"db": 1}], "Ana Maria": {"52998224725": 2}}
    said = dict(leaves(answer, lambda text: f"#{len(text)}"))
    assert said == {"status": "ok", "checks[0].db": 1, "#9.#11": 2}
