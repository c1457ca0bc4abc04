"""Git repositories: the drill's own copies of a system's history. Nothing of the user's settings counts."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rollproof.errors import AttemptFailed, EnvironmentUnavailable

LIMIT_SECONDS = 60.0
MAIN = "main"
_WHO = "Rollproof drill"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one file: mode and content of before and after, as git names them; zeros: none."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a working tree, made for a drill; whoever wrote a commit is the drill."""

    path: Path

    @classmethod
    def create(cls, path: Path, *, bare: bool = False) -> Repository:
        """A new, empty one on branch `main`. Raises EnvironmentUnavailable when there is no git."""
        path.mkdir(parents=True, exist_ok=True)
        repository = cls(path)
        kind = ("--bare",) if bare else ()
        repository.git("init", "--quiet", "--template=", f"--initial-branch={MAIN}", *kind)
        return repository

    @classmethod
    def clone(cls, source: Path, path: Path) -> Repository:
        """A copy that shares nothing with its source. Raises AttemptFailed: it is no repository."""
        path.parent.mkdir(parents=True, exist_ok=True)
        cls(path.parent).git("clone", "--quiet", "--no-hardlinks", str(source), str(path))
        return cls(path)

    @classmethod
    def copy_of(cls, source: Path, path: Path) -> Repository:
        """A clone of somebody's repository that knows no way back to it: nothing is ever pushed there.

        Git reads no repository of another account unless it is told to; this one is only read from.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        trusted = path.with_name(f"{path.name}-trusts")
        trusted.write_text("[safe]\n\tdirectory = *\n", encoding="utf-8")
        words = ("--quiet", "--no-hardlinks", "--no-checkout", "--template=", "--no-recurse-submodules")
        try:
            cls(path.parent).git(
                "clone", *words, str(source), str(path), variables={"GIT_CONFIG_GLOBAL": str(trusted)}
            )
        finally:
            trusted.unlink()
        copy = cls(path)
        copy.git("remote", "remove", "origin")
        return copy

    def git(self, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})) -> str:
        """What git printed, without white space at its ends. `variables` are added to its environment.

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
                env=environment_of_git() | dict(variables),
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

    def parents_of(self, revision: str) -> Sequence[str]:
        """Ids of a commit's parents, the first one first; more than one: it is a merge."""
        return self.git("rev-list", "--parents", "--max-count=1", revision).split()[1:]

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether a commit is, or is part of what led to, another. False when either is unknown here."""
        try:
            self.git("merge-base", "--is-ancestor", older, newer)
        except AttemptFailed:
            return False
        return True

    def changed(self) -> Sequence[str]:
        """Files of the working tree that are not what the last commit holds."""
        found = self.git("status", "--porcelain=v1", "-z", "--untracked-files=no")
        return [entry[2:].strip() for entry in found.split("\0") if entry]

    def difference(self, before: str, after: str) -> Mapping[str, Change]:
        """What is another in one tree than in another, by path."""
        raw = self.git("diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev", before, after)
        fields = raw.strip("\0").split("\0") if raw else []
        heads, paths = fields[::2], fields[1::2]
        return {path: _change(head) for head, path in zip(heads, paths, strict=True)}

    def lines_changed(self, before: str, after: str, path: str) -> str:
        """A digest of the lines of one file that went and came, wherever in the file they are."""
        words = ("--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--unified=0", "--text")
        diff = self.git("diff", *words, before, after, "--", f":(literal){path}")
        body = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        return hashlib.sha256("\n".join(sorted(body)).encode()).hexdigest()[:16]


def _change(head: str) -> Change:
    """Of `:100644 100755 <id> <id> M`."""
    old_mode, new_mode, old, new = head[1:].split()[:4]
    return Change(f"{old_mode} {old}", f"{new_mode} {new}")


def environment_of_git() -> dict[str, str]:
    """The variables that git gets: an identity, and no settings, attributes or prompts of the machine's."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    names = {f"GIT_{role}_{what}": _WHO for role in ("AUTHOR", "COMMITTER") for what in ("NAME",)}
    mails = {f"GIT_{role}_EMAIL": "drill@localhost" for role in ("AUTHOR", "COMMITTER")}
    nothing = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "XDG_CONFIG_HOME")
    closed = {
        **dict.fromkeys(nothing, os.devnull),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": "true",
        "LC_ALL": "C",
    }
    return {**inherited, **names, **mails, **closed}
