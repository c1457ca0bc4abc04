"""What saboteurs of functions and APIs do."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import httpx

from rollproof.components import service
from rollproof.components.aws import aftermath, checkout, diagnosing
from rollproof.components.aws.aliases import RollBackFunctions, move_alias
from rollproof.components.aws.api import Apis
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import LATEST, Functions, Serving
from rollproof.diagnosis import Diagnosis
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.faults.function import NO_HANDLER, serve_changed
from rollproof.faults.network import Network
from tests.sabotage.hooks import _patched


def _lambda(drill: Drill) -> Any:
    return drill.use(Cloud).client("lambda")


def _behind_api(drill: Drill) -> Serving:
    """A function that an API calls."""
    key = next(key for api in drill.system.api.values() for key in api.functions)
    return drill.use(Functions).serving(key)


def _newest(drill: Drill, serving: Serving) -> str:
    pages = _lambda(drill).get_paginator("list_versions_by_function").paginate(FunctionName=serving.name)
    found = [item["Version"] for page in pages for item in page["Versions"] if item["Version"] != LATEST]
    return max(found, key=int)


def one_alias_left(drill: Drill, act: Act) -> None:
    """One of the aliases stays where the bad release had put it."""
    serving = _behind_api(drill)
    move_alias(drill.use(Cloud).aws, replace(serving, version=_newest(drill, serving)))


def share_left(drill: Drill, act: Act) -> None:
    """A tenth of the calls still goes to the bad version."""
    serving = _behind_api(drill)
    move_alias(drill.use(Cloud).aws, replace(serving, weights={_newest(drill, serving): 0.1}))


def past_the_alias(drill: Drill, act: Act) -> None:
    """Somebody has let the API call the function itself in a hurry, not its alias."""
    client = drill.use(Cloud).client("apigateway")
    key, spec = next((key, spec) for key, spec in drill.system.api.items() if spec.kind == "rest")
    api = drill.use(Apis).known[key].id
    for item in client.get_resources(restApiId=api, embed=["methods"])["items"]:
        for method in item.get("resourceMethods", {}):
            place = {"restApiId": api, "resourceId": item["id"], "httpMethod": method}
            uri = client.get_integration(**place)["uri"]
            for key in spec.functions:
                uri = uri.replace(f":{drill.system.function[key].alias}/", "/")
            client.update_integration(
                **place, patchOperations=[{"op": "replace", "path": "/uri", "value": uri}]
            )


def variable_left(drill: Drill, act: Act) -> None:
    """The old code comes back with a variable of the bad release."""
    serving = _behind_api(drill)
    variables = dict(serving.variables) | {"LOG_LEVEL": "debug"}
    serve_changed(drill, serving.key, Environment={"Variables": variables})


def permission_lost(drill: Drill, act: Act) -> None:
    """The API may no longer call the alias."""
    serving = _behind_api(drill)
    place = {"FunctionName": serving.name, "Qualifier": serving.alias}
    policy = _lambda(drill).get_policy(**place)["Policy"]
    for statement in json.loads(policy)["Statement"]:
        _lambda(drill).remove_permission(**place, StatementId=statement["Sid"])


def concurrency_left(drill: Drill, act: Act) -> None:
    """A reserved concurrency, set in the incident, is forgotten."""
    serving = _behind_api(drill)
    _lambda(drill).put_function_concurrency(FunctionName=serving.name, ReservedConcurrentExecutions=1)


def code_altered(drill: Drill, act: Act) -> None:
    """What is served again is not the old version, but something like it under the alias."""
    serving = _behind_api(drill)
    place = _lambda(drill).get_function(FunctionName=serving.name, Qualifier=serving.version)["Code"][
        "Location"
    ]
    package = io.BytesIO(httpx.get(place, trust_env=False).content)
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr("left_over.txt", "from the bad release")
    _lambda(drill).update_function_code(FunctionName=serving.name, ZipFile=package.getvalue())
    drill.use(Functions).settle(serving.name)
    version = _lambda(drill).publish_version(FunctionName=serving.name)["Version"]
    move_alias(drill.use(Cloud).aws, replace(serving, version=version))


def log_group_deleted(drill: Drill, act: Act) -> None:
    """Somebody tidies up, and the log of one function is gone when it is asked for."""
    gone = _behind_api(drill).log_group
    read = aftermath.read_lines

    def deleting(cloud: Cloud, group: str, *, since_ms: int) -> Any:
        if group == gone:
            cloud.client("logs").delete_log_group(logGroupName=group)
        return read(cloud, group, since_ms=since_ms)

    _patched(drill, aftermath, "read_lines", deleting)


def metric_silent(drill: Drill, act: Act) -> None:
    """The metric has not one error, whatever happens."""
    asked = aftermath._sum

    def silent(cloud: Cloud, name: str, metric: str, started: Any) -> float | None:
        return 0.0 if metric == "Errors" else asked(cloud, name, metric, started)

    _patched(drill, aftermath, "_sum", silent)


def failing_now_and_then(drill: Drill, act: Act) -> None:
    """The alias points where it should, but calls of the function fail all the same, some of them."""
    serving = _behind_api(drill)
    broken = serve_changed(drill, serving.key, Handler=NO_HANDLER)
    drill.use(Functions).call(serving.key, serving.alias)
    move_alias(drill.use(Cloud).aws, replace(broken, version=serving.version))


def smoke_always_passes(drill: Drill, act: Act) -> None:
    """Somebody has made the smoke tests green for good, and the APIs' health with them."""
    _patched(drill, service, "_problems", lambda drill, ran: ran.append("smoke tests") or [])


def impatient(drill: Drill, act: Act) -> None:
    """Only spares the test a long wait for a service that will not come back."""
    _patched(drill, service, "VERIFY_SECONDS", 0.3)


def guess(drill: Drill, act: Act) -> None:
    """The diagnosis takes no look at logs or answers: it says what it always says."""
    _patched(drill, diagnosing, "diagnose", lambda evidence: _always())


def _always() -> Any:
    return Diagnosis("permission", "", ("it is always the permissions",))


def nothing(drill: Drill, act: Act) -> None:
    """The act reports success and does nothing."""


def code_rolled_back_all_the_same(drill: Drill, act: Act) -> None:
    """Somebody rolls the code back although it is not at fault."""
    drill.attempt(RollBackFunctions())


def wrong_revision(drill: Drill, act: Act) -> None:
    """The branch was cut from the newest commit, not from the last good one."""
    good = checkout.last_good
    _patched(
        drill, checkout, "last_good", lambda history, target: history.commits[history.deployments.names[-1]]
    )
    assert good


def cut_again(drill: Drill, act: Act) -> None:
    """The network closes again as soon as it has opened."""
    drill.use(Network).cut()
