"""What watches and drives: logs, alarms, rules, schedules, AppConfig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollproof.components.aws.held.base import Asked, Unreadable, gone, reads


@reads("AWS::Logs::LogGroup")
def log_group(asked: Asked) -> Mapping[str, Any]:
    found = asked.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=asked.id)
    group = [item for item in found if item["logGroupName"] == asked.id]
    if not group:
        raise gone(asked)
    tags = asked.maybe("logs", "list_tags_log_group", logGroupName=asked.id).get("tags")
    kept = {key: value for key, value in group[0].items() if key not in ("metricFilterCount", "arn")}
    return {**kept, "tags": tags}


@reads("AWS::Logs::MetricFilter", "AWS::Logs::SubscriptionFilter")
def log_filter(asked: Asked) -> Mapping[str, Any]:
    kind = "metric" if asked.held.kind.endswith("MetricFilter") else "subscription"
    found = asked.every(
        "logs",
        f"describe_{kind}_filters",
        f"{kind}Filters",
        logGroupName=asked.given("LogGroupName"),
        filterNamePrefix=asked.id,
    )
    named = [item for item in found if item["filterName"] == asked.id]
    if not named:
        raise gone(asked)
    found_one: dict[str, Any] = named[0]
    return found_one


@reads("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
def alarm(asked: Asked) -> Mapping[str, Any]:
    composite = asked.held.kind.endswith("CompositeAlarm")
    kind, key = ("CompositeAlarm", "CompositeAlarms") if composite else ("MetricAlarm", "MetricAlarms")
    found = asked.call("cloudwatch", "describe_alarms", AlarmNames=[asked.id], AlarmTypes=[kind]).get(key)
    if not found:
        raise gone(asked)
    volatile = ("ActionsSuppressedBy", "ActionsSuppressedReason", "EvaluationState")
    tags = asked.beside("cloudwatch", "list_tags_for_resource", ResourceARN=found[0]["AlarmArn"]).get("Tags")
    return {**{name: value for name, value in found[0].items() if name not in volatile}, "Tags": tags}


@reads("AWS::CloudWatch::Dashboard")
def dashboard(asked: Asked) -> Mapping[str, Any]:
    return {"Body": asked.call("cloudwatch", "get_dashboard", DashboardName=asked.id)["DashboardBody"]}


@reads("AWS::Events::Rule")
def rule(asked: Asked) -> Mapping[str, Any]:
    bus, _, name = asked.id.rpartition("|")
    place = {"EventBusName": bus} if bus else {}
    said = asked.call("events", "describe_rule", Name=name, **place)
    targets = asked.every("events", "list_targets_by_rule", "Targets", Rule=name, **place)
    enabled = said.get("State")
    return {**said, "Enabled": enabled, "Targets": sorted(targets, key=lambda item: str(item["Id"]))}


@reads("AWS::Events::EventBus")
def event_bus(asked: Asked) -> Mapping[str, Any]:
    return asked.call("events", "describe_event_bus", Name=asked.id)


@reads("AWS::Scheduler::Schedule")
def schedule(asked: Asked) -> Mapping[str, Any]:
    group, _, name = asked.id.rpartition("|")
    said = asked.call("scheduler", "get_schedule", Name=name, **({"GroupName": group} if group else {}))
    return {**said, "Enabled": said.get("State")}


@reads("AWS::AppConfig::Application")
def application(asked: Asked) -> Mapping[str, Any]:
    return asked.call("appconfig", "get_application", ApplicationId=asked.id)


@reads("AWS::AppConfig::DeploymentStrategy")
def strategy(asked: Asked) -> Mapping[str, Any]:
    return asked.call("appconfig", "get_deployment_strategy", DeploymentStrategyId=asked.id)


@reads("AWS::AppConfig::Environment")
def environment(asked: Asked) -> Mapping[str, Any]:
    place = {"ApplicationId": asked.given("ApplicationId"), "EnvironmentId": asked.id}
    return asked.call("appconfig", "get_environment", **place)


@reads("AWS::AppConfig::ConfigurationProfile")
def profile(asked: Asked) -> Mapping[str, Any]:
    place = {"ApplicationId": asked.given("ApplicationId"), "ConfigurationProfileId": asked.id}
    return asked.call("appconfig", "get_configuration_profile", **place)


@reads("AWS::AppConfig::HostedConfigurationVersion")
def hosted_version(asked: Asked) -> Mapping[str, Any]:
    number = asked.id.rpartition("|")[2]
    if not number.isdecimal():
        raise Unreadable("its id does not say which version it is")
    said = asked.call(
        "appconfig",
        "get_hosted_configuration_version",
        ApplicationId=asked.given("ApplicationId"),
        ConfigurationProfileId=asked.given("ConfigurationProfileId"),
        VersionNumber=int(number),
    )
    content = said["Content"].read()
    return {
        "ContentType": said.get("ContentType"),
        "Content": asked.digests.of(content.decode("utf-8", "replace")),
    }


@reads("AWS::AppConfig::Deployment")
def deployment(asked: Asked) -> Mapping[str, Any]:
    """What the environment serves now, whichever deployment put it there."""
    place = {
        "ApplicationId": asked.given("ApplicationId"),
        "EnvironmentId": asked.given("EnvironmentId"),
    }
    found = asked.every("appconfig", "list_deployments", "Items", **place)
    done = [item for item in found if item.get("State") == "COMPLETE"]
    if not done:
        return {"Serves": None}
    newest = max(done, key=lambda item: int(item["DeploymentNumber"]))
    said = asked.call("appconfig", "get_deployment", **place, DeploymentNumber=newest["DeploymentNumber"])
    hosted = asked.maybe(
        "appconfig",
        "get_hosted_configuration_version",
        ApplicationId=place["ApplicationId"],
        ConfigurationProfileId=said["ConfigurationProfileId"],
        VersionNumber=int(said["ConfigurationVersion"]) if said["ConfigurationVersion"].isdecimal() else 0,
    )
    content = hosted["Content"].read().decode("utf-8", "replace") if hosted else said["ConfigurationVersion"]
    return {"Serves": asked.digests.of(content), "Profile": said["ConfigurationProfileId"]}
