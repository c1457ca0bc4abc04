"""In an account that is in use, a drill leaves the stacks as it found them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stack_support import client, make_drill, parameter, stack_of, template, write

import rollproof.components.healers  # noqa: F401  they register themselves
from rollproof.components.aws import stack_undo
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.releases import Deployments, DeployRelease
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.environments.staging.leftovers import stacks_kept
from rollproof.errors import PreconditionNotMet

pytestmark = pytest.mark.slow  # whole systems deployed for each test; the drills do so as well

KILLED = "20200101T000000Z-abcdef"
SECRET = "a-password-in-a-parameter"  # noqa: S105


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


def in_use(session: DrillSession, root: Path) -> Drill:
    """A drill in an account that is not its own."""
    for release in ("1", "2"):
        body = template(Level=parameter({"Ref": "Level"}, Name="level"))
        body["Parameters"] = {"Level": {"Type": "String"}}
        write(root, f"{release}/main.json", body)
    main = {"name": "shop", "template": "main.json", "parameters": {"Level": "{release}"}}
    releases = [{"name": "1", "path": "1"}, {"name": "2", "path": "2"}]
    drill = make_drill(session, root, {"release": releases, "stack": {"main": main}})
    cloud = drill.use(Cloud)
    cloud.endpoint = replace(cloud.endpoint, private=False)
    return drill


def level(drill: Drill) -> str:
    return str(client(drill, "ssm").get_parameter(Name="level")["Parameter"]["Value"])


def there(drill: Drill) -> list[Any]:
    found = client(drill).list_stacks()["StackSummaries"]
    return [item["StackName"] for item in found if item["StackStatus"] != "DELETE_COMPLETE"]


def test_a_stack_gets_template_parameters_and_tags_back(session: DrillSession, tmp_path: Path) -> None:
    drill = in_use(session, tmp_path)
    body = template(Level=parameter(SECRET, Name="level"))
    tags = [{"Key": "team", "Value": "shop"}]
    client(drill).create_stack(StackName="shop", TemplateBody=json.dumps(body), Tags=tags)
    drill.require(DeployRelease("current"))
    assert level(drill) == "2"
    assert drill.heal() == []
    assert level(drill) == SECRET
    assert stack_of(drill, "shop")["Tags"] == tags


def test_a_stack_that_is_deployed_twice_gets_back_what_it_was_before_the_first_time(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = in_use(session, tmp_path)
    body = template(Level=parameter(SECRET, Name="level"))
    client(drill).create_stack(StackName="shop", TemplateBody=json.dumps(body))
    drill.require(DeployRelease("previous"))
    drill.require(DeployRelease("current"))
    assert level(drill) == "2"
    assert drill.heal() == []
    assert level(drill) == SECRET
    assert kept(drill) == []


def test_what_a_killed_run_has_left_is_not_taken_for_what_was_there_before(
    session: DrillSession, tmp_path: Path
) -> None:
    """Whose journal is lost: its lock has expired, and the next run begins on what it left."""
    drill = in_use(session, tmp_path)
    body = template(Level=parameter(SECRET, Name="level"))
    client(drill).create_stack(StackName="shop", TemplateBody=json.dumps(body))
    drill.require(DeployRelease("current"))
    [key] = kept(drill)
    s3, bucket = client(drill, "s3"), drill.use(Deployments).packager.bucket
    theirs = key.replace(f"before/{session.run}/", f"before/{KILLED}/")
    s3.copy_object(Bucket=bucket, Key=theirs, CopySource={"Bucket": bucket, "Key": key})
    stack_undo._KEPT.clear()
    with pytest.raises(PreconditionNotMet, match=f"run {KILLED} has left"):
        drill.require(DeployRelease("previous"))
    aws = drill.use(Cloud).aws
    old = list(stacks_kept(aws, older=timedelta(0)))
    [left] = [one for one in old if one.run == KILLED]
    assert (left.kind, left.name) == ("before", "shop")
    left.remove()
    assert level(drill) == SECRET
    assert kept(drill) == [key]
    assert drill.heal() == []
    assert kept(drill) == []


def kept(drill: Drill) -> list[str]:
    """What is kept in the account of how stacks were."""
    deployments = drill.use(Deployments)
    try:
        found = client(drill, "s3").list_objects_v2(Bucket=deployments.packager.bucket, Prefix="before/")
    except ClientError:
        return []
    return [item["Key"] for item in found.get("Contents", ())]


def test_a_stack_that_was_not_there_is_gone_again(session: DrillSession, tmp_path: Path) -> None:
    drill = in_use(session, tmp_path)
    drill.require(DeployRelease("previous"))
    drill.require(DeployRelease("current"))
    assert there(drill) == ["shop"]
    assert drill.heal() == []
    assert there(drill) == []


def test_no_parameter_enters_the_journal(session: DrillSession, tmp_path: Path) -> None:
    drill = in_use(session, tmp_path)
    body = template(Level=parameter(SECRET, Name="level"))
    client(drill).create_stack(StackName="shop", TemplateBody=json.dumps(body))
    drill.require(DeployRelease("current"))
    assert SECRET not in session.journal.path.read_text()


def test_an_account_that_nobody_has_credentials_for_is_named(
    session: DrillSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = in_use(session, tmp_path)
    drill.require(DeployRelease("current"))
    with monkeypatch.context() as patch:
        patch.setattr(stack_undo, "HERE", {})
        [failure] = drill.heal()
    assert drill.use(Cloud).endpoint.account in failure
    assert drill.heal() == []
