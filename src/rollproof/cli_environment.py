"""`rollproof environment`: what an endpoint does as AWS does, found out by experiments."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from rollproof.cli_errors import explained
from rollproof.cli_permissions import permissions_command
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.environments.base import AwsEndpoint
    from rollproof.fidelity.examining import Examined

app = typer.Typer(help="Look at environments that drills run in.", no_args_is_help=True)

app.command("permissions")(permissions_command)

_SAFE = "http://127.0.0.1:4566"


@app.callback()
def _environment() -> None:
    """Look at environments that drills run in."""


@app.command()
@explained
def check(  # noqa: PLR0917  options of a command
    environment: Annotated[str, typer.Option(help="environment whose endpoint is examined")] = "embedded",
    system: Annotated[
        Path | None, typer.Option(help="system file that the environment is opened for")
    ] = None,
    endpoint_url: Annotated[
        str, typer.Option(help=f"examine this endpoint instead, such as {_SAFE}", metavar="URL")
    ] = "",
    account: Annotated[str, typer.Option(help="the only account that may be touched, 12 digits")] = "",
    region: Annotated[str, typer.Option(help="AWS region")] = "us-east-1",
    access_key_env: Annotated[
        str, typer.Option(help="variable that holds the access key id", metavar="NAME")
    ] = "",
    secret_key_env: Annotated[
        str, typer.Option(help="variable that holds the secret access key", metavar="NAME")
    ] = "",
    session_token_env: Annotated[
        str, typer.Option(help="variable that holds the session token", metavar="NAME")
    ] = "",
    really: Annotated[
        bool, typer.Option("--really", help="allow an endpoint that is not on this machine, or AWS itself")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="only this experiment, by its id")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the findings here as JSON", metavar="FILE")
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="write the findings here as a table", metavar="FILE")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Make every experiment on an endpoint, and say where it does not do what AWS does.

    Each experiment makes what it needs and removes it. Exit code 0 also where something does not hold:
    it is information, and scenarios that rely on it say "not proven here". Without --endpoint-url and
    --really, the embedded environment is examined.
    """
    from rich.console import Console

    from rollproof.features_folder import shipped_features
    from rollproof.fidelity.examining import chosen, examine
    from rollproof.fidelity.reliance import own_steps, relying

    experiments = chosen(only or [])
    names = (access_key_env, secret_key_env, session_token_env)
    features = relying(shipped_features(), own_steps())
    found: list[Examined] = []
    with ExitStack() as stack:
        if endpoint_url or really:
            endpoint = _endpoint(endpoint_url, account, region, names, really=really)
            next_account: Callable[[], AwsEndpoint] = lambda: endpoint  # noqa: E731
        else:
            next_account = stack.enter_context(_opened(environment, system))
        where = next_account()
        for item in examine(experiments, next_account, features):
            Console(stderr=True).print(f"{item.experiment.id}: {item.word}", markup=False, highlight=False)
            found.append(item)
    _show(found)
    if json_file is not None:
        said = {
            "endpoint": where.emulator or "AWS",
            "region": where.region,
            "experiments": [i.to_json() for i in found],
        }
        _write(json_file, json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    if markdown_file is not None:
        from rollproof.fidelity.examining import table_of

        _write(markdown_file, table_of(found))


@contextmanager
def _opened(environment: str, system_file: Path | None) -> Iterator[Callable[[], AwsEndpoint]]:
    """What gives an account of the environment, a fresh one for each experiment where there can be many."""
    from rollproof.environments.choice import environment_named, is_private
    from rollproof.journal import Journal, Recorder
    from rollproof.model.system import System
    from rollproof.model.systemfile import read_system

    if not is_private(environment):
        raise BadInput(
            "experiments make and remove resources, and nobody has approved that there",
            where=environment,
            remedy="name an account that is for trials with --endpoint-url or --really",
        )
    bare = {"system": {"name": "fidelity"}}
    system = read_system(system_file) if system_file else System.model_validate(bare)
    with (
        tempfile.TemporaryDirectory(prefix="rollproof-check-") as folder,
        Journal(Path(folder) / "journal.ndjson", run="check") as journal,
        environment_named(environment).open(system, Recorder(journal, "run")) as opened,
    ):
        yield lambda: opened.aws(account=str(secrets.randbelow(8 * 10**11) + 10**11))


def _endpoint(url: str, account: str, region: str, names: Sequence[str], *, really: bool) -> AwsEndpoint:
    """The endpoint that was named, once it has said that it is the account that was named."""
    from rollproof.environments.base import AwsEndpoint
    from rollproof.fidelity.examining import expect_account

    here = bool(url) and is_loopback(url)
    _refuse_unless_meant(url, account, names, here=here, really=really)
    access_key, secret_key, token = (_variable(name) for name in names)
    endpoint = AwsEndpoint(
        url=url or None,
        region=region,
        account=account,
        access_key=access_key or account,
        secret_key=secret_key or "of-an-emulator",
        session_token=token or None,
        emulator=f"at {url}" if url else "",
        private=False,
    )
    expect_account(endpoint)
    return endpoint


def _refuse_unless_meant(url: str, account: str, names: Sequence[str], *, here: bool, really: bool) -> None:
    """Raises BadInput unless everything is said that keeps a slip of the hand from doing harm."""
    where = url or "AWS"
    if not here and not really:
        raise BadInput(
            "this endpoint is not on this machine, and nothing is made in an account by accident",
            where=where,
            remedy="add --really, with --account, --access-key-env and --secret-key-env, if you mean it",
        )
    if not (account.isdecimal() and len(account) == 12):
        raise BadInput("no account is named", where=where, remedy="add --account with its 12 digits")
    if not here and not (names[0] and names[1]):
        raise BadInput(
            "no credentials are named, and none are taken from anywhere else",
            where=where,
            remedy="add --access-key-env and --secret-key-env with the names of variables that hold them",
        )


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine's loopback address; a name that could be another's is not."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _variable(name: str) -> str:
    if not name:
        return ""
    if not os.environ.get(name):
        raise BadInput("this variable is not set", where=name, remedy="set it, or name another one")
    return os.environ[name]


def _show(found: Sequence[Examined]) -> None:
    columns = ("experiment", "what AWS does", "here it", "what was seen", "relied on by")
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(*(Column(name, overflow="fold") for name in columns))
    for item in found:
        table.add_row(
            item.experiment.id,
            item.experiment.claim,
            item.word,
            item.said,
            ", ".join(item.features) or "-",
        )
    Console().print(table)
    held = sum(item.finding.holds is True for item in found)
    unknown = sum(item.finding.holds is None for item in found)
    lacking = len(found) - held - unknown
    typer.echo(f"{len(found)} experiments: {held} hold, {lacking} do not, {unknown} unknown")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"it cannot be written ({error.strerror})", where=str(path)) from error
