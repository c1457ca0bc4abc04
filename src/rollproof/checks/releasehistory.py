"""Is it on record what came back, and did the hotfix go its whole way?"""

from __future__ import annotations

from rollproof.checks.evidence import as_list, lines, need
from rollproof.checks.procedure import procedure_in_order
from rollproof.checks.registry import check
from rollproof.journal import History, Kind
from rollproof.model.verdict import Outcome, Verdict, proven, refuted

HOTFIX = ("hotfix.branch", "hotfix.change", "hotfix.test", "hotfix.merge", "hotfix.deploy", "service.verify")


@check("rollback-recorded", "what came back is on record as a branch and a tag", sees=("release-history",))
def rollback_recorded(history: History) -> Verdict:
    """Branch and tag were made before the rollback began, and hold the content that was rolled back to."""
    seen = need(history.last("release.history"), "the branch and the tag of the rollback")
    recorded = need(history.last("release.record", Kind.OK), "putting on record what is to come back")
    begun = need(history.first("release.roll_back", Kind.BEGIN), "a rollback of a release")
    problems = []
    for name, content in zip(("branch", "tag"), as_list(seen.data["items"]), strict=True):
        if not content:
            problems.append(f"the {name} is gone")
        elif content != seen.data["digest"]:
            problems.append(
                f"the {name} does not hold what was rolled back to, release {seen.data['version']}"
            )
    if recorded.seq > begun.seq:
        problems.append("it was put on record only when the rollback had begun")
    if problems:
        return refuted(problems[0], *lines(problems))
    return proven(f"{seen.data['label']} holds release {seen.data['version']}")


@check(
    "hotfix-in-order",
    "the hotfix was branched off, tested, merged and deployed, in that order",
    answers=("hotfix.deploy", "hotfix.test", "hotfix.merge", "hotfix.change"),
)
def hotfix_in_order(history: History) -> Verdict:
    """Each step succeeded and began after the one before; what was deployed is what was merged."""
    need(history.first("hotfix.branch", Kind.BEGIN), "a hotfix")
    verdict = procedure_in_order.judge(history, {"steps": list(HOTFIX)})
    if verdict.outcome is not Outcome.PROVEN:
        return verdict
    deployed = need(history.last("hotfix.deploy", Kind.OK), "the hotfix' deployment")
    merged = need(history.last("hotfix.merge", Kind.OK), "the hotfix' merge")
    if deployed.data.get("head") != merged.data.get("head"):
        return refuted("what was deployed is not what was merged")
    if deployed.data.get("label") not in as_list(deployed.data.get("items")):
        return refuted("the branch of the hotfix is not merged")
    return verdict
