"""What saboteurs of features/deploy.feature do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from rollproof.components.aws import drift, recovery, releases
from rollproof.components.aws import stack as stacks
from rollproof.components.aws.cloud import BEFORE, Cloud
from rollproof.components.aws.stackfacts import stack_facts
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from tests.sabotage.hooks import _patched


def _failed(drill: Drill) -> str:
    """The stack that the deploy has failed on."""
    operations = [e for e in drill.history.all("stack.operation") if "item" in e.data]
    return str(operations[-1].data["name"])


def _one(drill: Drill, kind: str) -> str:
    """The id of a resource of a kind in the stack that has failed."""
    facts = drill.use(Cloud).seen[BEFORE]["stack"].facts.values()
    stack = _failed(drill)
    found = [fact for fact in facts if fact.kind == kind and fact.name.startswith(f"{stack}/")]
    return str(found[0].attributes["id"])


def keep_logs_longer(drill: Drill, act: Act) -> None:
    """Somebody changes a log group in the console."""
    group = _one(drill, "AWS::Logs::LogGroup")
    drill.use(Cloud).client("logs").put_retention_policy(logGroupName=group, retentionInDays=3653)


def _update(drill: Drill, *, parameters: dict[str, str], tags: dict[str, str]) -> None:
    """Updates the failed stack with the template that it has."""
    cloud, name = drill.use(Cloud), _failed(drill)
    there = stacks.describe(cloud, name)
    known = [item["ParameterKey"] for item in there.get("Parameters", [])]
    cloud.client("cloudformation").update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": key, "ParameterValue": parameters[key]}
            if key in parameters
            else {"ParameterKey": key, "UsePreviousValue": True}
            for key in known
        ],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()] or there["Tags"],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    assert stacks.wait_until_settled(cloud, name, limit=30.0) == "UPDATE_COMPLETE"


def leave_a_parameter(drill: Drill, act: Act) -> None:
    """The stack is well, and one of its parameters is that of another deploy."""
    _update(drill, parameters={"SecurityGroupIds": "sg-0123456789abcdef0"}, tags={})


def leave_a_tag(drill: Drill, act: Act) -> None:
    """The stack is well, and is tagged as that of somebody else."""
    _update(drill, parameters={}, tags={"system": "another"})


def switch_rollback_off(drill: Drill, act: Act) -> None:
    """Somebody deploys with `--disable-rollback`."""
    _patched(drill, stacks, "deploy", partial(stacks.deploy, disable_rollback=True))


def name_another_event(drill: Drill, act: Act) -> None:
    """The report names the last resource that was touched."""

    def last(events: Any) -> Any:
        return [event for event in events if not event.own][-1]

    _patched(drill, stacks, "first_failure", last)


def name_nothing(drill: Drill, act: Act) -> None:
    """The report says that it failed, and not why."""
    _patched(drill, stacks, "first_failure", lambda events: None)


def deploy_nothing(drill: Drill, act: Act) -> None:
    """From now on a deploy reports success and does nothing."""

    def deploy(self: Any, release: Any, source: Any) -> stacks.Operation:
        return stacks.Operation(source.name, "unchanged", "UPDATE_COMPLETE", 0.0)

    _patched(drill, releases.Deployments, "deploy", deploy)


def _afterwards(drill: Drill, what: Callable[[], object]) -> None:
    """Strikes after the deploys to come."""
    deploy_all = releases.Deployments.deploy_all

    def deploy(self: Any, *arguments: Any) -> Any:
        done = deploy_all(self, *arguments)
        what()
        return done

    _patched(drill, releases.Deployments, "deploy_all", deploy)


def shrink_a_function_afterwards(drill: Drill, act: Act) -> None:
    """The deploy succeeds, and one function has other settings than it had with that release."""
    name = _one(drill, "AWS::Lambda::Function")
    client = drill.use(Cloud).client("lambda")
    _afterwards(drill, lambda: client.update_function_configuration(FunctionName=name, Timeout=1))


def _log_group(drill: Drill) -> str:
    """A log group that the failed creation had made."""
    events = stacks.events_of(drill.use(Cloud), _failed(drill))
    return next(e.physical for e in events if e.kind == "AWS::Logs::LogGroup" and e.physical)


def leave_a_log_group(drill: Drill, act: Act) -> None:
    """The rollback of the creation forgets a log group; whoever looks removes it."""
    name, logs = _log_group(drill), drill.use(Cloud).client("logs")
    logs.create_log_group(logGroupName=name)
    delete = recovery.DeleteFailed.run

    def run(self: Any, drill: Drill) -> Any:
        logs.delete_log_group(logGroupName=name)
        return delete(self, drill)

    _patched(drill, recovery.DeleteFailed, "run", run)


def delete_the_failed_stack(drill: Drill, act: Act) -> None:
    """Somebody tidies up."""
    recovery.DeleteFailed().run(drill)


def lose_a_log_group_afterwards(drill: Drill, act: Act) -> None:
    """Everything is created, and one thing is gone right after."""
    logs = drill.use(Cloud).client("logs")

    def lose() -> None:
        facts = stack_facts(drill.use(Cloud)).facts.values()
        name = next(fact.attributes["id"] for fact in facts if fact.kind == "AWS::Logs::LogGroup")
        logs.delete_log_group(logGroupName=name)

    _afterwards(drill, lose)


def forget_what_was_skipped(drill: Drill, act: Act) -> None:
    """The rollback is continued without a resource, and nobody says so."""
    go_on = recovery.ContinueRollback._continue

    def silently(self: Any, drill: Drill, name: str) -> list[Any]:
        go_on(self, drill, name)
        return []

    _patched(drill, recovery.ContinueRollback, "_continue", silently)


def blind_detection(drill: Drill, act: Act) -> None:
    """CloudFormation finds every stack in sync."""
    _patched(drill, drift, "detect", lambda drill, name: [])


def hide_the_drift(drill: Drill, act: Act) -> None:
    """Every look at the resources shows what was there before."""
    cloud = drill.use(Cloud)
    before = cloud.seen[BEFORE]["stack"]

    def look(self: Any, label: str, *kinds: str) -> None:
        cloud.seen.setdefault(label, {})["stack"] = replace(before)

    _patched(drill, Cloud, "look", look)
    _patched(drill, drift, "detect", lambda drill, name: [])


def roll_back_anyway(drill: Drill, act: Act) -> None:
    """The drift is found, and nobody cares."""

    def roll_back(drill: Drill) -> None:
        drill.attempt(drift.LookForDrift())
        drill.attempt(releases.RollBackRelease())

    _patched(drill, drift, "roll_back_unless_drifted", roll_back)


def roll_back_first(drill: Drill, act: Act) -> None:
    """It is rolled back, and only then somebody thinks of drift."""

    def roll_back(drill: Drill) -> None:
        drill.attempt(releases.RollBackRelease())
        drill.attempt(drift.LookForDrift())

    _patched(drill, drift, "roll_back_unless_drifted", roll_back)
