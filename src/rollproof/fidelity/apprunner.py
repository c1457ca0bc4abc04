"""Is there an App Runner here, and does it run what it is given?"""

from __future__ import annotations

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from rollproof.components.aws.clients import Aws
from rollproof.errors import AttemptFailed
from rollproof.fidelity.registry import Finding, experiment
from rollproof.waiting import eventually

SECONDS = 5.0
SERVICE = "apprunner"


@experiment(
    "apprunner-runs-releases",
    "App Runner runs the image that it is given, and refuses one that is not there",
    source="AWS App Runner Developer Guide, Deploying a new application version",
)
def runs_releases(aws: Aws, prefix: str) -> Finding:
    if aws.endpoint.url is None:
        return Finding(True, "this is App Runner itself: nothing stands in for it, so nothing was tried")
    if (listed := _listed(aws.endpoint.url)) and SERVICE not in listed:
        return Finding(
            False, f"the emulator lists {len(listed)} services that it has, and App Runner is not one"
        )
    once = Aws(aws.endpoint, attempts=1).client(SERVICE)
    try:
        once.list_services()
    except (ClientError, BotoCoreError) as error:
        return Finding(False, f"there is no App Runner here: {str(error)[:200]}")
    return _missing_image(
        once, f"{aws.endpoint.account}.dkr.ecr.{aws.endpoint.region}.amazonaws.com/{prefix}:0"
    )


def _listed(url: str) -> frozenset[str]:
    """The services that an emulator says it has; empty when it does not say.

    Asked first, for some take seconds to find out that they do not know a request.
    """
    try:
        said = httpx.get(f"{url}/_localstack/health", timeout=SECONDS, trust_env=False).json()["services"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return frozenset()
    return frozenset(said)


def _missing_image(client: object, image: str) -> Finding:
    source = {
        "ImageRepository": {"ImageIdentifier": image, "ImageRepositoryType": "ECR"},
        "AutoDeploymentsEnabled": False,
    }
    name = image.rpartition("/")[2].partition(":")[0]
    try:
        done = client.create_service(ServiceName=name, SourceConfiguration=source)  # type: ignore[attr-defined]
    except ClientError as error:
        return Finding(True, f"an image that is not there is refused: {str(error)[:200]}")
    arn = done["Service"]["ServiceArn"]

    def settled() -> str | None:
        said = client.describe_service(ServiceArn=arn)["Service"]["Status"]  # type: ignore[attr-defined]
        return None if said == "OPERATION_IN_PROGRESS" else str(said)

    try:
        status = eventually(settled, within=SECONDS, what="the service's creation has ended")
    except AttemptFailed:
        return Finding(None, "a service of an image that is not there was still being created")
    finally:
        client.delete_service(ServiceArn=arn)  # type: ignore[attr-defined]
    return Finding(status == "CREATE_FAILED", f"a service of an image that is not there became {status}")
