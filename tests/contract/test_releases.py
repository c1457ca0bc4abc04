"""Deploying releases and going back, on a real emulator, by what is in the account afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack_support import client, make_drill, parameter, stack_of, template, write

from rollproof.components.aws.releases import DeployRelease, RollBackRelease
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import BadInput, NotApplicable, PreconditionNotMet

RELEASES = [{"name": "1", "path": "1"}, {"name": "2", "path": "2"}]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


def values(drill: Any) -> dict[str, str]:
    found = client(drill, "ssm").describe_parameters()["Parameters"]
    names = [item["Name"] for item in found]
    return {name: client(drill, "ssm").get_parameter(Name=name)["Parameter"]["Value"] for name in names}


def test_a_release_is_deployed_and_the_one_before_comes_back(session: DrillSession, tmp_path: Path) -> None:
    for release in "12":
        write(tmp_path, f"{release}/main.json", template(Level=parameter(release, Name="level")))
    stack = {"main": {"name": "shop-{env}", "template": "main.json"}}
    drill = make_drill(session, tmp_path, {"release": RELEASES, "stack": stack})
    drill.require(DeployRelease("previous"))
    drill.require(DeployRelease("current"))
    assert values(drill) == {"level": "2"}
    assert drill.attempt(RollBackRelease())
    assert values(drill) == {"level": "1"}
    assert drill.attempt(RollBackRelease())
    assert values(drill) == {"level": "1"}, "asked again, it must not go forth to the release that was left"
    assert stack_of(drill, "shop-embedded")["StackStatus"] == "UPDATE_COMPLETE"


def test_parameters_tags_and_placeholders_are_filled_in(session: DrillSession, tmp_path: Path) -> None:
    text = """
Parameters:
  Stage: {Type: String}
  Release: {Type: String}
Resources:
  Level:
    Type: AWS::SSM::Parameter
    Properties:
      Name: !Sub "${Stage}-level"
      Type: String
      Value: !Join ["-", [!Ref Release, !Ref "AWS::Region"]]
"""
    write(tmp_path, "1/main.yaml", text)
    stack = {
        "main": {
            "name": "shop-{env}",
            "template": "main.yaml",
            "parameters": {"Stage": "{env}", "Release": "{release}", "Unknown": "x"},
            "tags": {"account": "{account}"},
        }
    }
    drill = make_drill(session, tmp_path, {"release": RELEASES[:1], "stack": stack})
    drill.require(DeployRelease())
    assert values(drill) == {"embedded-level": "1-us-east-1"}
    assert [tag["Key"] for tag in stack_of(drill, "shop-embedded")["Tags"]] == ["account"]


def test_deploying_again_what_is_there_changes_nothing(session: DrillSession, tmp_path: Path) -> None:
    write(tmp_path, "1/main.json", template(Level=parameter("1")))
    stack = {"main": {"name": "shop", "template": "main.json"}}
    drill = make_drill(session, tmp_path, {"release": RELEASES[:1], "stack": stack})
    assert drill.require(DeployRelease())["changes"] == {"shop": "created"}
    assert drill.require(DeployRelease())["changes"] == {"shop": "unchanged"}


def test_a_stack_comes_after_the_one_that_it_imports_from(session: DrillSession, tmp_path: Path) -> None:
    base = template(Level=parameter("1", Name="level"))
    base["Outputs"] = {"Level": {"Value": {"Ref": "Level"}, "Export": {"Name": "shop-level"}}}
    user = template(Copy=parameter({"Fn::ImportValue": "shop-level"}, Name="copy"))
    write(tmp_path, "1/user.json", user)
    write(tmp_path, "1/base.json", base)
    stack = {
        "user": {"name": "user", "template": "user.json"},
        "base": {"name": "base", "template": "base.json"},
    }
    drill = make_drill(session, tmp_path, {"release": RELEASES[:1], "stack": stack})
    assert list(drill.require(DeployRelease())["changes"]) == ["base", "user"]
    assert values(drill) == {"level": "1", "copy": "level"}


def test_the_systems_own_command_deploys_when_there_is_one(session: DrillSession, tmp_path: Path) -> None:
    code = (
        "import os, sys, boto3;"
        "boto3.client('ssm').put_parameter(Name='release', Value=sys.argv[1] + os.environ['RELEASE'],"
        " Type='String', Overwrite=True)"
    )
    deploy = {"command": [sys.executable, "-c", code, "{release}"]}
    drill = make_drill(session, tmp_path, {"release": RELEASES, "deploy": deploy})
    drill.require(DeployRelease())
    assert values(drill) == {"release": "22"}
    drill.attempt(RollBackRelease())
    assert values(drill) == {"release": "11"}


def test_a_command_that_fails_is_told_with_its_last_words(session: DrillSession, tmp_path: Path) -> None:
    deploy = {"command": [sys.executable, "-c", "import sys; sys.exit('no such branch')"]}
    drill = make_drill(session, tmp_path, {"release": RELEASES, "deploy": deploy})
    with pytest.raises(PreconditionNotMet, match="exit code 1; last it said: no such branch"):
        drill.require(DeployRelease())


def test_a_release_of_a_kind_that_is_not_declared_is_not_applicable(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = make_drill(session, tmp_path, {"release": RELEASES})
    with pytest.raises(NotApplicable):
        drill.attempt(DeployRelease("broken:slow"))


def test_a_parameter_without_a_value_is_named_before_anything_is_done(
    session: DrillSession, tmp_path: Path
) -> None:
    body = template(Level=parameter({"Ref": "Stage"}))
    write(tmp_path, "1/main.json", {**body, "Parameters": {"Stage": {"Type": "String"}}})
    stack = {"main": {"name": "shop", "template": "main.json"}}
    drill = make_drill(session, tmp_path, {"release": RELEASES[:1], "stack": stack})
    with pytest.raises(BadInput, match="Stage"):
        drill.require(DeployRelease())
    assert client(drill).list_stacks()["StackSummaries"] == []


def test_a_stack_comes_after_those_that_the_system_file_names(session: DrillSession, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"1/{name}.json", template(Level=parameter(name)))
    stack = {
        "first": {"name": "a-{env}", "template": "a.json", "after": ["second"]},
        "second": {"name": "b-{env}", "template": "b.json"},
    }
    drill = make_drill(session, tmp_path, {"release": RELEASES[:1], "stack": stack})
    assert list(drill.require(DeployRelease())["changes"]) == ["b-embedded", "a-embedded"]
