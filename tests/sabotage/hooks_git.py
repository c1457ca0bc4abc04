"""What saboteurs of features/git.feature do."""

from __future__ import annotations

from typing import Any

from rollproof.components import culprit, gitacts
from rollproof.components.deployers import Processes
from rollproof.components.git import Repository
from rollproof.components.pipeline import Deployment, Pipeline
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.bench import Bench
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.model.aws import Release
from tests.sabotage.hooks import _patched


def revert_to_the_other_parent(drill: Drill, act: Act) -> None:
    """Somebody types `-m 2`."""
    revert = gitacts.revert

    def wrong(work: Repository, commit: str, *, parent: int) -> str:
        return revert(work, commit, parent=3 - parent)

    _patched(drill, gitacts, "revert", wrong)


def push_nothing(drill: Drill, act: Act) -> None:
    """The commit stays on somebody's machine."""

    def push(self: Pipeline, *options: str) -> Deployment:
        return self.current

    _patched(drill, Pipeline, "push", push)


def deploy_the_old_checkout(drill: Drill, act: Act) -> None:
    """The pipeline starts what is there already, and reports what it was asked for."""
    deploy, old = Processes.deploy, drill.use(Pipeline).current.release

    def stale(self: Processes, release: Release) -> None:
        deploy(self, old)

    _patched(drill, Processes, "deploy", stale)


def force_the_branch_back(drill: Drill, act: Act) -> None:
    """`git reset --hard`, and `git push --force`."""
    push = Pipeline.push

    def revert(work: Repository, commit: str, *, parent: int) -> str:
        work.git("reset", "--quiet", "--hard", f"{commit}~1")
        return work.head

    def force(self: Pipeline, *options: str) -> Deployment:
        return push(self, "--force", *options)

    _patched(drill, gitacts, "revert", revert)
    _patched(drill, Pipeline, "push", force)


def commit_an_empty_revert(drill: Drill, act: Act) -> None:
    """The message says revert."""

    def revert(work: Repository, commit: str, *, parent: int) -> str:
        return work.commit(f"Revert {commit}")

    _patched(drill, gitacts, "revert", revert)


def take_the_later_change_along(drill: Drill, act: Act) -> None:
    """Everything goes back to the release before, what came later as well."""
    revert = gitacts.revert

    def too_much(work: Repository, commit: str, *, parent: int) -> str:
        revert(work, commit, parent=parent)
        (work.path / gitacts.LATER).unlink()
        return work.commit("tidy up")

    _patched(drill, gitacts, "revert", too_much)


def name_the_next_commit(drill: Drill, act: Act) -> None:
    """The search is off by one."""
    bisect = culprit._bisect

    def next_one(drill: Drill, search: Any, good: str, bad: str) -> Any:
        found = bisect(drill, search, good, bad)
        line = search.pipeline.work.log(bad)
        return {**found, "item": line[line.index(found["item"]) - 1]}

    _patched(drill, culprit, "_bisect", next_one)


def forget_a_migration(drill: Drill, act: Act) -> None:
    """Somebody has mended the ledger by hand."""
    bench = drill.use(Bench)
    with connected(bench.server, bench.name) as conn:
        conn.execute("DELETE FROM django_migrations WHERE name = '0003_sound_appointments'")
