"""A repository whose pushes are deployed: the drill's own, with the system's releases as its history.

Nothing is ever pushed to where the user's repository came from: a copy of it knows no such place.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rollproof.components.asking import Facts, ask
from rollproof.components.aws.cloud import Cloud
from rollproof.components.commands import fill_in, run_command
from rollproof.components.deployers import Deployer, deployer_of
from rollproof.components.git import MAIN, Repository, environment_of_git
from rollproof.components.handover import Handover, explain
from rollproof.components.postgres.bench import Bench
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.errors import (
    AttemptFailed,
    BadInput,
    EnvironmentUnavailable,
    NotApplicable,
    PreconditionNotMet,
)
from rollproof.model.aws import Release
from rollproof.model.spec import Command

STAGES: tuple[Literal["install", "test", "build", "command"], ...] = ("install", "test", "build", "command")
"""keys of `[deploy]`, in the order in which the pipeline runs those that are declared"""
REMOTE = "origin"
PUSH_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """One run of the pipeline that put something in place.

    Attributes:
        head: the commit.
        facts: what was answered right after it.
    """

    head: str
    release: Release
    facts: Facts


class Pipeline:
    """The scenario's repository, and what its hook did at each push."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.deployer: Deployer = deployer_of(drill)
        self.folder = drill.use(Bench).scratch / f"git-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self.environment = drill.session.open(drill.system)
        self.origin = Repository.create(self.folder / "origin.git", bare=True)
        self.handover = Handover(self.folder / "hook")
        self.work = self._working_copy()
        self.work.git("remote", "add", REMOTE, str(self.origin.path))
        self._install_hook()
        self.deployments: list[Deployment] = []
        self.releases: dict[str, Release] = {}
        self.failure: AttemptFailed | None = None
        self._ran = 0
        self._checked_out: dict[str, str] = {}
        drill.on_heal(drill.use(Services).stop)

    @property
    def checkouts(self) -> Path:
        """What the pipeline checked out is in folders of this one."""
        return self.folder / "checkouts"

    @property
    def current(self) -> Deployment:
        """What serves. Raises PreconditionNotMet: nothing was deployed yet."""
        if not self.deployments:
            raise PreconditionNotMet(
                "no push has been deployed", remedy="add `Given the previous release is pushed, and serves`"
            )
        return self.deployments[-1]

    def head(self) -> str:
        """The branch as whoever clones the repository would get it; empty while nothing was pushed."""
        return self.origin.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{MAIN}")

    def release(self, which: str) -> Release:
        """`current`, `previous`, `broken:<kind>` or a name. Raises NotApplicable: none is declared."""
        releases = self.drill.system.release
        healthy = [one for one in releases if not one.broken]
        found = {
            "current": healthy[-1:],
            "previous": healthy[-2:-1],
            **{f"broken:{one.broken}": [one] for one in releases if one.broken},
            **{one.name: [one] for one in releases},
        }.get(which, [])
        if not found:
            raise NotApplicable(f"system {self.drill.system.name} declares no release that is {which!r}")
        return found[0]

    def put(self, release: Release, *, merged: bool = False) -> str:
        """Makes a release the newest commit of the working copy, and tags it; the commit.

        A release that a git revision names comes with its own history, by a merge.
        """
        if release.revision is not None:
            commit = self._put_revision(release, release.revision)
        elif merged:
            commit = self._merge(release)
        else:
            self._fill(release)
            commit = self.work.commit(f"release {release.name}")
        self.releases[commit] = release
        self.work.git("tag", "--force", tag_of(release), commit)
        return commit

    def add(self, name: str) -> str:
        """Commits one more file, a change that has nothing to do with any other; the commit."""
        (self.work.path / name).write_text(f"{name}\n", encoding="utf-8")
        return self.work.commit(f"add {name}")

    def push(self, *options: str) -> Deployment:
        """Pushes the branch, which runs the pipeline.

        Raises:
            AttemptFailed: it was refused, there was nothing to push, or the pipeline failed; what served
                serves on.
        """
        self.failure, before = None, self._ran
        tags = [f"refs/tags/{tag_of(release)}" for release in self.releases.values()]
        argv = ["git", "-C", str(self.work.path), "push", *options, REMOTE, f"HEAD:refs/heads/{MAIN}", *tags]
        ran = self.handover.run(
            argv,
            self._received,
            within=self.environment,
            cwd=self.work.path,
            env=environment_of_git(),
            limit=PUSH_SECONDS,
        )
        if ran.exit_code != 0:
            raise explain(ran, "the push", str(self.origin.path))
        if self._ran == before:
            raise AttemptFailed("there was nothing to push", where=MAIN, remedy="commit something first")
        if self.failure is not None:
            raise self.failure
        return self.current

    def asked_for(self, commit: str) -> Release:
        """A release made of a commit, checked out into a folder of its own.

        Raises AttemptFailed: it cannot be checked out.
        """
        self.checkouts.mkdir(exist_ok=True)
        self._ran += 1
        folder = self.checkouts / f"{self._ran:03}-{commit[:10]}"
        self.origin.git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        path = str(folder / self._prefix())
        self._checked_out[path] = str(folder)
        return self._release_of(commit).model_copy(update={"path": path, "revision": commit})

    def make_ready(self, release: Release) -> None:
        """Installs and builds a release that is only tried. Raises AttemptFailed."""
        for stage in ("install", "build"):
            command: Command | None = getattr(self.drill.system.deploy, stage)
            if command is not None:
                self._run_own(stage, command, release)

    def forget(self, release: Release) -> None:
        """Removes the checkout of a release that was only tried."""
        self.origin.git("worktree", "remove", "--force", self._checked_out.pop(release.path or ""))

    def _release_of(self, commit: str) -> Release:
        """The release whose content a commit has, or is nearest to: that one's variables go with it."""
        found: dict[str, tuple[int, Release]] = {}
        for made, release in self.releases.items():
            found[made] = (len(self.origin.difference(made, commit)), release)
        if not found:
            return Release(name=commit[:12])
        differing, nearest = min(found.values(), key=lambda one: one[0])
        if not differing:
            return nearest
        return nearest.model_copy(update={"name": commit[:12], "broken": ""})

    def _received(self, question: str) -> tuple[int, str]:
        """The hook's question: a line for each ref that was pushed, `old new name`."""
        for line in question.splitlines():
            old, new, ref = line.split(" ", 2)
            if ref == f"refs/heads/{MAIN}":
                return self._run(old, new)
        return 0, "nothing to deploy"

    def _run(self, old: str, new: str) -> tuple[int, str]:
        """Check out, install, test, build, deploy: to the first that fails."""
        done: list[str] = []
        begun = {"head": new, "against": old}
        try:
            release = self.asked_for(new)
            self._run_stages(release, done)
            self.deployer.deploy(release)
        except (AttemptFailed, EnvironmentUnavailable, BadInput) as error:
            self.failure = AttemptFailed(
                f"the pipeline did not deploy {new[:10]}: {error.found}",
                doing=error.doing,
                where=error.where,
                remedy=error.remedy,
            )
            said = {"status": "failed", "found": error.found, "items": [*done]}
            self.drill.recorder.note("pipeline.ran", {**begun, **said})
            return 1, f"failed: {error.found}"
        self.deployments.append(Deployment(new, release, ask(self.drill, self.urls)))
        self.drill.recorder.note(
            "pipeline.ran",
            {**begun, "status": "deployed", "version": release.name, "items": [*done, "deploy"]},
        )
        return 0, f"deployed {release.name}"

    @property
    def urls(self) -> dict[str, str]:
        """Where each service answers now."""
        return dict(self.drill.use(Services).urls)

    def _run_stages(self, release: Release, done: list[str]) -> None:
        """The system's own commands; `done` gets each that has succeeded. Raises AttemptFailed."""
        deploy = self.drill.system.deploy
        for stage in STAGES:
            command: Command | None = getattr(deploy, stage)
            if command is not None:
                self._run_own(stage, command, release)
                done.append(stage)

    def _run_own(self, stage: str, command: Command, release: Release) -> None:
        bench, system = self.drill.use(Bench), self.drill.system
        more = self.drill.use(Cloud).values if system.uses_aws else {"account": "", "region": ""}
        dsn = bench.server.conninfo(bench.name, user=bench.app_role)
        own = {"path": release.path or "", "release": release.name, "revision": release.revision or ""}
        ran = run_command(
            self.environment,
            fill_in(command, **{**more, **own, "env": self.environment.name, "dsn": dsn}),
            name=f"the pipeline's {stage}",
            where=f"{system.source}: deploy.{stage}",
            cwd=system.root,
            environment={"PYTHONDONTWRITEBYTECODE": "1", "DATABASE_URL": dsn},
            limit=system.deploy.limit,
        )
        if ran.exit_code != 0:
            how = "took too long" if ran.exit_code is None else f"ended with {ran.exit_code}"
            raise AttemptFailed(
                f"its {stage} {how}: {ran.last_words}",
                doing=f"running the pipeline on {release.name}",
                where=f"{system.source}: deploy.{stage}",
            )

    def _working_copy(self) -> Repository:
        """Of the user's own repository where releases are revisions of it, else an empty one."""
        path = self.folder / "work"
        if all(release.revision is None for release in self.drill.system.release):
            return Repository.create(path)
        return Repository.copy_of(toplevel(self.drill.system.root), path)

    def _prefix(self) -> str:
        """Where the system file's folder is in a checkout, for releases that are revisions."""
        if all(release.revision is None for release in self.drill.system.release):
            return "."
        root = self.drill.system.root.resolve()
        return str(root.relative_to(toplevel(root).resolve()))

    def _fill(self, release: Release) -> None:
        """Makes the working copy, where the system file's folder is in it, what a release's folder holds."""
        Repository(self.work.path / self._prefix()).fill(self._folder(release))

    def _folder(self, release: Release) -> Path:
        if release.path is None:
            raise BadInput(
                f"release {release.name} has neither path nor revision",
                where=str(self.drill.system.source),
                remedy="say where its code is: `path`, a folder, or `revision`, a commit or tag",
            )
        return self.drill.system.root / release.path

    def _put_revision(self, release: Release, revision: str) -> str:
        try:
            commit = self.work.commit_of(revision)
        except AttemptFailed as error:
            raise BadInput(
                f"there is no revision {revision!r} for release {release.name}",
                where=str(self.drill.system.source),
                remedy="name a commit or a tag of the repository that the system file is in",
            ) from error
        if not self.deployments and not self.releases:
            self.work.git("checkout", "--quiet", "--force", "-B", MAIN, commit)
            return commit
        words = ("-p", self.work.head, "-p", commit, "-m", f"release {release.name}")
        merge = self.work.git("commit-tree", self.work.tree_of(commit), *words)
        self.work.git("reset", "--quiet", "--hard", merge)
        return merge

    def _merge(self, release: Release) -> str:
        """A release made on a branch and merged, as by a pull request, while the main branch went on."""
        branch = f"feature/{tag_of(release)}"
        self.work.git("checkout", "--quiet", "-b", branch)
        self._fill(release)
        self.work.commit(f"release {release.name}")
        self.work.git("checkout", "--quiet", "--force", MAIN)
        self.add("MEANWHILE.txt")
        self.work.git("merge", "--quiet", "--no-ff", "--no-edit", f"--message=merge {branch}", branch)
        return self.work.head

    def _install_hook(self) -> None:
        hook = self.origin.path / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(self.handover.script("cat"), encoding="utf-8")
        hook.chmod(0o755)


def tag_of(release: Release) -> str:
    """A release's name as a tag can have it."""
    safe = "".join(one if one.isalnum() or one in "._-" else "-" for one in release.name)
    return f"drill/{safe.strip('.-') or 'release'}".removesuffix(".lock")


def toplevel(folder: Path) -> Path:
    """The repository that a folder is in. Raises BadInput: it is in none."""
    for candidate in (folder.resolve(), *folder.resolve().parents):
        if (candidate / ".git").exists():
            return candidate
    raise BadInput(
        "releases are given by their revisions, but the system file is in no git repository",
        where=str(folder),
        remedy="put the system file into the repository, or give each release its `path`",
    )
