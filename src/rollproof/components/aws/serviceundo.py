"""How deploys of services are undone in an account that does not go away with the drill."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from secrets import token_hex
from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of, verified_aws
from rollproof.components.aws.services import ServiceReleases
from rollproof.components.aws.tags import drill_tags
from rollproof.drill.drill import Drill
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

SETTLE_SECONDS = 900.0
KEPT = "rollproof/"
"""How the names of secrets begin in which it is kept what services were."""
_HERE: dict[str, Aws] = {}
"""accounts that a drill of this process works in, by their numbers: where a healer gets credentials"""
_KEPT: dict[tuple[str, str], str] = {}
"""names of the secrets in which it is kept how App Runner services were, by account and service"""


def undo_service(drill: Drill, key: str) -> JsonObject | None:
    """What a healer needs to put a service back: its image by digest or its task definition, no variable."""
    releases = drill.use(ServiceReleases)
    endpoint = releases.cloud.endpoint
    if endpoint.private:
        return None
    runner, spec = releases.runner(key), releases.spec(key)
    _HERE[endpoint.account] = releases.cloud.aws
    described = runner.describe()
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
    known = endpoint.account, runner.name
    if spec.runner == "apprunner" and known not in _KEPT:
        run = drill.recorder.journal.run
        item["kept"] = _keep(releases.cloud.aws, item, described["SourceConfiguration"], run=run)
        _KEPT[known] = str(item["kept"])
    return {"kind": "aws.service", "account": endpoint.account, "items": [item]}


def _keep(aws: Aws, item: JsonObject, source: Mapping[str, Any], *, run: str) -> str:
    """Keeps a configuration in the account, for its variables may be secret; the name that it is kept under.

    App Runner has no revision of it to go back to, and no journal may hold it.
    """
    name = f"{KEPT}{run}/{item['name']}-{token_hex(3)}"
    said = json.dumps({"item": {**item, "kept": name}, "source": source})
    tags = [{"Key": key, "Value": value} for key, value in drill_tags(run).items()]
    with calling("keeping what a service is before the drill", where=name):
        aws.client("secretsmanager").create_secret(Name=name, SecretString=said, Tags=tags)
    return name


def kept(aws: Aws, name: str) -> dict[str, Any] | None:
    """What is kept under a name or an ARN: `item` and `source`; None when it has been put back already."""
    try:
        with calling("reading what a service was before the drill", where=name):
            text = aws.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except AttemptFailed as error:
        if code_of(error) in ("ResourceNotFoundException", "InvalidRequestException"):
            return None
        raise
    found: dict[str, Any] = json.loads(text)
    return found


def _forget(aws: Aws, account: str, item: Mapping[str, Json]) -> None:
    name = str(item["kept"])
    try:
        with calling("forgetting what a service was before the drill", where=name):
            aws.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    except AttemptFailed as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
    _KEPT.pop((account, str(item["name"])), None)


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
        _put_back_ecs(aws, item) if item["runner"] == "ecs" else _put_back_apprunner(aws, item)
        if item.get("kept"):
            _forget(aws, account, item)
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


def _put_back_apprunner(aws: Aws, item: Mapping[str, Json]) -> None:
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
        before = kept(aws, str(item["kept"])) if item.get("kept") else None
        source: dict[str, Any] = before["source"] if before else deepcopy(now)
        source["ImageRepository"]["ImageIdentifier"] = str(item["image"])
        if source != now:
            client.update_service(ServiceArn=arn, SourceConfiguration=source)
    eventually(settled, within=SETTLE_SECONDS, what=f"{name} runs what it did")
