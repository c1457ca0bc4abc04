"""The decision matrix: the first row that fits decides, holes and dead rows are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rollproof.checks.decisions import (
    decision_follows_matrix,
    done_as_decided,
    each_row_decides,
    no_situation_unanswered,
)
from rollproof.cli import app
from rollproof.decision.matrix import (
    LEVELS,
    Answers,
    Matrix,
    decide,
    default_matrix,
    flaws,
    matrix_of,
    situations,
)
from rollproof.errors import BadInput
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.system import System
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

ROWS = [
    {
        "symptom": "slow",
        "cause": ["held"],
        "action": "roll-back",
        "immediately": "go back",
        "decides": "lead",
    },
    {"symptom": "slow", "action": "investigate", "immediately": "look", "decides": "lead"},
    {
        "symptom": "broken",
        "severity": ["critical"],
        "action": "roll-back",
        "immediately": "x",
        "decides": "lead",
    },
    {"symptom": "broken", "action": "hotfix", "immediately": "mend", "decides": "lead"},
]
SEVERITY = [{"level": "critical", "when": ["core", "production"]}, {"level": "medium", "when": ["staging"]}]


def matrix(rows: list[dict[str, object]] = ROWS, **more: object) -> Matrix:
    contact = {"lead": {"name": "the lead"}}
    return Matrix.model_validate({"decision": rows, "severity": SEVERITY, "contact": contact, **more})


@pytest.mark.parametrize(
    ("answers", "action", "severity"),
    [
        (Answers("slow", "production"), "investigate", "critical"),
        (Answers("slow", "production", "held"), "roll-back", "critical"),
        (Answers("broken", "staging"), "hotfix", "medium"),
        (Answers("broken", "staging", matters=("core",)), "roll-back", "critical"),
        (Answers("broken", "dev"), "hotfix", "low"),
        (Answers("broken", "dev", severity="critical"), "roll-back", "critical"),
        (Answers("broken", "production", severity="low"), "hotfix", "low"),
    ],
)
def test_the_first_row_that_fits_decides(answers: Answers, action: str, severity: str) -> None:
    decided = decide(matrix(), answers)
    assert (decided.action, decided.severity) == (action, severity)


def test_a_decision_says_which_answers_made_it_so() -> None:
    why = decide(matrix(), Answers("slow", "production", "held")).why
    assert why == "symptom slow; cause held; severity critical (production)"


def test_a_symptom_that_no_row_knows_is_bad_input() -> None:
    with pytest.raises(BadInput, match="knows no symptom 'fire'"):
        decide(matrix(), Answers("fire", "production"))


def test_a_sound_matrix_has_no_flaws() -> None:
    assert flaws(matrix()) == []
    assert flaws(default_matrix()) == []


def test_a_row_below_one_that_always_fits_is_dead() -> None:
    found = [flaw.said for flaw in flaws(matrix([ROWS[1], ROWS[0]]))]
    assert found == ["row 2 (slow: roll-back) can never decide: rows above it fit first"]


def test_a_situation_without_a_row_is_a_hole() -> None:
    found = [flaw.said for flaw in flaws(matrix([ROWS[2]]))]
    assert found == [f"no row decides broken of severity {level} in elsewhere" for level in LEVELS[:3]]
    assert decide(matrix([ROWS[2]]), Answers("broken", "dev")).row is None


def test_somebody_who_is_no_contact_is_a_flaw() -> None:
    found = [flaw.said for flaw in flaws(matrix(contact={}))]
    assert len(found) == len(ROWS)
    assert found[0] == "row 1 is decided by 'lead', and there is no such contact"


def test_a_systems_own_decisions_replace_the_shipped_ones_whole() -> None:
    own = {"system": {"name": "shop"}, "decision": ROWS, "contact": {"lead": {"name": "the lead"}}}
    found = matrix_of(System.model_validate(own))
    assert found.symptoms == ("slow", "broken")
    assert list(found.contact) == ["lead"]


def test_a_system_without_decisions_has_the_shipped_ones_and_its_own_contacts() -> None:
    own = {"system": {"name": "shop"}, "contact": {"on-call": {"name": "night shift", "reach": "#night"}}}
    found = matrix_of(System.model_validate(own))
    assert found.decision == default_matrix().decision
    assert found.contact["on-call"].name == "night shift"


_rows = st.lists(
    st.fixed_dictionaries(
        {
            "symptom": st.sampled_from(["a", "b"]),
            "cause": st.sets(st.sampled_from(["x", "y", "unknown"])).map(sorted),
            "severity": st.sets(st.sampled_from(LEVELS)).map(sorted),
            "environments": st.sets(st.sampled_from(["dev", "production"])).map(sorted),
            "action": st.sampled_from(["wait", "investigate", "hotfix", "roll-back"]),
            "immediately": st.just("do"),
            "decides": st.just("lead"),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(_rows)
def test_flaws_are_exactly_the_rows_that_never_decide_and_the_situations_that_none_decides(
    rows: list[dict[str, object]],
) -> None:
    own = matrix(rows)
    every = [(answers, decide(own, answers)) for answers in situations(own)]
    said = [flaw.said for flaw in flaws(own)]
    dead = set(range(1, len(rows) + 1)) - {decided.row for _, decided in every}
    assert {int(line.split()[1]) for line in said if "never decide" in line} == dead
    assert any("no row decides" in line for line in said) == any(d.row is None for _, d in every)


def recorded(story: Story, own: Matrix, answers: Answers, action: str = "") -> None:
    """A decision on record; `action`: another one than the matrix gives."""
    decided = decide(own, answers)
    said: dict[str, Json] = {"answers": answers.to_json(), "decided": decided.to_json()}
    plan = story.attachments.put(own.to_json())
    story.act("incident.decide", decision=action or decided.action, facts=said, plan=plan)


def test_a_decision_other_than_the_matrixs_is_refuted() -> None:
    story = Story()
    recorded(story, matrix(), Answers("slow", "production"), action="roll-back")
    verdict = story.judge(decision_follows_matrix)
    assert verdict.outcome is Outcome.REFUTED
    assert "the matrix says investigate" in verdict.reason


def test_a_decision_in_a_hole_of_the_matrix_is_refuted() -> None:
    story = Story()
    recorded(story, matrix([ROWS[2]]), Answers("broken", "dev"))
    assert story.judge(decision_follows_matrix).outcome is Outcome.REFUTED


def test_no_decision_is_unknown() -> None:
    assert Story().judge(decision_follows_matrix).outcome is Outcome.UNKNOWN
    assert Story().judge(done_as_decided).outcome is Outcome.UNKNOWN


ROLL_BACK, LOOK, MEND = Answers("slow", "dev", "held"), Answers("slow", "dev"), Answers("broken", "dev")


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([ROLL_BACK, "function.roll_back"], Outcome.PROVEN),
        ([LOOK], Outcome.PROVEN),
        ([LOOK, ROLL_BACK, "function.roll_back"], Outcome.PROVEN),
        ([MEND, "hotfix.deploy"], Outcome.PROVEN),
        (["function.roll_back", ROLL_BACK], Outcome.REFUTED),
        ([LOOK, "function.roll_back"], Outcome.REFUTED),
        ([LOOK, "backup.restore", ROLL_BACK, "function.roll_back"], Outcome.REFUTED),
        ([MEND, "function.roll_back"], Outcome.REFUTED),
        ([ROLL_BACK], Outcome.REFUTED),
        ([MEND], Outcome.REFUTED),
        ([ROLL_BACK, "-function.roll_back"], Outcome.REFUTED),
        ([MEND, "-hotfix.deploy"], Outcome.REFUTED),
        ([ROLL_BACK, "?function.roll_back"], Outcome.UNKNOWN),
    ],
)
def test_what_was_done_must_be_what_was_decided(steps: list[Answers | str], outcome: Outcome) -> None:
    story = Story()
    for step in steps:
        if isinstance(step, Answers):
            recorded(story, matrix(), step)
        else:
            ends = {"-": Kind.FAIL, "?": Kind.UNKNOWN}.get(step[0], Kind.OK)
            story.act(step.lstrip("-?"), ends, found="it broke")
    assert story.judge(done_as_decided).outcome is outcome


def asked(own: Matrix, wrong: bool = False) -> Story:
    story = Story()
    items: list[Json] = []
    for answers in situations(own):
        decided = decide(own, answers).to_json()
        items.append({"answers": answers.to_json(), "decided": {**decided, **({"row": 99} if wrong else {})}})
    plan, attached = story.attachments.put(own.to_json()), story.attachments.put(items)
    story.act("decision.rehearse", plan=plan, differences=attached)
    return story


def test_asking_every_row_of_a_sound_matrix_is_proven() -> None:
    assert asked(matrix()).judge(each_row_decides).outcome is Outcome.PROVEN
    assert asked(matrix()).judge(no_situation_unanswered).outcome is Outcome.PROVEN


def test_a_dead_row_or_a_wrong_answer_is_refuted() -> None:
    assert asked(matrix([ROWS[1], ROWS[0]])).judge(each_row_decides).outcome is Outcome.REFUTED
    assert asked(matrix(), wrong=True).judge(each_row_decides).outcome is Outcome.REFUTED


def test_a_hole_or_a_missing_contact_is_refuted() -> None:
    assert asked(matrix([ROWS[2]])).judge(no_situation_unanswered).outcome is Outcome.REFUTED
    assert asked(matrix(contact={})).judge(no_situation_unanswered).outcome is Outcome.REFUTED


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["decide", *arguments])
    return result.exit_code, result.output


def test_the_command_says_what_to_do_by_whom_and_why(tmp_path: Path) -> None:
    file = tmp_path / "decision.json"
    code, output = run("--symptom", "slow", "--environment", "production", "--json", str(file))
    assert code == 0
    assert "investigate" in output
    assert "decides: the team on call" in output
    assert json.loads(file.read_text())["decided"]["action"] == "investigate"


def test_answers_may_come_from_a_file_and_options_win(tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    file.write_text('symptom = "feature-broken"\nenvironment = "production"\n')
    assert "roll back" in run("--answers", str(file))[1]
    assert "hotfix" in run("--answers", str(file), "--environment", "dev")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--symptom", "slow"], "the environment is not given"),
        (["--symptom", "fire", "--environment", "dev"], "unknown symptom 'fire'"),
        (["--symptom", "slow", "--environment", "dev", "--severity", "bad"], "unknown severity 'bad'"),
        (["--symptom", "slow", "--environment", "dev", "--matter", "rain"], "the matrix knows no 'rain'"),
        (["--answers", "nothing.toml"], "the answers cannot be read"),
    ],
)
def test_a_missing_or_wrong_answer_is_one_clear_error(arguments: list[str], said: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert said in output


def test_a_matrix_with_flaws_is_said_so(tmp_path: Path) -> None:
    rows = "".join(
        f'[[decision]]\nsymptom = "slow"\naction = "{action}"\nimmediately = "x"\ndecides = "a"\n'
        for action in ("wait", "hotfix")
    )
    (tmp_path / "system.toml").write_text(f'[system]\nname = "shop"\n{rows}[contact.a]\nname = "a"\n')
    code, output = run("--system", str(tmp_path / "system.toml"), "--matrix")
    assert code == 1
    assert "flaw: row 2 (slow: hotfix) can never decide" in output
