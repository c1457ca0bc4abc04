"""docs/auditors.md, followed by a stranger: every command in it is run, on the bundle that ships."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rollproof.evidence.register import INDEX, read_index
from rollproof.seal.keys import public_keys
from rollproof.seal.renderer import renderer
from rollproof.seal.result import Result, Trust
from rollproof.seal.verifying import verify_bundle

ROOT = Path(__file__).parents[2]
BUNDLES = ROOT / "tests" / "bundles"
[EXAMPLE] = [path for path in (BUNDLES / "example").iterdir() if path.is_dir()]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Each command of the page, and the lines that it must say."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall((ROOT / "docs" / "auditors.md").read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("…")))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")
def test_every_command_of_the_page_says_what_the_page_shows(tmp_path):
    shutil.copytree(BUNDLES, tmp_path / "bundles")
    folder = tmp_path / "bundles"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    assert len(commands()) >= 10
    for command, lines in commands():
        if command.startswith("cd "):
            folder = folder / command[3:]
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={**os.environ, "PATH": path, "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for line in lines:
            assert re.search(pattern(line), done.stdout + done.stderr), (
                command,
                line,
                done.stdout,
                done.stderr,
            )


def test_the_example_is_verified_with_its_index_and_its_reviewer():
    trust = Trust(keys=public_keys([BUNDLES / "keys"]), index=read_index(BUNDLES / "example" / INDEX))
    found = verify_bundle(EXAMPLE, trust)
    assert (found.result, found.findings) == (Result.VERIFIED, [])
    assert [one["by"] for one in found.signoffs] == ["the reviewer"]


def test_reports_are_made_again_by_the_same_code_alone_and_otherwise_it_is_said():
    found = verify_bundle(EXAMPLE, Trust())
    assert found.statement is not None
    same = found.statement.renderer == renderer()
    assert same != any("were not made again" in note for note in found.notes)


def test_the_example_holds_no_private_key():
    assert not [path for path in BUNDLES.rglob("*.p*") if b"PRIVATE" in path.read_bytes()]
