"""Going back by the system's own means: the last good revision is looked up, checked out, built and deployed.

The repository is the drill's own copy of the history, one commit for each release that was deployed.
"""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.aws.function import Functions
from rollproof.components.aws.releasehistory import ReleaseHistory
from rollproof.components.aws.releases import Deployments, run_own
from rollproof.components.commands import fill_in, run_command
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.model.aws import Release
from rollproof.model.json import Json, JsonObject
from rollproof.model.spec import Command


@dataclass(frozen=True)
class RollBackByCheckout(Act):
    """`git log`, `git checkout`, install, build, deploy; each step is recorded as it is done.

    Installing and building are the system's own commands (`[deploy] install`, `build`), and so is deploying
    (`rollback`, else `command`); without them, the stacks of the checkout go through CloudFormation.
    """

    name = "checkout.roll_back"

    def run(self, drill: Drill) -> JsonObject:
        history, deploy = drill.use(ReleaseHistory), drill.system.deploy
        history.catch_up()
        target = history.target()
        revision = last_good(history, target)
        history.repository.git("checkout", "--quiet", "--force", "--detach", revision)
        done: list[Json] = ["log", "checkout"]
        release = Release(name=target.name, path=str(history.tree), revision=revision)
        for step, command in (("install", deploy.install), ("build", deploy.build)):
            if command is not None:
                _run(drill, step, command, release)
                done.append(step)
        self._deploy(drill, release)
        drill.incident("executed")
        head = history.repository.head
        return {
            "steps": [*done, "deploy"],
            "version": target.name,
            "head": head,
            "against": history.commits[target.name],
        }

    def _deploy(self, drill: Drill, release: Release) -> None:
        deployments, deploy = drill.use(Deployments), drill.system.deploy
        deployments.names.append(release.name)
        deployments.cloud.release = release.name
        if command := deploy.rollback or deploy.command:
            run_own(drill, command, release)
            return
        for source in deployments.sources(release, drill.use(Functions).stacks):
            deployments.deploy(release, source)


def last_good(history: ReleaseHistory, target: Release) -> str:
    """The newest commit of the release that served before, as `git log` lists it. Raises AttemptFailed."""
    for line in history.repository.git("log", "--format=%H %s", "main").splitlines():
        commit, _, said = line.partition(" ")
        if said == f"release {target.name}":
            return commit
    raise AttemptFailed(
        f"no revision of release {target.name} is in the history",
        doing="looking for the last good revision",
        remedy="commit each release before it is deployed",
    )


def _run(drill: Drill, step: str, command: Command, release: Release) -> None:
    """One of the system's own commands, in the checkout. Raises AttemptFailed when it does not end well."""
    environment, history = drill.session.open(drill.system), drill.use(ReleaseHistory)
    ran = run_command(
        environment,
        fill_in(
            command,
            path=str(history.tree),
            release=release.name,
            revision=release.revision or "",
            env=environment.name,
        ),
        name=f"the command that should {step} release {release.name}",
        where=f"{drill.system.source}: deploy.{step}",
        cwd=history.repository.path,
        environment={"RELEASE": release.name, "REVISION": release.revision or ""},
        limit=drill.system.deploy.limit,
    )
    if ran.exit_code != 0:
        how = "took too long" if ran.exit_code is None else f"ended with {ran.exit_code}"
        raise AttemptFailed(
            f"deploy.{step} {how}; last it said: {ran.last_words}",
            doing="rolling back by the system's own commands",
            remedy="run it by hand in a checkout of that revision",
            facts={"exit_code": ran.exit_code},
        )
