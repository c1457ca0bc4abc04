"""`rollproof seal`, `sign`, `verify` and `keygen`: evidence that somebody else can check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.journal import History
    from rollproof.model.systemfile import Settings
    from rollproof.seal.history import FolderVerification
    from rollproof.seal.result import Trust, Verification

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
    from rollproof.seal.keys import signer_of
    from rollproof.seal.signoff import sign_off

    wanted = settings_in(project).seal
    signer = signer_of(key, root=Path(), endpoint=wanted.endpoint, region=wanted.region)
    typer.echo(str(sign_off(run.resolve(), signer, by=name, item=item, remark=remark)))


@explained
def keygen_command(
    path: Annotated[Path, typer.Argument(help="file for the private key; the public one gets .pub")],
    debug: _Debug = False,
) -> None:
    """Make an Ed25519 key to seal or to sign with. The private file is readable by its owner alone."""
    from rollproof.seal.keyfile import make_key

    keyid = make_key(path)
    typer.echo(f"{path} (keep it to yourself), {path}.pub (give it to whoever is to check)\nkey {keyid}")


@explained
def verify_command(
    bundle: Annotated[
        Path, typer.Argument(help="a run's folder, a ZIP of it, or a folder of runs with their index")
    ],
    *,
    keys: Annotated[
        list[Path] | None, typer.Option(help="public keys of those who seal and sign: files or folders")
    ] = None,
    previous: Annotated[Path | None, typer.Option(help="bundle of the run before")] = None,
    index: Annotated[Path | None, typer.Option(help="index.ndjson")] = None,
    anchor: Annotated[
        list[Path] | None, typer.Option(help="file of heads that were copied elsewhere")
    ] = None,
    tsa_root: Annotated[
        list[Path] | None, typer.Option(help="certificate of the time-stamp authority")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    debug: _Debug = False,
) -> None:
    """Check a bundle, offline, by what you bring along.

    Exit code 0 verified, 3 intact but nobody whom you named has signed it, 1 failed.
    """
    from rollproof.evidence.register import INDEX, read_index
    from rollproof.seal.archive import opened
    from rollproof.seal.layout import SEAL

    trust = _trust(keys or [], anchor or [], tsa_root or [], previous)
    with opened(bundle) as folder:
        if (folder / INDEX).exists() and not (folder / SEAL).exists():
            from rollproof.seal.history import verify_folder

            whole = verify_folder(folder, trust, index=index)
            _show(whole.to_json(), _lines_of_folder(whole), as_json=as_json)
            raise typer.Exit(int(whole.result))
        from dataclasses import replace

        from rollproof.seal.verifying import verify_bundle

        if index is not None:
            if not index.exists():
                raise BadInput("there is no such index", where=str(index))
            trust = replace(trust, index=read_index(index))
        found = verify_bundle(folder, trust)
        _show(found.to_json(), _lines(found), as_json=as_json)
        raise typer.Exit(int(found.result))


def _trust(keys: list[Path], anchors: list[Path], roots: list[Path], previous: Path | None) -> Trust:
    from rollproof.seal.anchors import read_anchors
    from rollproof.seal.keys import public_keys
    from rollproof.seal.result import Trust

    heads = {run: seal for path in anchors for run, seal in read_anchors(path).items()}
    return Trust(
        keys=public_keys(keys),
        roots=roots,
        previous=previous,
        anchors=heads if anchors else None,
        oscal=_oscal,
    )


def _oscal(body: bytes, history: History) -> Sequence[str]:
    """What is wrong with an OSCAL file; read only for a bundle that has one."""
    from rollproof.evidence.oscal_references import oscal_findings

    return oscal_findings(body, history)


def _show(data: object, lines: list[str], *, as_json: bool) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))


def _lines(found: Verification) -> list[str]:
    lines = [_verdict(found)]
    if (said := found.statement) is not None:
        lines.append(
            f"  {said.outcome}; run by {said.operator}, sealed {said.sealed_at}; {found.files} files"
        )
    lines += [f"  ✗ {one}" for one in found.findings]
    for one in found.signoffs:
        key = f"key {str(one['keyid'])[:16]}…" + ("" if one["key_given"] else ", which was not given")
        remark = f": {one['remark']}" if one["remark"] else ""
        mark = "✓" if one["key_given"] else "–"
        lines.append(f"  {mark} {one['by']} signed {one['item']} at {one['at']} by {key}{remark}")
    return [_one_line(line) for line in [*lines, *(f"  – {note}" for note in found.notes)]]


def _one_line(text: str) -> str:
    """What somebody else wrote never looks like a line of ours, nor moves the cursor."""
    from rollproof.evidence.wording import printable

    return printable(text).replace("\n", "\\n")


def _verdict(found: Verification) -> str:
    from rollproof.seal.result import UNSIGNED, Result

    run = found.statement.run if found.statement else found.folder.name
    match found.result:
        case Result.VERIFIED:
            assert found.signer is not None
            return f"verified: {run}, signed by key {found.signer.keyid[:16]}… of {found.signer.source}"
        case Result.UNSIGNED:
            signed = found.statement is not None and found.statement.key is not None
            return f"intact: {run}, " + ("signed by a key that was not checked" if signed else UNSIGNED)
        case _:
            return f"failed: {run}"


def _lines_of_folder(whole: FolderVerification) -> list[str]:
    from rollproof.evidence.wording import count_of

    lines = [line for bundle in whole.bundles for line in _lines(bundle)]
    lines += [f"✗ {one}" for one in whole.findings] + [f"– {note}" for note in whole.notes]
    lines = [_one_line(line) for line in lines]
    return [*lines, f"{whole.result.name.lower()}: {count_of(len(whole.bundles), 'run')}"]
