"""`rollproof seal`, `sign` and `keygen`: evidence that somebody else can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.model.systemfile import Settings

_Run = Annotated[Path, typer.Argument(help="folder of a run, or reports/latest", metavar="RUN")]
_Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]
_Project = Annotated[
    Path, typer.Option("--project", help="folder of the pyproject.toml with [tool.rollproof.seal]")
]
_KEY = "file with a private key, env:NAME, agent:FILE.pub, or awskms:KEY"


def settings_in(project: Path) -> Settings:
    """`[tool.rollproof]` of the project in a folder; the defaults where there is none."""
    from rollproof.model.systemfile import Settings, read_settings

    path = project / "pyproject.toml"
    return read_settings(path) if path.exists() else Settings(source=path)


@explained
def seal_command(
    run: _Run,
    *,
    key: Annotated[str | None, typer.Option(help=_KEY)] = None,
    project: _Project = Path(),
    debug: _Debug = False,
) -> None:
    """Seal a run whose sealing did not come about, or send a sealed one's copies again.

    Drills seal their runs themselves. Exit code 1 when something is found in it that must not leave.
    """
    from rollproof.seal.closing import close_run, send_copies
    from rollproof.seal.sealing import is_sealed, sealed_before

    wanted = settings_in(project).seal
    wanted = wanted.model_copy(update={"key": key}) if key else wanted
    folder, root = run.resolve(), project.resolve()
    if is_sealed(folder):
        if key:
            raise BadInput(
                "this run is sealed already",
                where=str(run),
                remedy="to vouch for it as well, put a signature beside the seal with `rollproof sign`",
            )
        sealed = sealed_before(folder)
        for line in send_copies(sealed, wanted, root=root):
            typer.echo(line)
    elif (closed := close_run(folder, wanted, root=root)) is None:
        raise BadInput("nothing was drilled in this run", where=str(run))
    else:
        sealed = closed
    typer.echo(f"{folder.name}: sealed, {sealed}")


@explained
def sign_command(
    run: _Run,
    *,
    key: Annotated[str, typer.Option(help=_KEY)],
    name: Annotated[str, typer.Option("--as", help="who signs")],
    item: Annotated[str, typer.Option(help="an item of the checklist; the whole run without it")] = "",
    remark: Annotated[str, typer.Option(help="what to add in words")] = "",
    project: _Project = Path(),
    debug: _Debug = False,
) -> None:
    """Sign off a sealed run as somebody who did not run it, by a key of your own."""
    from rollproof.seal.anchors import anchor_signoff
    from rollproof.seal.keys import signer_of
    from rollproof.seal.signoff import sign_off

    wanted = settings_in(project).seal
    signer = signer_of(key, root=Path(), endpoint=wanted.endpoint, region=wanted.region)
    path = sign_off(run.resolve(), signer, by=name, item=item, remark=remark)
    typer.echo(str(path))
    for place in wanted.anchor:
        typer.echo(anchor_signoff(path, place, wanted, root=project.resolve()))


@explained
def keygen_command(
    path: Annotated[Path, typer.Argument(help="file for the private key; the public one gets .pub")],
    debug: _Debug = False,
) -> None:
    """Make an Ed25519 key to seal or to sign with. The private file is readable by its owner alone."""
    from rollproof.seal.keyfile import make_key

    keyid = make_key(path)
    typer.echo(f"{path} (keep it to yourself), {path}.pub (give it to whoever is to check)\nkey {keyid}")
