"""The releases of a scenario in git: what comes back is put on record, and a hotfix goes its way.

The repository is the drill's own: one commit for each release that was deployed, on `main`.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rollproof.components.aws.releases import Deployments, run_own
from rollproof.components.commands import fill_in, run_command
from rollproof.components.git import MAIN, Repository
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.aws import Release
from rollproof.model.json import JsonObject

RELEASE = "release"
"""Folder of the repository that holds the release; what its assets lists call `..` is beside it."""


class ReleaseHistory:
    """The scenario's repository, and what was recorded in it."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.deployments = drill.use(Deployments)
        scratch = drill.session.open(drill.system).scratch
        slug = "".join(letter if letter.isalnum() else "-" for letter in drill.scenario)[-60:]
        self.repository = Repository.create(scratch / f"{slug}-history")
        self.commits: dict[str, str] = {}
        self.branch = ""
        self.hotfix = ""

    @property
    def tree(self) -> Path:
        """Where the release is in the working tree."""
        return self.repository.path / RELEASE

    def catch_up(self) -> None:
        """Commits what was deployed since the last time. Raises PreconditionNotMet: nothing was."""
        if not self.deployments.names:
            raise PreconditionNotMet(
                "nothing was deployed", remedy="add `Given the current release is deployed`"
            )
        for name in self.deployments.names:
            if name not in self.commits:
                self.fill(self.deployments.release(name))
                self.commits[name] = self.repository.commit(f"release {name}")

    def fill(self, release: Release) -> None:
        """Makes the working tree what a release is."""
        staging = self.repository.path.with_name(self.repository.path.name + "-next")
        folder = self.deployments.folder(release)
        try:
            shutil.copytree(folder, staging / RELEASE, symlinks=True)
            for beside in _beside(folder):
                shutil.copytree(folder / beside, (staging / RELEASE / beside).resolve(), dirs_exist_ok=True)
            self.repository.fill(staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def content_of(self, release: Release) -> str:
        """The id of a release's content, as git would have it; the working tree is put back."""
        here = self.repository.git("rev-parse", "--abbrev-ref", "HEAD")
        self.fill(release)
        self.repository.stage()
        found = self.repository.git("write-tree")
        self.repository.git("reset", "--quiet", "--hard", here)
        return found

    def target(self) -> Release:
        """The release to come back: the one deployed before the newest. Raises PreconditionNotMet."""
        if len(self.deployments.names) < 2:
            raise PreconditionNotMet("there is no release to go back to: only one was deployed")
        return self.deployments.release(self.deployments.names[-2])


def _beside(folder: Path) -> set[Path]:
    """Folders outside a cloud assembly that its assets lists name: stages share them as `../asset.…`."""
    found: set[Path] = set()
    for path in folder.glob("*.assets.json"):
        files = json.loads(path.read_text()).get("files", {})
        named = (Path(str(item.get("source", {}).get("path", ""))) for item in files.values())
        found |= {one for one in named if one.parts[:1] == ("..",) and (folder / one).is_dir()}
    return found


@dataclass(frozen=True)
class RecordRelease(Act):
    """Puts on record what is to come back, before anything is rolled back: a branch and a tag in git."""

    name = "release.record"

    def run(self, drill: Drill) -> JsonObject:
        history = drill.use(ReleaseHistory)
        history.catch_up()
        target = history.target()
        environment = drill.session.open(drill.system).name
        history.branch = f"rollback/{environment}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        commit = history.commits[target.name]
        history.repository.git("branch", history.branch, commit)
        tag = history.branch.replace("/", "-")
        history.repository.git("tag", "--annotate", f"--message=back to {target.name}", tag, commit)
        return {"version": target.name, "label": history.branch, "head": commit}


@observer("release-history")
def look_at_history(drill: Drill) -> None:
    """What branch and tag hold now, and the content of the release that was rolled back to."""
    history = drill.use(ReleaseHistory)
    back = drill.history.last("release.roll_back")
    started = [event for event in drill.history.all("release.roll_back") if "version" in event.data]
    if back is None or not started:
        raise PreconditionNotMet("no release was rolled back")
    history.catch_up()
    deployed = history.deployments.release(str(started[-1].data["version"]))
    tag = history.branch.replace("/", "-")
    found: dict[str, str] = {}
    for name, revision in (("branch", history.branch), ("tag", tag)):
        try:
            found[name] = history.repository.tree_of(revision) if history.branch else ""
        except AttemptFailed:
            found[name] = ""
    drill.recorder.note(
        "release.history",
        {
            "version": deployed.name,
            "label": history.branch,
            "items": [found["branch"], found["tag"]],
            "digest": history.content_of(deployed),
        },
    )


@dataclass(frozen=True)
class BranchHotfix(Act):
    """Opens a branch for the hotfix, off what is deployed."""

    name = "hotfix.branch"

    def run(self, drill: Drill) -> JsonObject:
        history = drill.use(ReleaseHistory)
        history.catch_up()
        history.hotfix = f"hotfix/{history.deployments.names[-1]}"
        history.repository.git("checkout", "--quiet", "-b", history.hotfix)
        return {"label": history.hotfix, "head": history.repository.head}


@dataclass(frozen=True)
class ChangeHotfix(Act):
    """Makes the correction on the branch: the content that is known to be healthy, as a new commit."""

    name = "hotfix.change"

    def run(self, drill: Drill) -> JsonObject:
        history = drill.use(ReleaseHistory)
        before = history.repository.tree_of("HEAD")
        history.fill(history.deployments.release("current"))
        commit = history.repository.commit("hotfix: put right what the release broke")
        if history.repository.tree_of("HEAD") == before:
            raise AttemptFailed("the correction changes nothing", doing="making the hotfix")
        changed = history.repository.git("diff", "--name-only", "HEAD~1", "HEAD").splitlines()
        return {"head": commit, "items": changed[:20], "count": len(changed)}


@dataclass(frozen=True)
class TestHotfix(Act):
    """Runs the system's own tests on the branch, as `[deploy] test` names them."""

    name = "hotfix.test"
    __test__ = False  # no test of pytest's

    def prepare(self, drill: Drill) -> None:
        if drill.system.deploy.test is None:
            raise NotApplicable(f"system {drill.system.name} declares no deploy.test to test a hotfix with")

    def run(self, drill: Drill) -> JsonObject:
        history, deploy = drill.use(ReleaseHistory), drill.system.deploy
        environment = drill.session.open(drill.system)
        ran = run_command(
            environment,
            fill_in(
                deploy.test or (), path=str(history.tree), env=environment.name, release="hotfix", revision=""
            ),
            name="the tests of the hotfix",
            where=f"{drill.system.source}: deploy.test",
            cwd=drill.system.root,
            environment={},
            limit=deploy.limit,
        )
        if ran.exit_code != 0:
            raise AttemptFailed(
                f"the tests ended with {ran.exit_code}: {ran.last_words}", doing="testing the hotfix"
            )
        return {"command": list(deploy.test or ()), "exit_code": 0}


@dataclass(frozen=True)
class MergeHotfix(Act):
    """Merges the branch into `main` by a merge commit, as a pull request would be."""

    name = "hotfix.merge"

    def run(self, drill: Drill) -> JsonObject:
        history = drill.use(ReleaseHistory)
        history.repository.git("checkout", "--quiet", MAIN)
        history.repository.git(
            "merge", "--quiet", "--no-ff", f"--message=merge {history.hotfix}", history.hotfix
        )
        return {"label": MAIN, "head": history.repository.head}


@dataclass(frozen=True)
class DeployHotfix(Act):
    """Deploys what `main` holds after the merge."""

    name = "hotfix.deploy"

    def run(self, drill: Drill) -> JsonObject:
        history, deployments = drill.use(ReleaseHistory), drill.use(Deployments)
        history.repository.git("checkout", "--quiet", "--force", MAIN)
        merged = history.repository.git("branch", "--merged", MAIN, "--format=%(refname:short)").splitlines()
        release = Release(name="hotfix", path=str(history.tree))
        command = drill.system.deploy.command
        if command is not None:
            done = run_own(drill, command, release)
        else:
            sources = deployments.sources(release, ())
            done = {
                "changes": {
                    item.stack: item.change for item in (deployments.deploy(release, s) for s in sources)
                }
            }
        drill.incident("executed")
        return {**done, "head": history.repository.head, "items": merged, "label": history.hotfix}
