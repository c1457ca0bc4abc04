"""Phrases about releases that are pushed, and taken back by git."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import reverts
from rollproof.components import culprit, gitacts, gitlooks  # noqa: F401  the looks register themselves
from rollproof.components.aws import imagedeployer  # noqa: F401  it registers itself
from rollproof.drill.drill import Drill


@given("a repository whose pushes are deployed")
def repository(drill: Drill) -> None:
    drill.require(gitacts.OpenRepository())


@given("a repository whose pushes are deployed to what runs the service")
def repository_of_runner(drill: Drill) -> None:
    drill.require(gitacts.OpenRepository(by_runner=True))


@given(parsers.re(r"the (?P<which>current|previous) release is pushed, and serves"))
def serves(drill: Drill, which: str) -> None:
    drill.require(gitacts.PushRelease(which))


@when("the current release is pushed")
def current_pushed(drill: Drill) -> None:
    drill.attempt(gitacts.PushRelease("current"))


@when("the current release is pushed, and another change after it")
def current_pushed_and_more(drill: Drill) -> None:
    drill.attempt(gitacts.PushRelease("current", later=1))


@when("the current release is merged from a branch, while main went on, and pushed")
def current_merged(drill: Drill) -> None:
    drill.attempt(gitacts.PushRelease("current", merged=True))


@when(parsers.re(r"a release that is broken by (?P<kind>[\w-]+) is pushed"))
def broken_pushed(drill: Drill, kind: str) -> None:
    drill.attempt(gitacts.PushRelease(f"broken:{kind}"))


@when(parsers.re(r"a release that is broken by (?P<kind>[\w-]+) is pushed among other changes"))
def broken_pushed_among_others(drill: Drill, kind: str) -> None:
    drill.attempt(gitacts.PushRelease(f"broken:{kind}", before=2, later=3))


@when("the last commit is reverted and pushed")
def last_reverted(drill: Drill) -> None:
    drill.attempt(gitacts.RevertCommit())


@when("the commit of the current release is reverted and pushed")
@when("the merge of the current release is reverted and pushed")
def current_reverted(drill: Drill) -> None:
    drill.attempt(gitacts.RevertCommit(gitacts.name_of_current(drill)))


@when("the commit that broke the service is searched for")
def searched(drill: Drill) -> None:
    drill.attempt(culprit.FindCulprit())


@when("the commit that was found is reverted and pushed")
def found_reverted(drill: Drill) -> None:
    drill.attempt(culprit.RevertCulprit())


@then("the commit that broke the service is named")
def named(drill: Drill) -> None:
    drill.verify(reverts.culprit_named)


@then("exactly that commit's change is gone from the branch, and all others stay")
def exact(drill: Drill) -> None:
    drill.verify(reverts.revert_exact)


@then("no commit was rewritten")
def kept(drill: Drill) -> None:
    drill.verify(reverts.history_kept)


@then("each push was deployed by the pipeline")
def deployed(drill: Drill) -> None:
    drill.verify(reverts.push_deployed)


@then("what serves is the code of the branch, and it answers as the release before")
def code_serves(drill: Drill) -> None:
    drill.verify(reverts.reverted_code_serves)


@then("the schema that this code needs is there")
def schema(drill: Drill) -> None:
    drill.verify(reverts.schema_for_code)
