"""Git repositories: the drill's own copies of a system's history. Nothing of the user's settings counts."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollproof.errors import AttemptFailed, EnvironmentUnavailable

LIMIT_SECONDS = 60.0
MAIN = "main"
_WHO = "Rollproof drill"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a working tree, made for a drill; whoever wrote a commit is the drill."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Repository:
        """A new, empty one on branch `main`. Raises EnvironmentUnavailable when there is no git."""
        path.mkdir(parents=True, exist_ok=True)
        repository = cls(path)
        repository.git("init", "--quiet", f"--initial-branch={MAIN}")
        return repository

    @classmethod
    def clone(cls, source: Path, path: Path) -> Repository:
        """A copy that shares nothing with its source. Raises AttemptFailed: it is no repository."""
        path.parent.mkdir(parents=True, exist_ok=True)
        cls(path.parent).git("clone", "--quiet", "--no-hardlinks", str(source), str(path))
        return cls(path)

    def git(self, *arguments: str) -> str:
        """What git printed, without white space at its ends.

        Raises:
            EnvironmentUnavailable: git is not installed.
            AttemptFailed: git refused; its own words.
        """
        try:
            done = subprocess.run(
                ["git", "-C", str(self.path), *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LIMIT_SECONDS,
                env=_environment(),
                check=False,
            )
        except FileNotFoundError as error:
            raise EnvironmentUnavailable("git is not installed", remedy="install git") from error
        except subprocess.TimeoutExpired as error:
            raise AttemptFailed(f"git {arguments[0]} took over {LIMIT_SECONDS:.0f} s") from error
        if done.returncode:
            said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            raise AttemptFailed(f"git {arguments[0]} was refused: {said}", where=str(self.path))
        return done.stdout.strip()

    def fill(self, source: Path) -> None:
        """Makes the working tree what a folder holds, and nothing else."""
        for entry in self.path.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.copytree(source, self.path, dirs_exist_ok=True, symlinks=True, copy_function=shutil.copy)

    def stage(self) -> None:
        """Takes all that is in the working tree into the index, by content alone.

        Git takes a file of the same size and time for unchanged, and releases of one checkout differ in
        files of which both are the same.
        """
        self.git("read-tree", "--empty")
        self.git("add", "--all", "--force", ".")

    def commit(self, message: str) -> str:
        """Commits all that is in the working tree; the commit's id."""
        self.stage()
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", f"--message={message}")
        return self.head

    @property
    def head(self) -> str:
        return self.commit_of("HEAD")

    def commit_of(self, revision: str) -> str:
        """The id of the commit that a branch, a tag or an id names. Raises AttemptFailed: there is none."""
        return self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")

    def tree_of(self, revision: str) -> str:
        """The id of the content at a revision: equal content, equal id."""
        return self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{tree}}")

    def log(self, revision: str = "HEAD") -> Sequence[str]:
        """Ids of the commits that lead to a revision, newest first."""
        return self.git("log", "--format=%H", "--first-parent", revision).splitlines()


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    names = {f"GIT_{role}_{what}": _WHO for role in ("AUTHOR", "COMMITTER") for what in ("NAME",)}
    mails = {f"GIT_{role}_EMAIL": "drill@localhost" for role in ("AUTHOR", "COMMITTER")}
    closed = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    return {**inherited, **names, **mails, **closed}
