"""`rollproof verify`: whoever checks a bundle waits for nothing that runs drills.

Its options are read by argparse, for typer brings all of pydantic with it, which takes longer to load than
ten thousand events to check.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.journal import History
    from rollproof.seal.history import FolderVerification
    from rollproof.seal.result import Trust, Verification

_ABOUT = """Check a bundle, offline, by what you bring along.

Exit code 0 verified, 3 intact but nobody whom you named has signed it, 1 failed."""


def verify_command(arguments: Sequence[str]) -> None:
    """Reads the arguments, says what was found, and ends with its exit code (SystemExit)."""
    asked = _parser().parse_args(arguments)
    _verify(asked, debug=asked.debug)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "rollproof verify",
        description=_ABOUT,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    told = "a run's folder, a ZIP of it, or a folder of runs with their index"
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help=told)
    for option, of in (
        ("--keys", "public keys of those who seal, and sign off: a file or a folder; may be repeated"),
        ("--reviewers", "public keys of those who sign off, where --keys are to seal only; may be repeated"),
        ("--anchor", "file of heads that were copied elsewhere; may be repeated"),
        ("--tsa-root", "certificate of the time-stamp authority; may be repeated"),
    ):
        parser.add_argument(option, type=Path, action="append", default=[], metavar="PATH", help=of)
    parser.add_argument("--previous", type=Path, metavar="BUNDLE", help="bundle of the run before")
    parser.add_argument("--index", type=Path, metavar="FILE", help="index.ndjson")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


@explained
def _verify(asked: Namespace, *, debug: bool) -> None:
    from rollproof.evidence.register import INDEX
    from rollproof.seal.archive import opened
    from rollproof.seal.layout import SEAL

    trust = _trust(asked)
    with opened(asked.bundle) as folder:
        if (folder / INDEX).exists() and not (folder / SEAL).exists():
            from rollproof.seal.history import verify_folder

            whole = verify_folder(folder, trust, index=asked.index)
            _show(whole.to_json(), _lines_of_folder(whole), as_json=asked.json)
            sys.exit(int(whole.result))
        from rollproof.seal.verifying import verify_bundle

        found = verify_bundle(folder, _with_index(trust, asked.index))
        _show(found.to_json(), _lines(found), as_json=asked.json)
        sys.exit(int(found.result))


def _with_index(trust: Trust, index: Path | None) -> Trust:
    if index is None:
        return trust
    from dataclasses import replace

    from rollproof.evidence.register import read_index

    if not index.exists():
        raise BadInput("there is no such index", where=str(index))
    return replace(trust, index=read_index(index))


def _trust(asked: Namespace) -> Trust:
    from rollproof.seal.anchors import read_anchors
    from rollproof.seal.keys import public_keys
    from rollproof.seal.result import Trust

    heads = read_anchors(*asked.anchor)
    return Trust(
        keys=public_keys(asked.keys),
        reviewers=public_keys(asked.reviewers) if asked.reviewers else None,
        roots=asked.tsa_root,
        previous=asked.previous,
        anchors=heads.seals if asked.anchor else None,
        signed=heads.signed,
        oscal=_oscal,
    )


def _oscal(body: bytes, history: History) -> Sequence[str]:
    """What is wrong with an OSCAL file; read only for a bundle that has one."""
    from rollproof.evidence.oscal_references import oscal_findings

    return oscal_findings(body, history)


def _show(data: object, lines: list[str], *, as_json: bool) -> None:
    """Whatever the terminal can write: a file's name in a bundle may hold anything."""
    text = json.dumps(data, indent=2, ensure_ascii=False) if as_json else "\n".join(lines)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


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
