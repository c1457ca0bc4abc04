"""Does ECS here run the tasks that it says are running?"""

from __future__ import annotations

from botocore.exceptions import ClientError

from rollproof.components.aws.clients import Aws
from rollproof.fidelity.registry import Finding, experiment

_PLACE = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}


@experiment(
    "ecs-runs-releases",
    "ECS runs the image that it is given, and does not call a task running whose image is not there",
    source="Amazon ECS Developer Guide, Stopped tasks error messages: CannotPullContainerError",
)
def runs_releases(aws: Aws, prefix: str) -> Finding:
    if aws.endpoint.url is None:
        return Finding(True, "this is ECS itself: nothing stands in for it, so nothing was tried")
    client = Aws(aws.endpoint, attempts=1).client("ecs")
    image = f"{aws.endpoint.account}.dkr.ecr.{aws.endpoint.region}.amazonaws.com/{prefix}:0"
    container = {"name": "trial", "image": image, "essential": True}
    try:
        client.create_cluster(clusterName=prefix)
        definition = client.register_task_definition(
            family=prefix, containerDefinitions=[container], **_PLACE
        )["taskDefinition"]["taskDefinitionArn"]
        client.create_service(cluster=prefix, serviceName=prefix, taskDefinition=definition, desiredCount=1)
    except ClientError as error:
        return Finding(False, f"ECS takes no service here: {str(error)[:200]}")
    try:
        found = client.describe_services(cluster=prefix, services=[prefix])["services"][0]
    finally:
        client.delete_service(cluster=prefix, service=prefix, force=True)
    running, state = found["runningCount"], found["deployments"][0].get("rolloutState")
    said = f"a service of an image that is not there has {running} tasks running, its deployment is {state}"
    return Finding(not running and state != "COMPLETED", said)
