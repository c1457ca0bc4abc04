"""Small releases of stacks for tests, and drills on them in accounts of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rollproof.components.aws.cloud import Cloud
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.model.system import System

SCENARIO = "deploy.feature::scenario"


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def template(**resources: Any) -> dict[str, Any]:
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def parameter(value: object, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **more}}


def failing(trigger: str = "1") -> dict[str, Any]:
    """A resource that fails, in real AWS and here: a wait that nobody answers."""
    return {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": f"Handle{trigger}"}, "Timeout": "1"},
    }


HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}


def make_drill(
    session: DrillSession, root: Path, system: dict[str, Any], *, tags: tuple[str, ...] = ("stack",)
) -> Drill:
    """A scenario in a fresh account. `system` is what stands in its system file."""
    data = {"system": {"name": "shop"}, **system}
    declared = System.model_validate(data).model_copy(update={"source": root / "system.toml"})
    name = f"{SCENARIO}-{len(session.journal.events)}"
    return session.drill(name, declared, about={"tags": list(tags)})


def client(drill: Drill, service: str = "cloudformation") -> Any:
    return drill.use(Cloud).client(service)


def stack_of(drill: Drill, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client(drill).describe_stacks(StackName=name)["Stacks"][0]
    return found
