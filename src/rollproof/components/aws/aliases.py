"""Going back to the version that served before, by moving every function's alias; nothing is deployed."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.aws.aftermath import read_metrics
from rollproof.components.aws.aliasundo import undo_aliases
from rollproof.components.aws.api import Apis
from rollproof.components.aws.clients import Aws, calling, code_of
from rollproof.components.aws.cloud import BEFORE, Cloud
from rollproof.components.aws.function import LATEST, Functions, Serving
from rollproof.components.aws.logs import has_group
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import (
    AttemptFailed,
    EnvironmentUnavailable,
    NotApplicable,
    PreconditionNotMet,
    RollproofError,
)
from rollproof.model.json import Json, JsonObject
from rollproof.model.system import System


@dataclass(frozen=True)
class RememberFunctions(Act):
    """Notes which version of each function serves while all is well: that is what "previous" will mean.

    Everything that can be tried is tried, so that logs and metrics have something to say.
    """

    name = "functions.remember"

    def run(self, drill: Drill) -> JsonObject:
        cloud, functions = drill.use(Cloud), drill.use(Functions)
        functions.before = functions.there()
        if not functions.before:
            raise PreconditionNotMet(
                "none of the declared functions is there", remedy="deploy a release first"
            )
        if ill := [*_ill_apis(drill), *_ill_functions(functions)]:
            raise PreconditionNotMet("; ".join(ill), doing="making sure that all is well before the fault")
        wanted = ("function", "api") if drill.system.api else ("function",)
        cloud.look(BEFORE, *(kind for kind in wanted if kind not in cloud.seen.get(BEFORE, {})))
        if drill.system.api:
            drill.use(Apis).discover(cloud.seen[BEFORE]["api"])
        functions.logged = frozenset(
            key for key, serving in functions.before.items() if has_group(cloud, serving.log_group)
        )
        read_metrics(drill, BEFORE)
        drill.recorder.note(
            "functions.seen",
            {"label": BEFORE, "items": [serving.to_json() for serving in functions.before.values()]},
        )
        return {"count": len(functions.before)}


def stacks_of_first_api(system: System) -> tuple[str, ...]:
    """Keys of the stacks that the first declared API with functions behind it needs, in any order.

    Empty, which is all of them, when no API says which functions and stacks it is made of.
    """
    for api in system.api.values():
        stacks = [api.stack, *(system.function[key].stack for key in api.functions if key in system.function)]
        if api.functions and all(stacks):
            return _with_needed(system, [str(stack) for stack in stacks])
    return ()


def _with_needed(system: System, wanted: list[str]) -> tuple[str, ...]:
    """These stacks, and those that are deployed before them."""
    found: dict[str, None] = {}
    while wanted:
        key = wanted.pop()
        if key in system.stack and key not in found:
            found[key] = None
            wanted += system.stack[key].after
    return tuple(found)


def _ill_apis(drill: Drill) -> list[str]:
    found = drill.use(Apis).find() if drill.system.api else {}
    answers = [(key, answer) for key in found for answer in drill.use(Apis).answers(key)]
    return [f"API {key}: {answer.said}" for key, answer in answers if not answer.well]


def _ill_functions(functions: Functions) -> list[str]:
    ill = []
    for key, serving in functions.before.items():
        if functions.declared()[key].payload:
            call = functions.call(key, serving.alias or LATEST)
            ill += [] if call.well else [f"{key} fails when it is called ({call.error or call.refusal})"]
    return ill


@dataclass(frozen=True)
class RollBackFunctions(Act):
    """Moves the alias of every function to the version that served before, all of them or none.

    Which version that is, is what the alias said when all was well; a smaller number proves nothing: the
    version may never have served. Every version is looked for before the first alias is moved.
    """

    name = "function.roll_back"

    def prepare(self, drill: Drill) -> None:
        if not any(spec.alias for spec in drill.system.function.values()):
            raise NotApplicable(f"system {drill.system.name} declares no function with an alias")

    def undo(self, drill: Drill) -> JsonObject | None:
        cloud = drill.use(Cloud)
        return None if cloud.endpoint.private else undo_aliases(cloud, drill.use(Functions).there().values())

    def describe(self, drill: Drill) -> JsonObject:
        before = drill.use(Functions).before
        return {"changes": {key: serving.version for key, serving in before.items() if serving.alias}}

    def run(self, drill: Drill) -> JsonObject:
        functions = drill.use(Functions)
        targets = [serving for serving in functions.before.values() if serving.alias]
        if not targets:
            raise AttemptFailed(
                "which version served before the deploy is not known",
                doing="rolling functions back",
                remedy="look at the functions while all is well; until then, deploy the previous release",
            )
        for target in targets:
            _expect_version(functions, target)
        moved: list[Json] = []
        for target in targets:
            try:
                move_alias(drill.use(Cloud).aws, target)
            except (AttemptFailed, EnvironmentUnavailable) as error:
                raise _half_way(error, moved, target, len(targets)) from error
            moved.append(target.key)
        drill.incident("executed")
        return {"items": moved, "count": len(moved)}


def _half_way(error: RollproofError, moved: list[Json], target: Serving, count: int) -> AttemptFailed:
    lost = {"indeterminate": 1} if isinstance(error, EnvironmentUnavailable) else {}
    return AttemptFailed(
        f"only {len(moved)} of {count} aliases were moved; {target.key} refused: {error.found}",
        doing="rolling functions back",
        where=f"{target.name}:{target.alias}",
        remedy="run it again: an alias that was moved stays where it is",
        facts={**error.facts, "moved": len(moved), **lost},
    )


def _expect_version(functions: Functions, target: Serving) -> None:
    """Raises AttemptFailed: there is no version to go back to, or it is not what it was."""
    where = f"{target.name}:{target.alias}"
    if target.version == LATEST:
        raise AttemptFailed(
            "the alias pointed at $LATEST, so there is no version to go back to",
            doing="rolling functions back",
            where=where,
            remedy="deploy the previous release, and publish a version with each release from now on",
        )
    for version in (target.version, *target.weights):
        try:
            said = functions.version(target.key, version)
        except AttemptFailed as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            raise AttemptFailed(
                f"version {version}, which served before, is gone",
                doing="rolling functions back",
                where=where,
                remedy="deploy the previous release; let old versions live longer",
            ) from error
        if version == target.version and functions.code_of(target.name, version, said) != target.code:
            raise AttemptFailed(f"version {version} holds other code than it did", where=where)


def move_alias(aws: Aws, target: Serving) -> None:
    """Points an alias at a version, with the shares that it had. Raises AttemptFailed."""
    with calling("moving an alias", where=f"{target.name}:{target.alias}"):
        aws.client("lambda").update_alias(
            FunctionName=target.name,
            Name=target.alias,
            FunctionVersion=target.version,
            RoutingConfig={"AdditionalVersionWeights": dict(target.weights)},
        )
