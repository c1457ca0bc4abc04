"""Releases pushed to a repository whose hook deploys them, and taken back there by `git revert`."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.deployers import deployable, deployer_of
from rollproof.components.git import Repository
from rollproof.components.pipeline import Pipeline
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.model.json import JsonObject

LATER = "LATER.txt"
"""Name of the file that a change adds which comes after what is taken back, and stays."""


@dataclass(frozen=True)
class OpenRepository(Act):
    """Makes the repository and its hook; nothing is in it yet.

    Attributes:
        by_runner: whether the hook deploys to what runs the services, such as App Runner. Left out, each
            release is a process, which is quicker.
    """

    by_runner: bool = False
    name = "repository.open"

    def prepare(self, drill: Drill) -> None:
        deployable(drill.system)
        if not drill.system.release:
            raise NotApplicable(f"system {drill.system.name} declares no release")

    def run(self, drill: Drill) -> JsonObject:
        pipeline = drill.use(Pipeline)
        pipeline.deployer = deployer_of(drill, by_runner=self.by_runner)
        return {"kind": type(pipeline.deployer).__name__}


@dataclass(frozen=True)
class PushRelease(Act):
    """Commits a release and pushes it, which deploys it.

    Attributes:
        which: `current`, `previous`, `broken:<kind>`, or its name.
        merged: it comes by a merge from a branch, while the main branch went on.
        before, later: how many other changes are committed before and after it, in the same push.
    """

    which: str
    merged: bool = False
    before: int = 0
    later: int = 0
    name = "commit.push"

    def prepare(self, drill: Drill) -> None:
        drill.use(Pipeline).release(self.which)

    def describe(self, drill: Drill) -> JsonObject:
        release = drill.use(Pipeline).release(self.which)
        return {"version": release.name, "kind": release.broken}

    def run(self, drill: Drill) -> JsonObject:
        pipeline = drill.use(Pipeline)
        release = pipeline.release(self.which)
        for number in range(self.before):
            pipeline.add(f"EARLIER-{number + 1}.txt")
        commit = pipeline.put(release, merged=self.merged)
        for number in range(self.later):
            pipeline.add(LATER if self.later == 1 else f"LATER-{number + 1}.txt")
        if release.broken:
            drill.incident(
                "fault", cause=f"release {release.name} was pushed ({release.broken})", head=commit
            )
        deployed = pipeline.push()
        return {"version": release.name, "item": commit, "head": deployed.head}


@dataclass(frozen=True)
class RevertCommit(Act):
    """Takes one commit back by `git revert` and pushes that, which deploys what is left.

    Attributes:
        which: `HEAD`, a commit, a tag, or the name of a release that was pushed.
    """

    which: str = "HEAD"
    name = "commit.roll_back"

    def prepare(self, drill: Drill) -> None:
        pipeline = drill.use(Pipeline)
        pipeline.current  # noqa: B018  raises where nothing serves
        expect_revertible(pipeline.work, self.commit(pipeline))

    def commit(self, pipeline: Pipeline) -> str:
        """The commit to take back. Raises BadInput: there is none of that name."""
        pushed = [made for made, release in pipeline.releases.items() if release.name == self.which]
        try:
            return pushed[-1] if pushed else pipeline.work.commit_of(self.which)
        except AttemptFailed as error:
            raise BadInput(
                f"there is no commit {self.which!r}",
                doing="looking for the commit to take back",
                where=str(pipeline.work.path),
                remedy="`git log --oneline main` lists those there are; a shallow clone lacks the older ones",
            ) from error

    def describe(self, drill: Drill) -> JsonObject:
        pipeline = drill.use(Pipeline)
        commit = self.commit(pipeline)
        parent = mainline(pipeline, commit)[1]
        good = [one.head for one in pipeline.deployments if pipeline.work.is_ancestor(one.head, parent)]
        return {
            "item": commit,
            "head": pipeline.head(),
            "against": good[-1] if good else "",
            "parts": parent,
        }

    def run(self, drill: Drill) -> JsonObject:
        pipeline = drill.use(Pipeline)
        commit = self.commit(pipeline)
        revert(pipeline.work, commit, parent=mainline(pipeline, commit)[0])
        deployed = pipeline.push()
        drill.incident("executed")
        return {"item": commit, "head": deployed.head}


def expect_revertible(work: Repository, commit: str) -> None:
    """Raises PreconditionNotMet for what git would refuse, or revert without any sense."""
    doing, where = "looking at what is to be taken back", str(work.path)
    if not work.is_ancestor(commit, "HEAD"):
        raise PreconditionNotMet(
            f"commit {commit[:10]} is not part of what is deployed, so there is nothing of it to take back",
            doing=doing,
            where=where,
            remedy="name a commit that `git log main` lists",
        )
    if not work.parents_of(commit):
        raise PreconditionNotMet(
            f"commit {commit[:10]} is the first one: nothing was there before it", doing=doing, where=where
        )
    if dirty := work.changed():
        raise PreconditionNotMet(
            f"the working copy has changes that are not committed: {', '.join(dirty[:5])}",
            doing=doing,
            where=where,
            remedy="commit them or put them aside, then revert",
        )


def mainline(pipeline: Pipeline, commit: str) -> tuple[int, str]:
    """Which parent of a commit the main branch was at before it: its number, from 1, and its id.

    The first one, but where somebody merged main into a branch and pushed that as main. Then what was
    deployed last before the merge led to another parent alone.
    """
    work, parents = pipeline.work, pipeline.work.parents_of(commit)
    earlier = [one.head for one in pipeline.deployments if one.head != commit]
    before = [head for head in earlier if work.is_ancestor(head, commit)][-1:]
    led = [number for number, one in enumerate(parents, 1) if any(work.is_ancestor(h, one) for h in before)]
    chosen = led[0] if led else 1
    return chosen, parents[chosen - 1]


def revert(work: Repository, commit: str, *, parent: int) -> str:
    """`git revert`; the new commit. The working copy is as it was when it fails.

    Args:
        parent: number of the parent that a merge is taken back to; nothing else has a choice.

    Raises AttemptFailed: it conflicts, with the files; or nothing is left to revert.
    """
    merge = ("--mainline", str(parent)) if len(work.parents_of(commit)) > 1 else ()
    try:
        work.git("revert", "--no-edit", *merge, commit)
    except AttemptFailed as error:
        conflicts = work.git("diff", "--name-only", "--diff-filter=U").splitlines()
        work.git("reset", "--quiet", "--hard", "HEAD")
        raise AttemptFailed(
            f"taking back {commit[:10]} conflicts with later changes in {', '.join(conflicts[:5])}"
            if conflicts
            else error.found,
            doing="reverting a commit",
            where=str(work.path),
            remedy="take the later commits back first, newest first; or resolve it in a pull request and roll"
            " the service back to its previous image meanwhile",
        ) from error
    return work.head


def name_of_current(drill: Drill) -> str:
    """Name of the release that a feature calls current."""
    return drill.use(Pipeline).release("current").name
