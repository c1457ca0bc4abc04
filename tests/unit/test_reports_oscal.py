"""oscal.json: NIST's schema, references that lead somewhere, and nothing better than it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_support import HOSTILE, hostile, long_run, sample, whole

from rollproof.evidence import RunSummary, summarise
from rollproof.evidence.oscal import control_id, render_oscal
from rollproof.evidence.oscal_references import oscal_findings
from rollproof.journal import History

SCHEMA = Path(__file__).parents[1] / "schemas" / "oscal-assessment-results.json"


@cache
def schema() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))


def results(run: RunSummary) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render_oscal(run))
    problems = [f"{list(one.instance_path)}: {one.message}"[:300] for one in schema().iter_errors(document)]
    assert problems == []
    found: dict[str, Any] = document["assessment-results"]
    return found


def test_the_schema_refuses_what_is_not_oscal() -> None:
    document = json.loads(render_oscal(whole()))
    del document["assessment-results"]["results"][0]["observations"][0]["collected"]
    assert not schema().is_valid(document)


def test_every_verdict_is_an_observation_and_every_scenario_has_one() -> None:
    (result,) = results(whole())["results"]
    titles = [one["title"] for one in result["observations"]]
    assert len(titles) == sum(max(1, len(one.checks)) for one in whole().scenarios)
    assert any("every row from before is unchanged" in title for title in titles)


def test_findings_say_evidence_supporting_and_only_proven_is_satisfied() -> None:
    (result,) = results(whole())["results"]
    outcomes = {one.name: one.outcome.value for one in whole().scenarios}
    assert result["findings"]
    for one in result["findings"]:
        assert one["description"].startswith("Evidence supporting ")
        satisfied = one["target"]["status"]["state"] == "satisfied"
        assert satisfied == (outcomes[one["title"]] == "proven")
        assert outcomes[one["title"]] not in ("not proven here", "not applicable")
    assert "compliant" not in json.dumps(result).lower()


def test_its_references_lead_somewhere_and_its_journal_is_this_one() -> None:
    assert oscal_findings(render_oscal(whole()), sample()) == []


def test_the_same_journal_gives_the_same_uuids_and_another_others() -> None:
    assert render_oscal(summarise(sample())) == render_oscal(whole())
    other = json.loads(render_oscal(summarise(long_run(2))))
    assert other["assessment-results"]["uuid"] != results(whole())["uuid"]


def _dangling(document: dict[str, Any]) -> None:
    found = document["results"][0]["findings"][0]["related-observations"][0]
    found["observation-uuid"] = "11111111-1111-4111-8111-111111111111"


def _twice(document: dict[str, Any]) -> None:
    observations = document["results"][0]["observations"]
    observations.append(observations[0])


def _subject(document: dict[str, Any]) -> None:
    document["results"][0]["local-definitions"]["components"][0]["uuid"] = (
        "11111111-1111-4111-8111-111111111111"
    )


def _plan(document: dict[str, Any]) -> None:
    document["import-ap"]["href"] = "#11111111-1111-4111-8111-111111111111"


def _target(document: dict[str, Any]) -> None:
    document["results"][0]["findings"][0]["target"]["target-id"] = "cp-10_other"


def _head(document: dict[str, Any]) -> None:
    document["metadata"]["props"][0]["value"] = "0" * 64


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_dangling, "leads nowhere"),
        (_twice, "more than once"),
        (_subject, "subject-uuid"),
        (_plan, "href"),
        (_target, "target-id"),
        (_head, "another journal"),
    ],
)
def test_what_schemas_do_not_see_is_found(spoil: Callable[[dict[str, Any]], None], said: str) -> None:
    document = json.loads(render_oscal(whole()))
    spoil(document["assessment-results"])
    assert any(said in one for one in oscal_findings(json.dumps(document).encode(), sample()))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"assessment-results": {"uuid": 1}}'])
def test_what_is_no_oscal_is_said_to_be_none(body: bytes) -> None:
    assert oscal_findings(body, sample())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_leaves_it_valid(text: str) -> None:
    results(hostile(text))


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=80))
def test_no_text_makes_it_invalid(text: str) -> None:
    run = hostile(text)
    results(run)


def test_a_run_of_nothing_is_refused_by_nothing_but_its_emptiness() -> None:
    body = render_oscal(summarise(History([])))
    assert oscal_findings(body, History([])) == []


def test_control_ids_are_those_of_nists_catalog() -> None:
    assert [control_id(one) for one in ("CM-3(2)", "CP-10", "(", "")] == ["cm-3.2", "cp-10", "", ""]
