"""What a release can do to functions, for systems that declare no release that is broken in that way.

Each is done as a deploy would do it: `$LATEST` is changed, a version published, the alias moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from rollproof.components.aws.aliases import move_alias
from rollproof.components.aws.api import Apis
from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import LATEST, Functions, Serving
from rollproof.components.postgres.admin import create_database, drop_database
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.cloning import replace_in_place
from rollproof.diagnosis import Change
from rollproof.diagnosis.linking import says_release
from rollproof.drill.drill import Drill
from rollproof.errors import NotApplicable
from rollproof.faults.base import Fault
from rollproof.faults.network import DatabaseUnreachable
from rollproof.model.json import JsonObject

NO_HANDLER = "rollproof_no_such_module.handler"
_TELLING = re.compile(r"(?i)DATABASE|DB|PG|DSN|HOST|URL|TABLE|QUEUE|BUCKET|SECRET|PATH|ENDPOINT|ARN")
_CLOSED_PORT = "1"


def serve_changed(drill: Drill, key: str, **configuration: Any) -> Serving:
    """Changes a function's configuration and lets it serve, as a deploy does; what serves then."""
    cloud, functions = drill.use(Cloud), drill.use(Functions)
    serving = functions.serving(key)
    client = cloud.client("lambda")
    with calling("changing a function", where=serving.name):
        client.update_function_configuration(FunctionName=serving.name, **configuration)
    functions.settle(serving.name)
    if not serving.alias:
        return functions.serving(key)
    with calling("publishing a version", where=serving.name):
        version = client.publish_version(FunctionName=serving.name)["Version"]
    functions.settle(serving.name, version)
    move_alias(cloud.aws, replace(serving, version=version, weights={}))
    return functions.serving(key)


def fails(drill: Drill) -> bool:
    """Whether an API or a function that can be tried does not answer as it should."""
    functions, apis = drill.use(Functions), drill.use(Apis)
    places = apis.find() if drill.system.api else {}
    if any(not answer.well for key in places for answer in apis.answers(key)):
        return True
    return any(
        not functions.call(key, serving.alias or LATEST).well
        for key, serving in functions.there().items()
        if functions.declared()[key].payload
    )


class _OfFunctions(Fault):
    """Base: only where the account exists for the run alone, and ends with it."""

    def prepare(self, drill: Drill) -> None:
        if not drill.system.function:
            raise NotApplicable(f"system {drill.system.name} declares no function")
        if not drill.use(Cloud).endpoint.private:
            raise NotApplicable("faults are put into functions only where the account goes away with the run")

    def took_hold(self, drill: Drill) -> bool:
        return fails(drill)


class HandlerBug(_OfFunctions):
    """A release whose handlers cannot be loaded, of every function that can be tried."""

    def inject(self, drill: Drill) -> JsonObject:
        functions = drill.use(Functions)
        tried = [key for key in functions.there() if functions.tries(key)]
        drill.incident("fault", cause="a release whose handlers cannot be loaded was deployed")
        for key in tried:
            serve_changed(drill, key, Handler=NO_HANDLER)
        return {"items": list(tried)}


class BrokenCanary(_OfFunctions):
    """A version whose handler cannot be loaded gets half of the calls, the rest stays where it was."""

    share = 0.5

    def inject(self, drill: Drill) -> JsonObject:
        cloud, functions = drill.use(Cloud), drill.use(Functions)
        tried = [one for one in functions.there().values() if one.alias and functions.tries(one.key)]
        drill.incident("fault", cause="a broken version got a share of the calls")
        for serving in tried:
            broken = serve_changed(drill, serving.key, Handler=NO_HANDLER)
            move_alias(cloud.aws, replace(serving, weights={broken.version: self.share}))
        return {"items": [serving.key for serving in tried]}

    def took_hold(self, drill: Drill) -> bool:
        return any(one.weights for one in drill.use(Functions).there().values())


class WrongVariable(_OfFunctions):
    """A release with one environment variable that is wrong."""

    def inject(self, drill: Drill) -> JsonObject:
        functions = drill.use(Functions)
        drill.incident("fault", cause="a release with a wrong environment variable was deployed")
        for key, serving in functions.there().items():
            for name, value in _wrong_values(drill, serving) if functions.tries(key) else ():
                whole = dict(serving.variables)
                serve_changed(drill, key, Environment={"Variables": whole | {name: value}})
                if fails(drill):
                    return {"item": f"{key}.{name}"}
                serve_changed(drill, key, Environment={"Variables": whole})
        raise NotApplicable(f"no function of {drill.system.name} depends on a variable's value")


def _wrong_values(drill: Drill, serving: Serving) -> Iterator[tuple[str, str]]:
    """Variables with a value that breaks them: the declared ones first, then the most telling names."""
    for spec in drill.system.settings.values():
        if spec.kind == "environment" and spec.function == serving.key:
            yield from ((name, drill.use(Cloud).fill(value)) for name, value in spec.wrong.items())
    releases = frozenset(release.name for release in drill.system.release)
    names = [
        name
        for name, value in serving.variables.items()
        if not says_release(Change(serving.key, "variable", name, value, value), releases)
    ]
    for name in sorted(names, key=lambda name: not _TELLING.search(name)):
        yield name, wrong_value(serving.variables[name])


def wrong_value(value: str) -> str:
    """Another value of the same kind, that leads nowhere."""
    if re.match(r"\w+://", value):
        host = r"(://(?:[^@/]*@)?)[^/:?#]+(?::\d+)?"
        return re.sub(host, rf"\g<1>127.0.0.1:{_CLOSED_PORT}", value, count=1)
    if "=" in value and _is_conninfo(value):
        return f"{value} host=127.0.0.1 port={_CLOSED_PORT}"
    return f"{value}-wrong" if not value.isdigit() else _CLOSED_PORT


def _is_conninfo(value: str) -> bool:
    try:
        return bool(conninfo_to_dict(value))
    except Exception:  # noqa: BLE001  whatever libpq says, it is none
        return False


class MigrationsMissing(_OfFunctions):
    """Nobody has applied a migration since the rows were loaded: the release finds an old database."""

    def prepare(self, drill: Drill) -> None:
        super().prepare(drill)
        if drill.system.database is None:
            raise NotApplicable(f"system {drill.system.name} declares no database")

    def inject(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        migrations = bench.templates.history.migrations
        applied = bench.templates.seed_at
        drill.incident("fault", cause="migrations that the functions need were never applied")
        template = bench.templates.at(applied)
        if bench.server.in_place:
            replace_in_place(bench.server, bench.name, kept=bench.kept, template=template)
        else:
            drop_database(bench.server, bench.name)
            create_database(bench.server, bench.name, template=template)
        return {"migrations": [migration.id for migration in migrations[applied:]]}

    def took_hold(self, drill: Drill) -> bool:
        if not super().took_hold(drill):
            raise NotApplicable(f"no function of {drill.system.name} needs its newest migrations")
        return True


FAULTS: Mapping[str, type[Fault]] = {
    "handler-bug": HandlerBug,
    "wrong-variable": WrongVariable,
    "missing-migration": MigrationsMissing,
    "database-unreachable": DatabaseUnreachable,
    "broken-canary": BrokenCanary,
}
