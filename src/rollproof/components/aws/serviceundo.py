"""How deploys of services are undone in an account that does not go away with the drill."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from rollproof.components.aws.clients import Aws, calling, verified_aws
from rollproof.components.aws.services import ServiceReleases
from rollproof.drill.drill import Drill
from rollproof.drill.healing import healer
from rollproof.errors import RollproofError
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

SETTLE_SECONDS = 900.0
_HERE: dict[str, Aws] = {}
"""accounts that a drill of this process works in, by their numbers: where a healer gets credentials"""
_SOURCES: dict[tuple[str, str], Mapping[str, Any]] = {}
"""configurations of App Runner services as they were; kept here alone, for variables may be secret"""


def undo_service(drill: Drill, key: str) -> JsonObject | None:
    """What a healer needs to put a service back: its image by digest or its task definition, no variable."""
    releases = drill.use(ServiceReleases)
    endpoint = releases.cloud.endpoint
    if endpoint.private:
        return None
    runner, spec = releases.runner(key), releases.spec(key)
    _HERE[endpoint.account] = releases.cloud.aws
    described = runner.describe()
    if spec.runner == "apprunner":
        _SOURCES.setdefault((endpoint.account, runner.name), deepcopy(described["SourceConfiguration"]))
    image = runner.image
    repository, at, _ = image.partition("@")
    if not at:
        repository, _, tag = image.rpartition(":")
        image = f"{repository}@{releases.images(key).digest_of_tag(tag)}"
    item: dict[str, Json] = {
        "runner": spec.runner,
        "name": runner.name,
        "cluster": releases.cloud.fill(spec.cluster),
        "image": image,
        "definition": str(described.get("taskDefinition", "")),
    }
    return {"kind": "aws.service", "account": endpoint.account, "items": [item]}


@healer("aws.service")
def put_back(undo: JsonObject) -> str:
    """Has the service run what it ran before the act, and waits until it does."""
    account, items = str(undo["account"]), undo["items"]
    aws = _HERE.get(account) or verified_aws(account)
    if aws is None:
        raise RollproofError(
            f"nobody here has credentials for account {account}",
            doing="putting a service back",
            remedy="run the drill again in that account, or deploy the image that the journal names",
        )
    assert isinstance(items, list)
    for item in items:
        assert isinstance(item, Mapping)
        _put_back_ecs(aws, item) if item["runner"] == "ecs" else _put_back_apprunner(aws, account, item)
    return f"{len(items)} services put back"


def _put_back_ecs(aws: Aws, item: Mapping[str, Json]) -> None:
    client, cluster, name = aws.client("ecs"), str(item["cluster"]), str(item["name"])
    with calling("putting a service of ECS back", where=name):
        client.update_service(cluster=cluster, service=name, taskDefinition=str(item["definition"]))

    def settled() -> bool:
        with calling("waiting for a service of ECS", where=name):
            (found,) = client.describe_services(cluster=cluster, services=[name])["services"]
        return [one.get("rolloutState", "COMPLETED") for one in found["deployments"]] == ["COMPLETED"]

    eventually(settled, within=SETTLE_SECONDS, what=f"{name} runs what it did")


def _put_back_apprunner(aws: Aws, account: str, item: Mapping[str, Json]) -> None:
    client, name = aws.client("apprunner"), str(item["name"])
    with calling("looking for a service of App Runner", where=name):
        said = client.list_services()
        listed = list(said["ServiceSummaryList"])
        while token := said.get("NextToken"):
            said = client.list_services(NextToken=token)
            listed += said["ServiceSummaryList"]
    arn = next((one["ServiceArn"] for one in listed if one["ServiceName"] == name), None)
    if arn is None:
        raise RollproofError(f"App Runner has no service {name} any more", doing="putting a service back")

    def settled() -> bool:
        with calling("waiting for a service of App Runner", where=name):
            status = client.describe_service(ServiceArn=arn)["Service"]["Status"]
        return str(status) != "OPERATION_IN_PROGRESS"

    eventually(settled, within=SETTLE_SECONDS, what=f"{name} has settled")
    with calling("putting a service of App Runner back", where=name):
        now = client.describe_service(ServiceArn=arn)["Service"]["SourceConfiguration"]
        source: dict[str, Any] = deepcopy(dict(_SOURCES.get((account, name)) or now))
        source["ImageRepository"]["ImageIdentifier"] = str(item["image"])
        if source != now:
            client.update_service(ServiceArn=arn, SourceConfiguration=source)
    eventually(settled, within=SETTLE_SECONDS, what=f"{name} runs what it did")
