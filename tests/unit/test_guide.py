"""The guide: shown first, run only when asked, recorded as a drill would be."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rollproof.checks.guided import guide_followed
from rollproof.cli import app
from rollproof.decision.matrix import default_matrix
from rollproof.errors import BadInput
from rollproof.guide.script import _scripts, steps_for
from rollproof.guide.talk import read_answers
from rollproof.journal import Kind, read_journal
from rollproof.model.system import System
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

SHOP = """\
[system]
name = "shop"
[function.cart]
name = "cart-{env}"
alias = "LIVE"
[smoke]
command = ["true"]
[contact.night]
name = "night shift"
level = 1
reach = "#night"
"""
ANSWERS = """\
operator = "Ana"
symptom = "api-500"
environment = "staging"
cause = "handler-bug"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "system.toml").write_text(SHOP)
    return tmp_path


def guided(shop: Path, answers: str = ANSWERS) -> tuple[int, str, list[dict[str, object]]]:
    (shop / "answers.toml").write_text(answers)
    arguments = ["guide", "--system", str(shop), "--answers", str(shop / "answers.toml")]
    result = CliRunner().invoke(app, [*arguments, "--reports", str(shop / "reports")])
    journals = list((shop / "reports").glob("2*/journal.ndjson"))
    events = [json.loads(line) for path in journals for line in path.read_text().splitlines()]
    return result.exit_code, result.output, events


def test_every_symptom_of_the_shipped_matrix_has_a_script() -> None:
    assert set(_scripts()) == set(default_matrix().symptoms)


def test_commands_have_the_systems_own_names_and_nothing_is_left_to_fill_in() -> None:
    system = System.model_validate(
        {
            "system": {"name": "shop"},
            "function": {"cart": {"name": "cart-{env}"}},
            "stack": {"web": {"name": "Web-{env}", "template": "x.json"}},
            "site": {"front": {"bucket": "front-{account}-{env}"}},
            "table": {"orders": {"name": "orders-{env}"}},
            "secret": {"db": {"name": "db/{env}"}},
            "database": {"migrations": {"path": "m"}, "critical_tables": ["a.b"], "app_role": "app"},
        }
    )
    for symptom in default_matrix().symptoms:
        parts = steps_for(system, symptom, "roll-back", environment="prod", region="eu-west-1")
        words = [word for steps in parts.values() for step in steps for word in step.command]
        assert not [word for word in words if "{" in word]
        ids = [step.id for steps in parts.values() for step in steps]
        assert len(ids) == len(set(ids))
    tail = steps_for(system, "api-500", "", environment="prod", region="eu-west-1")["diagnose"][0]
    assert tail.command[:4] == ("aws", "logs", "tail", "/aws/lambda/cart-prod")


def test_a_step_that_lacks_a_value_is_not_run() -> None:
    system = System.model_validate({"system": {"name": "shop"}, "function": {"cart": {"name": "cart"}}})
    steps = steps_for(system, "api-500", "roll-back", environment="prod", region="x")["act"]
    back = next(step for step in steps if step.act == "function.roll_back")
    assert back.asked == ("version of cart to go back to",)
    with pytest.raises(BadInput, match="version of cart to go back to"):
        back.filled({})
    assert back.filled({back.asked[0]: "7"}).command[-3] == "7"


def test_answers_from_a_file_lead_to_the_end_and_are_on_record(shop: Path) -> None:
    code, output, events = guided(shop)
    assert code == 0, output
    assert "aws lambda update-alias --function-name cart-staging --name LIVE" in output
    acts = [event["act"] for event in events if event["kind"] == "ok"]
    assert "function.roll_back" in acts
    assert events[-1]["act"] == "run.finished"
    assert list((shop / "reports").glob("2*/report.html"))
    assert list((shop / "reports").glob("2*/follow-up/*.md"))


def test_nothing_is_run_unless_it_is_asked_for(shop: Path) -> None:
    marker = shop / "ran"
    text = SHOP.replace('["true"]', f'["touch", "{marker}"]')
    (shop / "system.toml").write_text(text)
    assert guided(shop)[0] == 0
    assert not marker.exists()
    code, output, _ = guided(shop, ANSWERS + '[steps]\n"validate.smoke" = "run"\n')
    assert code == 0, output
    assert marker.exists()


def test_a_step_that_is_left_out_is_refuted(shop: Path) -> None:
    code, output, _ = guided(shop, ANSWERS + '[steps]\n"act.roll-back.cart" = "skip"\n')
    assert code == 1
    assert "act.roll-back.cart was left out" in output


def test_a_command_that_fails_is_refuted_and_named(shop: Path) -> None:
    (shop / "system.toml").write_text(SHOP.replace('["true"]', '["false"]'))
    code, output, _ = guided(shop, ANSWERS + '[steps]\n"validate.smoke" = "run"\n')
    assert code == 1
    assert "false ended with 1" in output


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (ANSWERS.replace("api-500", "fire"), "unknown symptom 'fire'"),
        ("operator = 3\n", "operator"),
        ("nonsense", "the answers cannot be read"),
        (ANSWERS + "colour = 1\n", "colour"),
    ],
)
def test_bad_answers_are_one_clear_error(shop: Path, answers: str, said: str) -> None:
    code, output, _ = guided(shop, answers)
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_answers_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_answers(tmp_path / "none.toml")


def test_what_an_item_was_signed_with_is_on_record(shop: Path) -> None:
    signed = '[steps]\n"notify.before" = "skip"\n[signed]\n"before.notified" = "called the hotline"\n'
    code, output, events = guided(shop, ANSWERS + signed)
    assert code == 0, output
    items = {e["data"]["item"]: e["data"] for e in events if e["act"] == "checklist.item"}  # type: ignore[index]
    assert items["before.notified"]["outcome"] == "proven"
    assert items["before.notified"]["check"] == "signed by Ana"


def followed(*steps: str) -> Story:
    story = Story()
    story.event("guide.plan", items=["a", "b", "c"])
    for step in steps:
        ends = {"-": Kind.FAIL, "?": Kind.UNKNOWN}.get(step[0], Kind.OK)
        begun = story.event("guide.step", Kind.BEGIN, item=step.lstrip("-?"), status="by hand")
        story.event("guide.step", ends, of=begun.seq, found="no", user="Ana")
    return story


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        (["a", "b", "c"], Outcome.PROVEN),
        (["a", "-b", "b", "c"], Outcome.PROVEN),
        (["a", "c"], Outcome.REFUTED),
        (["b", "a", "c"], Outcome.REFUTED),
        (["a", "b", "-c"], Outcome.REFUTED),
        (["a", "b", "?c"], Outcome.UNKNOWN),
    ],
)
def test_steps_must_all_be_taken_in_their_order(steps: list[str], outcome: Outcome) -> None:
    assert followed(*steps).judge(guide_followed).outcome is outcome


def test_what_a_person_only_reports_is_named_as_such() -> None:
    assert "done by hand, says Ana: a" in followed("a", "b", "c").judge(guide_followed).findings


def test_without_a_plan_nobody_can_tell() -> None:
    assert Story().judge(guide_followed).outcome is Outcome.UNKNOWN


@pytest.fixture
def terminal(shop: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A guide on a terminal of its own."""
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "rollproof",
        "guide",
        "--system",
        str(shop),
        "--reports",
        str(shop / "r"),
    ]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    yield ours, process
    process.kill()
    process.wait()
    os.close(ours)


def heard(terminal: int) -> str:
    """What comes until nothing comes for a while, or its end."""
    said = b""
    while select.select([terminal], [], [], 20.0)[0]:
        try:
            said += os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if said.rstrip().endswith(b":") or b"report:" in said:
            break
    return said.decode()


def test_a_person_at_a_terminal_is_led_to_the_end(
    terminal: tuple[int, subprocess.Popen[bytes]], shop: Path
) -> None:
    screen, process = terminal
    whole = ""
    answers = {
        "operator": "Ana",
        "symptom": "api-500",
        "environment": "",
        "cause": "handler-bug",
        "matters": "",
    }
    while process.poll() is None:
        said = heard(screen)
        whole += said
        if "report:" in said or not said:
            break
        last = said.strip().splitlines()[-1]
        word = next((answer for name, answer in answers.items() if last.startswith(name)), "d")
        os.write(screen, f"{word}\n".encode())
    assert process.wait(timeout=20) == 0, whole
    assert "proven" in whole
    (journal,) = (shop / "r").glob("2*/journal.ndjson")
    assert read_journal(journal).events[-1].act == "run.finished"
