"""What keeps data: DynamoDB, S3, queues, topics, parameters, secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollproof.components.aws.held.base import Asked, Unreadable, gone, reads, tidy

_BUCKET = {
    "Versioning": ("get_bucket_versioning", None),
    "Encryption": ("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
    "Website": ("get_bucket_website", None),
    "Policy": ("get_bucket_policy", "Policy"),
    "Cors": ("get_bucket_cors", "CORSRules"),
    "Lifecycle": ("get_bucket_lifecycle_configuration", "Rules"),
    "PublicAccess": ("get_public_access_block", "PublicAccessBlockConfiguration"),
    "Ownership": ("get_bucket_ownership_controls", "OwnershipControls"),
    "Notifications": ("get_bucket_notification_configuration", None),
    "Logging": ("get_bucket_logging", "LoggingEnabled"),
    "Replication": ("get_bucket_replication", "ReplicationConfiguration"),
    "ObjectLock": ("get_object_lock_configuration", "ObjectLockConfiguration"),
    "Tags": ("get_bucket_tagging", "TagSet"),
    "Access": ("get_bucket_acl", "Grants"),
    "Acceleration": ("get_bucket_accelerate_configuration", "Status"),
    "Payer": ("get_bucket_request_payment", "Payer"),
}
_NOT_EVERYWHERE = ("Access", "Acceleration", "Payer")


@reads("AWS::S3::Bucket")
def bucket(asked: Asked) -> Mapping[str, Any]:
    """Its settings; what is in it is no part of the stack."""
    asked.call("s3", "head_bucket", Bucket=asked.id)
    found: dict[str, Any] = {}
    for name, (operation, key) in _BUCKET.items():
        ask = asked.beside if name in _NOT_EVERYWHERE else asked.maybe
        said = ask("s3", operation, Bucket=asked.id)
        found[name] = said.get(key) if key else {k: v for k, v in said.items() if k != "ResponseMetadata"}
    return found


@reads("AWS::S3::BucketPolicy")
def bucket_policy(asked: Asked) -> Mapping[str, Any]:
    return asked.call("s3", "get_bucket_policy", Bucket=asked.given("Bucket"))


@reads("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
def table(asked: Asked) -> Mapping[str, Any]:
    """Its settings. Its TableId as well: a table that was made anew is empty."""
    said = asked.call("dynamodb", "describe_table", TableName=asked.id)["Table"]
    backups = asked.maybe("dynamodb", "describe_continuous_backups", TableName=asked.id)
    expiry = asked.maybe("dynamodb", "describe_time_to_live", TableName=asked.id)
    tags = asked.every("dynamodb", "list_tags_of_resource", "Tags", ResourceArn=said["TableArn"])
    recovery = (backups.get("ContinuousBackupsDescription") or {}).get("PointInTimeRecoveryDescription") or {}
    more = {
        "PointInTimeRecovery": recovery.get("PointInTimeRecoveryStatus"),
        "TimeToLive": expiry.get("TimeToLiveDescription"),
        "Tags": tags,
        "Policy": asked.beside("dynamodb", "get_resource_policy", ResourceArn=said["TableArn"]).get("Policy"),
    }
    return {**{k: v for k, v in said.items() if k not in ("LatestStreamArn", "LatestStreamLabel")}, **more}


@reads("AWS::SQS::Queue")
def queue(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("sqs", "get_queue_attributes", QueueUrl=asked.id, AttributeNames=["All"])
    tags = asked.maybe("sqs", "list_queue_tags", QueueUrl=asked.id).get("Tags")
    return {**said.get("Attributes", {}), "Tags": tags}


@reads("AWS::SQS::QueuePolicy")
def queue_policy(asked: Asked) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for url in _listed(asked, "Queues"):
        said = asked.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"])
        found[url] = said.get("Attributes", {}).get("Policy")
    if not any(found.values()):
        raise gone(asked)
    return found


@reads("AWS::SNS::Topic")
def topic(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("sns", "get_topic_attributes", TopicArn=asked.id)["Attributes"]
    tags = asked.call("sns", "list_tags_for_resource", ResourceArn=asked.id).get("Tags")
    return {**said, "Tags": tags, "Subscriptions": _subscriptions(asked)}


def _subscriptions(asked: Asked) -> list[Any] | None:
    """Of a topic whose own template lists them; any other's are resources, perhaps of another stack."""
    if not asked.held.properties.get("Subscription"):
        return None
    listed = asked.every("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=asked.id)
    return sorted([str(item["Protocol"]), asked.digests.of(str(item["Endpoint"]))] for item in listed)


@reads("AWS::SNS::TopicPolicy")
def topic_policy(asked: Asked) -> Mapping[str, Any]:
    return {
        arn: asked.call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"].get("Policy")
        for arn in _listed(asked, "Topics")
    }


@reads("AWS::SNS::Subscription")
def subscription(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("sns", "get_subscription_attributes", SubscriptionArn=asked.id)["Attributes"]
    kept = (
        "Protocol",
        "TopicArn",
        "FilterPolicy",
        "FilterPolicyScope",
        "RawMessageDelivery",
        "RedrivePolicy",
    )
    found = {key: said.get(key) for key in kept}
    return {**found, "Endpoint": asked.digests.of(str(said.get("Endpoint", "")))}


@reads("AWS::SSM::Parameter")
def parameter(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("ssm", "get_parameter", Name=asked.id)["Parameter"]
    filters = [{"Key": "Name", "Values": [asked.id]}]
    about = asked.every("ssm", "describe_parameters", "Parameters", ParameterFilters=filters)
    tags = asked.call("ssm", "list_tags_for_resource", ResourceType="Parameter", ResourceId=asked.id)
    kept = {key: value for item in about[:1] for key, value in item.items() if key != "LastModifiedUser"}
    return {**kept, "Value": asked.digests.of(said["Value"]), "Tags": tags.get("TagList")}


@reads("AWS::SecretsManager::Secret")
def secret(asked: Asked) -> Mapping[str, Any]:
    """Its settings, never its value."""
    said = asked.call("secretsmanager", "describe_secret", SecretId=asked.id)
    policy = asked.maybe("secretsmanager", "get_resource_policy", SecretId=asked.id)
    kept = ("Name", "Description", "KmsKeyId", "Tags", "ReplicationStatus", "OwningService")
    doomed = bool(said.get("DeletedDate"))
    return {
        **{key: said.get(key) for key in kept},
        "Policy": policy.get("ResourcePolicy"),
        "ScheduledForDeletion": doomed,
    }


@reads("AWS::SecretsManager::RotationSchedule")
def rotation(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("secretsmanager", "describe_secret", SecretId=asked.given("SecretId"))
    return {key: said.get(key) for key in ("RotationEnabled", "RotationLambdaARN", "RotationRules")}


@reads("AWS::SecretsManager::ResourcePolicy")
def secret_policy(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("secretsmanager", "get_resource_policy", SecretId=asked.given("SecretId"))
    if not said.get("ResourcePolicy"):
        raise gone(asked)
    return {"Policy": said["ResourcePolicy"]}


@reads("AWS::SecretsManager::SecretTargetAttachment")
def attachment(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("secretsmanager", "describe_secret", SecretId=asked.given("SecretId"))
    return {"Name": said.get("Name")}


@reads("AWS::Kinesis::Stream")
def stream(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("kinesis", "describe_stream_summary", StreamName=asked.id)
    kept = ("StreamModeDetails", "RetentionPeriodHours", "OpenShardCount", "EncryptionType", "KeyId")
    return {key: said["StreamDescriptionSummary"].get(key) for key in kept}


@reads("AWS::ECR::Repository")
def repository(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("ecr", "describe_repositories", repositoryNames=[asked.id])["repositories"][0]
    policy = asked.maybe("ecr", "get_repository_policy", repositoryName=asked.id).get("policyText")
    rules = asked.maybe("ecr", "get_lifecycle_policy", repositoryName=asked.id).get("lifecyclePolicyText")
    return {**said, "Policy": policy, "Lifecycle": rules}


def _listed(asked: Asked, name: str) -> list[str]:
    value = tidy(asked.held.properties.get(name))
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unreadable(f"its template does not say which {name} it is of")
    return [str(item) for item in value]
