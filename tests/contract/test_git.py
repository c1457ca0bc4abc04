"""Git repositories of drills hold what their folders hold, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rollproof.components.git import Repository
from rollproof.errors import AttemptFailed


def folder(path: Path, text: str) -> Path:
    """A folder with a file of one size and one time, as two releases of a fresh checkout have."""
    path.mkdir()
    (path / "file").write_text(text)
    os.utime(path / "file", (1_700_000_000, 1_700_000_000))
    return path


def test_contents_of_the_same_size_and_time_are_told_apart(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one", "aaaa"), folder(tmp_path / "two", "bbbb")
    repository = Repository.create(tmp_path / "history")
    commits = []
    for source in (one, two, one):
        repository.fill(source)
        commits.append(repository.commit(source.name))
    assert repository.tree_of(commits[0]) == repository.tree_of(commits[2]) != repository.tree_of(commits[1])
    for commit, text in zip(commits, ("aaaa", "bbbb", "aaaa"), strict=True):
        repository.git("checkout", "--quiet", "--force", "--detach", commit)
        assert (repository.path / "file").read_text() == text


def test_what_git_refuses_is_said_in_its_own_words(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "history")
    with pytest.raises(AttemptFailed, match="git checkout was refused"):
        repository.git("checkout", "nowhere")


def test_nothing_of_the_users_settings_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(
        "[core]\n\thooksPath = /nonexistent\n[commit]\n\tgpgsign = true\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    repository = Repository.create(tmp_path / "history")
    repository.fill(folder(tmp_path / "one", "aaaa"))
    assert repository.git("log", "--format=%an", repository.commit("one")) == "Rollproof drill"
