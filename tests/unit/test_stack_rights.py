"""What CloudFormation needs is taken from the types of resources, and fits into policies that IAM takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_iam_policy import findings

from rollproof.environments.staging.stackrights import (
    LONGEST,
    needs_by_schema,
    stack_rights,
    types_of,
)
from rollproof.model.system import System
from rollproof.model.systemfile import read_system

ALQUIMISTA = Path(__file__).parents[2] / "systems" / "alquimista" / "system.toml"


def actions_of(document: dict[str, Any]) -> set[str]:
    return {action for statement in document["Statement"] for action in statement["Action"]}


def test_only_cloudformation_may_do_it_and_what_nobody_knows_is_named() -> None:
    known = {
        "AWS::SNS::Topic": ["sns:CreateTopic", "sns:DeleteTopic"],
        "AWS::SSM::Parameter": ["ssm:PutParameter"],
    }
    found = stack_rights([*known, "AWS::Serverless::Function", "Shop::Own::Thing"], known.get)
    assert found.unknown == ("AWS::Serverless::Function", "Shop::Own::Thing")
    [document] = found.documents
    assert actions_of(document) == {"sns:CreateTopic", "sns:DeleteTopic", "ssm:PutParameter"}
    for statement in document["Statement"]:  # type: ignore[union-attr]
        assert statement["Condition"] == {  # type: ignore[index, call-overload]
            "ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}
        }


def test_what_a_stack_calls_itself_is_allowed_too() -> None:
    found = stack_rights(["Custom::Gate", "AWS::CloudFormation::WaitCondition"], dict[str, list[str]]().get)
    assert found.unknown == ()
    assert set.union(*map(actions_of, found.documents)) == {"lambda:InvokeFunction", "sns:Publish"}


def test_without_resources_there_is_no_policy() -> None:
    assert stack_rights([], dict[str, list[str]]().get).documents == ()


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 400), min_size=1))
def test_every_policy_is_short_enough_and_nothing_gets_lost(sizes: dict[str, int]) -> None:
    needs = {name: [f"{name}:Action{number:05}" for number in range(size)] for name, size in sizes.items()}
    documents = stack_rights(needs, needs.get).documents
    assert all(len(json.dumps(one, separators=(",", ":"))) <= LONGEST for one in documents)
    assert set.union(*map(actions_of, documents)) == {action for some in needs.values() for action in some}
    for document in documents:
        names = [one["Sid"] for one in document["Statement"]]  # type: ignore[union-attr, index, call-overload]
        assert len(names) == len(set(names))


def test_types_are_those_of_all_templates_that_can_be_read(tmp_path: Path) -> None:
    for name, text in {
        "1": json.dumps({"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}),
        "2": "Resources:\n  A:\n    Type: AWS::SSM::Parameter\n",
        "3": "{broken",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.json").write_text(text)
    said = {
        "system": {"name": "shop"},
        "stack": {"main": {"name": "shop", "template": "main.json"}},
        "release": [{"name": name, "path": name} for name in ("1", "2", "3", "4")],
    }
    system = System.model_validate(said).model_copy(update={"source": tmp_path / "system.toml"})
    assert types_of(system) == {"AWS::SNS::Topic", "AWS::SSM::Parameter"}


@pytest.mark.slow  # reading the schemas takes seconds
def test_the_reference_systems_stacks_are_known_and_iam_takes_what_they_need(tmp_path: Path) -> None:
    found = stack_rights(types_of(read_system(ALQUIMISTA)), needs_by_schema("sa-east-1"))
    assert found.unknown == ()
    assert {"lambda:CreateFunction", "iam:PassRole", "dynamodb:UpdateTable"} <= set.union(
        *map(actions_of, found.documents)
    )
    for document in found.documents:
        assert findings(document, tmp_path) == []
