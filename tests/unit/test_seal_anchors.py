"""Copies of heads where whoever drills cannot take them back: a file, and the notes of a commit."""

from __future__ import annotations

import json
import subprocess

import pytest
from seal_support import new_key, reasons, sealed_run, write_run

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.model.seal import Seal
from rollproof.seal.anchors import anchor_signoff, read_anchors
from rollproof.seal.closing import close_run
from rollproof.seal.keys import signer_of
from rollproof.seal.result import Reason, Trust
from rollproof.seal.signoff import sign_off
from rollproof.seal.verifying import verify_bundle


def git(folder, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def close(tmp_path, run: str, *anchors: str):
    folder = write_run(tmp_path / "reports", run)
    close_run(folder, Seal(anchor=anchors), root=tmp_path)
    return folder


def test_each_head_is_added_to_the_file(tmp_path):
    runs = [close(tmp_path, name, "elsewhere/heads") for name in ("one", "two")]
    heads = read_anchors(tmp_path / "elsewhere" / "heads").seals
    assert list(heads) == ["one", "two"]
    assert all(verify_bundle(run, Trust(anchors=heads)).findings == [] for run in runs)


def test_a_head_is_noted_at_the_commit_that_was_drilled(tmp_path, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@t")
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    folder = close(tmp_path, "one", "git")
    noted = json.loads(git(tmp_path, "notes", "--ref=rollproof", "show"))
    assert noted == {"run": "one", "seal": verify_bundle(folder, Trust()).digest}


def test_a_folder_that_is_no_repository_leaves_the_run_sealed(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(EnvironmentUnavailable, match="git took no note"):
        close(tmp_path, "one", "git")
    assert verify_bundle(tmp_path / "reports" / "one", Trust()).findings == []


def test_another_seal_than_the_one_that_was_copied_is_found(tmp_path):
    folder = sealed_run(tmp_path / "reports", "one")
    assert reasons(verify_bundle(folder, Trust(anchors={"one": "0" * 64}))) == {Reason.INDEX}
    assert reasons(verify_bundle(folder, Trust(anchors={"two": "0" * 64}))) == {Reason.INDEX}


@pytest.mark.parametrize(
    "text", ["no json", '{"run":"one"}', '{"run":"a","seal":"b"}\n{"run":"a","seal":"c"}']
)
def test_a_file_that_is_none_of_heads_is_an_error_that_says_so(tmp_path, text):
    (tmp_path / "heads").write_text(text)
    with pytest.raises(BadInput, match="no file of heads"):
        read_anchors(tmp_path / "heads")


def test_a_sign_off_that_was_taken_away_is_missed_by_the_copy_of_its_digest(tmp_path):
    heads = tmp_path / "heads"
    folder = close(tmp_path, "one", "heads")
    path = sign_off(folder, signer_of(str(new_key(tmp_path)), root=tmp_path), by="Bia")
    anchor_signoff(path, "heads", Seal(), root=tmp_path)
    kept = read_anchors(heads)
    trust = Trust(anchors=kept.seals, signed=kept.signed)
    assert verify_bundle(folder, trust).findings == []
    path.unlink()
    assert reasons(verify_bundle(folder, trust)) == {Reason.SIGN_OFF}


def test_nesting_without_end_is_no_file_of_heads(tmp_path):
    (tmp_path / "heads").write_bytes(b"[" * 100_000)
    with pytest.raises(BadInput, match="no file of heads"):
        read_anchors(tmp_path / "heads")
