"""`rollproof environment permissions`: what a drill's role needs, from what runs have really done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput, SystemFileError

if TYPE_CHECKING:
    from rollproof.environments.staging.policy import Where
    from rollproof.journal import Event
    from rollproof.model.json import Json

POLICY, STACKS, ROLE = "policy.json", "stacks{}.json", "role.sql"


@explained
def permissions_command(  # noqa: PLR0917  options of a command
    runs: Annotated[list[Path], typer.Argument(help="folders of runs", metavar="RUN...")],
    system: Annotated[Path | None, typer.Option(help="system file whose environment is meant")] = None,
    environment: Annotated[str, typer.Option(help="environment that the role is for")] = "staging",
    role: Annotated[str, typer.Option(help="name of the Postgres role")] = "rollproof_drill",
    owner: Annotated[
        list[str] | None, typer.Option(help="role that owns the database or what is in it; repeatable")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="folder for policy.json and role.sql")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Write an IAM policy and a Postgres role that allow what these runs did, and nothing else.

    Runs on the embedded environment tell as well: their names are put as the environment's. What
    CloudFormation does with the caller's rights is in stacks.json, by the types of resources in the
    releases' templates. What is called by a system's own commands is in neither.
    """
    from rollproof.environments.staging.policy import calls_of, policy_of
    from rollproof.environments.staging.rights import rights_of, script_of

    events = [event for run in runs for event in _events(run)]
    where, database = _where(events, system, environment)
    called = [item for event in events if event.act == "aws.called" for item in _items(event)]
    policy = policy_of(calls_of(called), where)
    rights = rights_of(events, role=role, owners=owner or (), database=database)
    if called:
        _put(output, POLICY, json.dumps(policy.document, indent=2) + "\n")
    if rights:
        _put(output, ROLE, script_of(rights, role=role))
        if not owner:
            typer.echo("no owner of the database is named: add --owner, or migrations are refused", err=True)
    if not (called or rights):
        raise BadInput("these runs touched neither AWS nor a database", where=str(runs[0]))
    for name in policy.unknown:
        typer.echo(f"no action is known for {name}: add its right by hand", err=True)
    if any(name.service == "cloudformation" for name in calls_of(called)):
        _put_stacks(system, where, output)


def _put_stacks(file: Path | None, where: Where, output: Path | None) -> None:
    """What CloudFormation needs for what the stacks hold, by the templates of the releases."""
    from rollproof.environments.staging.stackrights import needs_by_schema, stack_rights, types_of
    from rollproof.model.systemfile import read_system

    if file is None:
        typer.echo("what stacks hold needs rights of its own: name the system file with --system", err=True)
        return
    region = where.region if where.region != "*" else "us-east-1"
    found = stack_rights(types_of(read_system(file)), needs_by_schema(region))
    for number, document in enumerate(found.documents, start=1):
        _put(output, STACKS.format(f"-{number}" if number > 1 else ""), json.dumps(document, indent=2) + "\n")
    for name in found.unknown:
        typer.echo(f"nobody says what {name} needs: add its rights by hand", err=True)


def _events(run: Path) -> Sequence[Event]:
    from rollproof.drill.recovery import JOURNAL
    from rollproof.journal import read_journal

    return read_journal(run / JOURNAL if run.is_dir() else run).events


def _items(event: Event) -> list[Json]:
    items = event.data.get("items")
    return list(items) if isinstance(items, list | tuple) else []


def _where(events: Sequence[Event], file: Path | None, environment: str) -> tuple[Where, str]:
    """Account and region of the environment, and its database; any, where no system file is given."""
    from rollproof.environments.staging.policy import Where
    from rollproof.model.systemfile import read_system

    there = {str(event.data.get("environment")) for event in events if event.act == "run.started"}
    renamed = dict.fromkeys(there - {environment}, environment)
    if file is None:
        return Where(renamed=renamed), "postgres"
    declared = read_system(file).environments
    if environment not in declared:
        raise SystemFileError(f"it declares no [environments.{environment}]", where=str(file))
    said = declared[environment]
    database = said.database.name if said.database is not None else "postgres"
    return Where(said.aws_account or "*", said.region or "*", renamed), database


def _put(folder: Path | None, name: str, text: str) -> None:
    if folder is None:
        typer.echo(text, nl=False)
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    typer.echo(str(folder / name))
