"""Was it taken back by git as it should be: that change alone, on top of the history, and does it serve?"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, ended, lines, need, still_true
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown


def _looked(history: History, act: str, what: str) -> Event:
    """The newest look, made when nothing was pushed any more."""
    event = need(history.last(act, Kind.NOTE), what)
    return still_true(history, event, what, "commit.push", "commit.roll_back")


@check(
    "revert-exact",
    "exactly that commit's change is gone, and all others stay",
    sees=("reverted",),
    answers=("commit.roll_back",),
)
def revert_exact(history: History) -> Verdict:
    """Path by path, what the deployed branch has become is what taking back that commit makes of it."""
    event = _looked(history, "branch.looked", "the branch after the revert")
    rows = [as_object(row) for row in as_list(history.attachment(event.data["differences"]))]
    if not any(row["expected"] for row in rows):
        return unknown("the commit that was taken back had changed nothing")
    kept = [f"{row['path']}: its change is still there" for row in rows if not row["found"]]
    besides = [f"{row['path']}: changed as well" for row in rows if not row["expected"]]
    wrong = [
        f"{row['path']}: not as it was before that commit"
        for row in rows
        if row["expected"] and row["found"] and row["expected"] != row["found"]
    ]
    if problems := [*kept, *besides, *wrong]:
        return refuted(f"{len(problems)} files are not as they should be: {problems[0]}", *lines(problems))
    if event.data["kept"] and event.data["kept"] != event.data["digest"]:
        return refuted(
            "the branch's content is not that of the release before, though nothing else was pushed"
        )
    return proven(
        f"{len(rows)} files are as they were before that commit, and no other changed", files=len(rows)
    )


@check("history-kept", "no commit was rewritten", sees=("reverted",))
def history_kept(history: History) -> Verdict:
    """Everything that was ever pushed is part of what led to the branch's head."""
    event = _looked(history, "branch.looked", "the branch after the revert")
    if missing := sorted({str(one) for one in as_list(event.data["missing"])}):
        return refuted(
            f"commit {missing[0][:10]} was pushed and is not part of the branch any more",
            *lines(missing),
        )
    count = len(history.all("pipeline.ran"))
    if not count:
        return unknown("nothing was ever pushed")
    return proven(f"all {count} pushes are part of the branch", pushes=count)


@check(
    "push-deployed",
    "each push was deployed by the pipeline, the newest last",
    sees=("reverted",),
    answers=("commit.push",),
)
def push_deployed(history: History) -> Verdict:
    """Each run of the pipeline begins where the one before ended; the last deployed the branch's head."""
    head = _looked(history, "branch.looked", "the branch after the revert").data["head"]
    pushes = ended(history, "commit.push", "commit.roll_back")
    if cut := [one for one in pushes if one.kind is Kind.UNKNOWN]:
        return unknown(f"how {cut[0].act} ended nobody can tell")
    problems = [
        f"{one.act} did not succeed: {one.data.get('found', '')}" for one in pushes if one.kind is Kind.FAIL
    ]
    ran = history.all("pipeline.ran", Kind.NOTE)
    problems += _gaps(ran)
    rollback = need(history.last("commit.roll_back", Kind.BEGIN), "taking a commit back")
    if not ran or ran[-1].seq < rollback.seq:
        problems.append("the revert has not reached the pipeline")
    elif ran[-1].data["head"] != head:
        problems.append("the branch's head is not what the pipeline deployed last")
    if problems:
        return refuted(problems[0], *lines(problems))
    return proven(f"{len(ran)} pushes, each deployed", pushes=len(ran))


def _gaps(ran: list[Event]) -> list[str]:
    """Runs that failed, and pushes between two runs that no run was for."""
    problems = []
    before = ran[0].data["against"] if ran else ""
    for run in ran:
        short = str(run.data["head"])[:10]
        if run.data["status"] != "deployed":
            problems.append(f"the pipeline failed on {short}: {run.data.get('found', '')}")
        if run.data["against"] != before:
            problems.append(f"something was pushed before {short} without the pipeline")
        before = run.data["head"]
    return problems


@check(
    "reverted-code-serves", "what serves is the code of the branch, and answers as it did", sees=("served",)
)
def reverted_code_serves(history: History) -> Verdict:
    """The processes run from the branch's content; what was answered well with the good release still is,
    and a service that names its release names that one.

    Where no process can be looked into, the answers alone have to tell the good release from the one that
    was taken back. What else stands in an answer, such as how many migrations there are, may be another.
    """
    event = _looked(history, "service.looked", "the service after the revert")
    trees = {name: str(tree) for name, tree in as_object(event.data["versions"]).items()}
    now, good, bad = (_facts(history, event, field) for field in ("found", "kept", "against"))
    problems = [
        f"{name} runs from other code than the branch holds"
        for name, tree in trees.items()
        if tree and tree != event.data["digest"]
    ]
    problems += _other_answers(now, good)
    if problems:
        return refuted(problems[0], *lines(problems))
    if not good:
        return unknown("nothing is known of how the good release answered")
    if flaky := [name for name in good if " says " not in name and now.get(name) == "differs"]:
        return unknown(f"{flaky[0]} is answered now well, now badly", *lines(flaky))
    told = [name for name, said in good.items() if _differs(said, bad.get(name, ""))]
    still_bad = [name for name in told if not _differs(now.get(name, ""), bad.get(name, ""))]
    seen = bool(trees) and all(trees.values())
    if not seen and (still_bad or not told):
        return unknown("neither its answers nor its processes tell the good release from the other one")
    by = ["the folder it runs from"] if seen else []
    by += [name for name in told if name not in still_bad][:1]
    return proven(f"{len(good)} answers compared; it is told by {' and '.join(by)}", answers=len(good))


def _other_answers(now: Mapping[str, Json], good: Mapping[str, Json]) -> list[str]:
    """What is answered worse than by the good release, and by another one."""
    problems = []
    for name, said in good.items():
        is_now = now.get(name, "nothing")
        question, names_a_release = " says " not in name, not str(said).startswith("#")
        if not _differs(said, is_now):
            continue
        if question and is_now != "ok":
            problems.append(f"{name}: {said} before, {is_now} now")
        if not question and names_a_release:
            problems.append(f"{name} {said} before, and {is_now} now")
    return problems


def _facts(history: History, event: Event, field: str) -> Mapping[str, Json]:
    return as_object(history.attachment(event.data[field]))


def _differs(one: Json, other: Json) -> bool:
    """Whether two answers are certain to be different."""
    return one != other and "differs" not in (one, other)


@check("schema-for-code", "the schema that the code needs is there", sees=("schema-of-code",))
def schema_for_code(history: History) -> Verdict:
    """Every migration that comes with the code that serves is applied, and the service says it is well."""
    event = _looked(history, "schema.looked", "the migrations of the code that serves")
    missing, needed = as_list(event.data["missing"]), as_list(event.data["migrations"])
    if missing:
        return refuted(f"the code needs {missing[0]}, which was not applied", *lines(missing))
    facts = as_object(history.attachment(event.data["found"]))
    asked = {name: said for name, said in facts.items() if " says " not in name}
    if ill := [f"{name}: {said}" for name, said in asked.items() if said != "ok"]:
        return refuted(f"the code does not work on the schema that is there: {ill[0]}", *lines(ill))
    if not asked:
        return unknown("nothing was asked of the code on this schema")
    brought = f"all {len(needed)} migrations" if needed else "the release brings none of its own; "
    said = f"{brought} of the code are applied; " if needed else brought
    return proven(f"{said}{len(asked)} questions are answered well", migrations=len(needed), asked=len(asked))


@check("culprit-named", "the commit that broke the service is named", answers=("culprit.find",))
def culprit_named(history: History) -> Verdict:
    """The one that the drill had broken, told by its being ill and its predecessor well, each time asked."""
    found = need(history.last("culprit.find", Kind.OK), "a search for the commit")
    if found.data["outcome"] != "found":
        return unknown(f"the search says unknown: {found.data['reason']}")
    fault = need(history.last("incident.fault"), "the fault")
    named, broken = str(found.data["item"]), str(fault.data.get("head", ""))
    told = as_object(found.data["versions"])
    if named != broken:
        return refuted(f"{named[:10]} was named, and {broken[:10]} had broken it")
    unsure = [
        one for one, word in ((named, "ill"), (found.data["against"], "well")) if told.get(str(one)) != word
    ]
    if unsure:
        return unknown(f"{str(unsure[0])[:10]} was named or cleared without having been asked")
    return proven(
        f"{named[:10]} of {found.data['count']} commits, after {len(as_list(found.data['items']))} were run",
        asked=found.data["attempts"],
    )
