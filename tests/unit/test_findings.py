"""What was refuted stays on the list until the same check is proven, and nobody can make it vanish."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standing_support import NOW, claim, drilled
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.errors import JournalError
from rollproof.evidence.standing.claims import Claim
from rollproof.evidence.standing.export import EXPORTS
from rollproof.evidence.standing.findings import Finding, State, after, entries_of_run, finding_id
from rollproof.evidence.standing.ledger import LEDGER, enter_run, read_ledger
from rollproof.model.verdict import Outcome

P, R, U = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
REPORTS = Path("reports")
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "keep-rollbacks-ready.md"
LATER = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lived(*runs: Claim) -> Finding:
    """The one finding that these runs leave."""
    found: dict[str, Finding] = {}
    for one in runs:
        found = after(found, entries_of_run(found, [one]))
    (finding,) = found.values()
    return finding


def run(*arguments: object):
    return CliRunner().invoke(app, ["findings", *map(str, arguments)])


def said(result) -> str:
    return result.output + (result.stderr if result.stderr_bytes else "")


def test_a_refuted_check_opens_a_finding_with_owner_and_due_date():
    found = lived(claim(outcome=R))
    assert (found.owner, found.due, found.state(NOW)) == ("ana", "2026-12-22", State.OPEN)
    assert found.id == finding_id(found.place, "rows")
    assert lived(claim(outcome=R, critical=True)).due == "2026-11-29"


def test_the_retest_closes_it_and_names_its_run():
    found = lived(claim(outcome=R, days_ago=2), claim(outcome=P, run="retest"))
    assert (found.state(NOW), found.closed_run) == (State.CLOSED, "retest")


def test_unknown_does_not_close():
    assert lived(claim(outcome=R, days_ago=2), claim(outcome=U)).state(NOW) is State.OPEN


def test_a_check_that_was_proven_in_an_unknown_scenario_does_not_close():
    retest = claim(outcome=U, checks={"rows": P, "ledger": U})
    assert lived(claim(outcome=R, days_ago=2), retest).state(NOW) is State.OPEN


def test_a_check_that_is_proven_closes_though_another_one_is_refuted():
    found = dict(after({}, entries_of_run({}, [claim(outcome=R, days_ago=2)])))
    found = after(found, entries_of_run(found, [claim(outcome=R, checks={"rows": P, "ledger": R})]))
    assert {one.check: one.state(NOW) for one in found.values()} == {
        "rows": State.CLOSED,
        "ledger": State.OPEN,
    }


def test_a_proof_in_another_environment_does_not_close():
    retest = claim(outcome=P, environment="staging")
    assert lived(claim(outcome=R, days_ago=2), retest).state(NOW) is State.OPEN


def test_a_proof_from_before_the_refutation_does_not_close():
    assert lived(claim(outcome=R, days_ago=2), claim(outcome=P, days_ago=3)).state(NOW) is State.OPEN


def test_refuted_again_it_reopens_under_its_old_id():
    runs = [claim(outcome=R, days_ago=3), claim(outcome=P, days_ago=2), claim(outcome=R, run="again")]
    found = lived(*runs)
    assert (found.state(NOW), found.reopened, found.opened_run, found.closed_run) == (
        State.OPEN,
        1,
        "again",
        "",
    )
    assert found.id == lived(runs[0]).id


def test_it_is_overdue_from_the_day_after_its_due_date():
    found = lived(claim(outcome=R))
    assert not found.overdue(NOW + timedelta(days=30))
    assert found.overdue(NOW + timedelta(days=31))


def test_runs_enter_findings_and_each_run_holds_a_copy(here):
    drilled(here / "reports", "one", {"a": "refuted", "b": "proven"})
    second = drilled(here / "reports", "two", {"a": "proven"})
    copy = json.loads((second / "findings.json").read_text())
    assert [(one["state"], one["closed_run"]) for one in copy["findings"]] == [("closed", "two")]
    assert [entry.act.value for entry in read_ledger(here / "reports").entries] == ["opened", "closed"]


def test_a_run_that_was_interrupted_closes_nothing(here):
    drilled(here / "reports", "one", {"a": "refuted"})
    drilled(here / "reports", "two", {"a": "proven"}, finished=False)
    (found,) = read_ledger(here / "reports").findings.values()
    assert not found.closed_run


def test_the_same_run_is_entered_once_however_many_say_so(here):
    claims = [claim("a", R), claim("b", R)]
    threads = [threading.Thread(target=enter_run, args=(here, claims)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_ledger(here).entries) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [lines[0].replace(b"ana", b"bia"), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[1], lines[0]],
        lambda lines: [b"[]", *lines[1:]],
    ],
    ids="altered dropped swapped no-entry".split(),
)
def test_a_ledger_that_was_tampered_with_is_one_clear_error(here, spoil):
    enter_run(here, [claim("a", R), claim("b", R)])
    path = here / LEDGER
    path.write_bytes(b"\n".join([*spoil(path.read_bytes().splitlines()), b""]))
    with pytest.raises(JournalError, match=r"findings are broken|no entry of the findings"):
        read_ledger(here)


def test_half_a_line_that_a_crash_left_is_taken_away(here):
    enter_run(here, [claim("a", R)])
    with (here / LEDGER).open("ab") as file:
        file.write(b'{"seq":2,')
    enter_run(here, [claim("b", R)])
    assert len(read_ledger(here).entries) == 2


@pytest.fixture
def finding(here) -> str:
    drilled(here / "reports", "one", {"a": "refuted"})
    (name,) = read_ledger(here / "reports").findings
    return name


def test_it_is_listed_assigned_and_accepted_by_people(finding):
    assert finding in run("list").output
    assert "; bia; " in run("assign", finding, "--by", "ana", "--to", "bia", "--due", LATER).output
    accepted = run("accept", finding, "--by", "carla", "--reason", "replaced in May", "--until", LATER)
    assert f"accepted by carla until {LATER} (replaced in May)" in accepted.output
    assert json.loads(run("list", "--json").output)[0]["state"] == "accepted"


def test_a_risk_is_accepted_only_by_a_person_with_a_reason_and_until_a_day_to_come(finding):
    wrong = [
        ("--by", " ", "--reason", "r", "--until", LATER),
        ("--by", "ana", "--reason", " ", "--until", LATER),
        ("--by", "ana", "--reason", "r", "--until", "2020-01-01"),
        ("--by", "ana", "--reason", "r", "--until", "soon"),
    ]
    for arguments in wrong:
        result = run("accept", finding, *arguments)
        assert result.exit_code == 2
        assert "error:" in said(result)
    assert run("accept", finding, "--by", "ana", "--until", LATER).exit_code == 2
    assert len(read_ledger(REPORTS).entries) == 1


def test_an_acceptance_ends_with_its_day(finding):
    run("accept", finding, "--by", "ana", "--reason", "r", "--until", LATER)
    found = read_ledger(REPORTS).findings[finding]
    end = datetime.fromisoformat(f"{LATER}T12:00:00+00:00")
    assert found.state(end) is State.ACCEPTED
    assert found.state(end + timedelta(days=1)) is State.OPEN


def test_a_finding_that_is_not_there_is_one_clear_error(finding):
    assert "there is no finding 'F-x'" in said(run("assign", "F-x", "--by", "ana", "--to", "bia"))


def test_overdue_ones_make_the_command_fail(finding):
    assert run("list", "--overdue").exit_code == 0
    run("assign", finding, "--by", "ana", "--due", "2020-01-01")
    assert run("list", "--overdue").exit_code == 1


def test_exports_are_files_for_each_tool(finding, here):
    for kind, name in (("github", f"{finding}.json"), ("jira", "jira.json"), ("csv", "findings.csv")):
        assert run("export", "--as", kind, "--output", "out").exit_code == 0
        assert finding in (here / "out" / name).read_text(encoding="utf-8")
    assert set(json.loads((here / "out" / f"{finding}.json").read_text())) == {"title", "body", "labels"}


def test_a_name_that_is_a_formula_or_a_mention_does_no_harm():
    found = lived(claim('=HYPERLINK("x") @team', R))
    rows = list(csv.DictReader(io.StringIO(EXPORTS["csv"]([found], NOW)["findings.csv"])))
    assert rows[0]["name"].startswith("'=")
    assert "@team" not in "".join(EXPORTS["github"]([found], NOW).values())


def test_a_persons_address_stays_out_of_later_runs_which_are_sealed(finding, here):
    run("accept", finding, "--by", "ana@example.com", "--reason", "ask bia@example.com", "--until", LATER)
    folder = drilled(here / "reports", "two", {"b": "proven"})
    kept = json.loads((folder / "findings.json").read_text())["findings"][0]
    assert (kept["state"], kept["until"]) == ("accepted", LATER)
    assert "example.com" not in "".join(
        path.read_text(encoding="utf-8") for path in folder.rglob("*.json") if path.name != "seal.json"
    )


def test_every_command_of_the_how_to_is_one(finding):
    text = HOW_TO.read_text(encoding="utf-8").replace("F-k3xz7qmplo", finding).replace("2027-05-31", LATER)
    commands = re.findall(r"rollproof ([a-z]+ [^`\n]*)(?:`|$)|^rollproof (.+)$", text, re.MULTILINE)
    assert len(commands) > 6
    for inline, own in commands:
        result = CliRunner().invoke(app, shlex.split(inline or own))
        assert result.exit_code in (0, 1, 3), said(result)
