"""Allure results: each Gherkin step with its status, what was done in it, and the evidence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evidence_poison import poisoned
from report_support import HOSTILE, sample, whole

from rollproof.evidence.allure_results import render_allure


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return dict(render_allure(sample()))


@pytest.fixture(scope="module")
def results(files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [json.loads(body) for name, body in files.items() if name.endswith("-result.json")]


def label(result: dict[str, Any], name: str) -> list[str]:
    return [one["value"] for one in result["labels"] if one["name"] == name]


def test_there_is_one_result_a_scenario_with_the_status_that_its_outcome_means(
    results: list[dict[str, Any]],
) -> None:
    told = [(label(one, "outcome")[0], one["status"]) for one in results]
    assert told == [
        ("proven", "passed"),
        ("refuted", "failed"),
        ("unknown", "broken"),
        ("not proven here", "skipped"),
        ("not applicable", "skipped"),
    ]


def test_every_gherkin_step_is_there_with_its_acts_inside(results: list[dict[str, Any]]) -> None:
    for one, scenario in zip(results, whole().scenarios, strict=True):
        wanted = [str(act.data["name"]) for act in scenario.steps if act.act == "step"]
        names = [step["name"] for step in one.get("steps", [])]
        assert [name for name in names if name in wanted] == wanted
    backup = next(step for step in results[0]["steps"] if "a backup" in step["name"])
    assert [step["name"] for step in backup["steps"]] == [
        "backup taken, before.dump, 3.1 MB",
        "backup rehearsed, before.dump, 48,211 rows, 19 tables",
    ]


def test_a_refuted_check_makes_its_step_fail_and_gives_the_reason(results: list[dict[str, Any]]) -> None:
    steps = {step["name"]: step for step in results[1]["steps"]}
    assert steps["Then every row from before that migration is unchanged"]["status"] == "failed"
    verdicts = steps["Verdicts of the checks"]["steps"]
    assert verdicts[0]["name"].startswith("refuted: ")
    assert "leads_phone_idx" in verdicts[0]["statusDetails"]["message"]


def test_what_is_attached_is_there(files: dict[str, bytes], results: list[dict[str, Any]]) -> None:
    for result in results:
        for one in result["attachments"]:
            assert f"allure-results/{one['source']}" in files
    (excerpt,) = [one for one in results[0]["attachments"] if one["source"].endswith(".ndjson")]
    lines = files[f"allure-results/{excerpt['source']}"].splitlines()
    assert all(json.loads(line)["actor"].startswith(whole().scenarios[0].id) for line in lines)


def test_the_same_journal_gives_the_same_files(files: dict[str, bytes]) -> None:
    assert dict(render_allure(sample())) == files


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_leaves_results_that_can_be_read(text: str) -> None:
    spoken = text.encode("utf-8", "ignore").decode()  # no journal holds half a letter
    for name, body in render_allure(poisoned(sample(), spoken)):
        if name.endswith(".json"):
            json.loads(body)
