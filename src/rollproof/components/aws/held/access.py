"""IAM and KMS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollproof.components.aws.held.base import Asked, Unreadable, gone, reads

_IDS = ("RoleId", "UserId", "GroupId", "Arn", "CreateDate")


@reads("AWS::IAM::Role")
def role(asked: Asked) -> Mapping[str, Any]:
    return _principal(asked, "role", "RoleName")


@reads("AWS::IAM::User")
def user(asked: Asked) -> Mapping[str, Any]:
    groups = asked.every("iam", "list_groups_for_user", "Groups", UserName=asked.id)
    return {**_principal(asked, "user", "UserName"), "Groups": sorted(item["GroupName"] for item in groups)}


@reads("AWS::IAM::Group")
def group(asked: Asked) -> Mapping[str, Any]:
    return _principal(asked, "group", "GroupName")


def _principal(asked: Asked, kind: str, key: str) -> dict[str, Any]:
    """A role, user or group with its attached and inline policies."""
    place = {key: asked.id}
    said = asked.call("iam", f"get_{kind}", **place)[kind.capitalize()]
    attached = asked.every("iam", f"list_attached_{kind}_policies", "AttachedPolicies", **place)
    names = asked.every("iam", f"list_{kind}_policies", "PolicyNames", **place)
    inline = {
        name: asked.call("iam", f"get_{kind}_policy", **place, PolicyName=name)["PolicyDocument"]
        for name in sorted(names)
    }
    kept = {name: value for name, value in said.items() if name not in _IDS}
    return {**kept, "Attached": sorted(item["PolicyArn"] for item in attached), "Inline": inline}


@reads("AWS::IAM::Policy")
def policy(asked: Asked) -> Mapping[str, Any]:
    """What it says in each role, user and group that it is put into."""
    name = asked.given("PolicyName")
    found: dict[str, Any] = {}
    for kind in ("Role", "User", "Group"):
        for holder in asked.held.properties.get(f"{kind}s") or []:
            if not isinstance(holder, str):
                raise Unreadable(f"its template does not say which {kind.lower()} it is put into")
            place = {f"{kind}Name": holder, "PolicyName": name}
            said = asked.maybe("iam", f"get_{kind.lower()}_policy", **place)
            found[f"{kind} {holder}"] = said.get("PolicyDocument")
    if not any(found.values()):
        raise gone(asked)
    return found


@reads("AWS::IAM::ManagedPolicy")
def managed_policy(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("iam", "get_policy", PolicyArn=asked.id)["Policy"]
    version = said["DefaultVersionId"]
    document = asked.call("iam", "get_policy_version", PolicyArn=asked.id, VersionId=version)
    return {
        "Name": said["PolicyName"],
        "Path": said.get("Path"),
        "Document": document["PolicyVersion"]["Document"],
    }


@reads("AWS::IAM::InstanceProfile")
def instance_profile(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("iam", "get_instance_profile", InstanceProfileName=asked.id)["InstanceProfile"]
    return {"Roles": sorted(item["RoleName"] for item in said["Roles"]), "Path": said.get("Path")}


@reads("AWS::KMS::Key")
def key(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("kms", "describe_key", KeyId=asked.id)["KeyMetadata"]
    rotation = asked.maybe("kms", "get_key_rotation_status", KeyId=asked.id)
    rules = asked.call("kms", "get_key_policy", KeyId=asked.id, PolicyName="default")["Policy"]
    tags = [
        {"Key": item["TagKey"], "Value": item["TagValue"]}
        for item in asked.every("kms", "list_resource_tags", "Tags", KeyId=asked.id)
    ]
    return {**said, "Rotation": rotation.get("KeyRotationEnabled"), "Policy": rules, "Tags": tags}


@reads("AWS::KMS::Alias")
def key_alias(asked: Asked) -> Mapping[str, Any]:
    found = [a for a in asked.every("kms", "list_aliases", "Aliases") if a["AliasName"] == asked.id]
    if not found:
        raise gone(asked)
    return {"Target": found[0].get("TargetKeyId")}
