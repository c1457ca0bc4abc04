"""Putting aliases of functions back, in an account that does not go away with the drill.

A stack's update does not: CloudFormation compares templates, and an alias that was moved by hand is in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rollproof.components.aws.clients import Aws, calling, code_of, verified_aws
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import Serving
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.model.json import Json, JsonObject

_HERE: dict[str, Aws] = {}
"""accounts that a drill of this process works in, by their numbers: where a healer gets credentials"""


def undo_aliases(cloud: Cloud, serving: Iterable[Serving]) -> JsonObject | None:
    """Which versions the aliases point at now; None where they go away with the account."""
    if cloud.endpoint.private:
        return None
    _HERE[cloud.endpoint.account] = cloud.aws
    items: list[Json] = [
        {"name": one.name, "label": one.alias, "version": one.version, "weights": dict(one.weights)}
        for one in serving
        if one.alias
    ]
    return {"kind": "aws.alias", "account": cloud.endpoint.account, "items": items}


@healer("aws.alias")
def put_back(undo: JsonObject) -> str:
    """An alias that is gone went with its stack, and comes back with it."""
    account, items = str(undo["account"]), undo["items"]
    aws = _HERE.get(account) or verified_aws(account)
    if aws is None:
        raise RollproofError(
            f"nobody here has credentials for account {account}",
            doing="putting aliases back",
            remedy="run `rollproof heal` where the environment's variables are set",
        )
    assert isinstance(items, list)
    moved = sum(_put_one_back(aws, item) for item in items if isinstance(item, Mapping))
    return f"{moved} of {len(items)} aliases moved back"


def _put_one_back(aws: Aws, item: Mapping[str, Json]) -> bool:
    client, place = aws.client("lambda"), {"FunctionName": str(item["name"]), "Name": str(item["label"])}
    weights = item["weights"]
    assert isinstance(weights, Mapping)
    wanted = str(item["version"]), {name: float(str(share)) for name, share in weights.items()}
    try:
        with calling("looking at an alias", where=":".join(place.values())):
            said = client.get_alias(**place)
    except AttemptFailed as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return False
    shares = said.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    if (str(said["FunctionVersion"]), dict(shares)) == wanted:
        return False
    with calling("moving an alias back", where=":".join(place.values())):
        client.update_alias(
            **place,
            FunctionVersion=wanted[0],
            RoutingConfig={"AdditionalVersionWeights": wanted[1]},
        )
    return True
