"""Finding the commit that broke the service: `git bisect`, each candidate run and asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollproof.components.asking import DIFFERS, ROUNDS, WELL, Facts, ask, failing, health_of, unsure
from rollproof.components.git import MAIN, environment_of_git
from rollproof.components.gitacts import RevertCommit
from rollproof.components.handover import Handover
from rollproof.components.pipeline import Pipeline
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, PreconditionNotMet
from rollproof.journal import Kind
from rollproof.model.json import Json, JsonObject

GOOD, BAD, CANNOT_TELL, ABORT = 0, 1, 125, 255
"""exit codes as `git bisect run` reads them (git-bisect(1), "Bisect run")"""
AGAIN = 2
"""rounds that have to agree on a candidate that has answered now so, now so"""
BISECT_SECONDS = 300.0
_WORDS = {GOOD: "well", BAD: "ill", CANNOT_TELL: "cannot be run", ABORT: "ill in part, or not each time"}


@dataclass
class Search:
    """What is looked for, and what was found out about each candidate.

    Attributes:
        symptom: questions that the service that is broken answers badly each time.
        codes: what each candidate was told to be, by commit.
    """

    drill: Drill
    pipeline: Pipeline
    symptom: frozenset[str]
    codes: dict[str, int] = field(default_factory=dict)
    asked: int = 0

    @property
    def services(self) -> frozenset[str]:
        """Those that have to run for the symptom to be seen."""
        system = self.drill.system
        asked = {spec.service or "" for spec in system.traffic if spec.name in self.symptom}
        return frozenset(asked | {name for name in system.service if health_of(name) in self.symptom})

    def answer(self, question: str) -> tuple[int, str]:
        commit = question.strip()
        self.codes[commit] = self._try(commit)
        return self.codes[commit], _WORDS[self.codes[commit]]

    def _try(self, commit: str) -> int:
        release = self.pipeline.asked_for(commit)
        try:
            self.pipeline.make_ready(release)
            with self.pipeline.deployer.try_out(release, self.services) as urls:
                return self._settled(urls)
        except (AttemptFailed, EnvironmentUnavailable):
            return CANNOT_TELL
        finally:
            self.pipeline.forget(release)

    def _settled(self, urls: Mapping[str, str]) -> int:
        """One round, if it is clear. After one that is not, several more have to say the same."""
        first = self._round(urls)
        if first != ABORT:
            return first
        more = {self._round(urls) for _ in range(AGAIN)}
        return more.pop() if len(more) == 1 else ABORT

    def _round(self, urls: Mapping[str, str]) -> int:
        facts = ask(self.drill, urls)
        self.asked += ROUNDS
        return verdict_of(facts, self.symptom)


def verdict_of(facts: Facts, symptom: frozenset[str]) -> int:
    """Whether these answers show the symptom: each question of it badly, or none of them, each time."""
    said = {facts.get(question, DIFFERS) for question in symptom}
    if said == {WELL}:
        return GOOD
    return ABORT if said & {WELL, DIFFERS} else BAD


@dataclass(frozen=True)
class FindCulprit(Act):
    """Names the commit that broke the service, or says that it cannot.

    The answers on record since each deployment say between which two it broke; `git bisect run` finds the
    commit between them. Each candidate is run beside what serves, on the database as it is now.
    """

    name = "culprit.find"

    def run(self, drill: Drill) -> JsonObject:
        pipeline = drill.use(Pipeline)
        drill.incident("detected")
        bad = pipeline.current
        facts = ask(drill, pipeline.urls)
        symptom = failing(facts)
        if not symptom:
            flaky = sorted(unsure(facts))
            return _unknown(
                f"{flaky[0]} is answered now well, now badly" if flaky else "nothing is answered badly",
            )
        good = [one for one in pipeline.deployments if verdict_of(one.facts, symptom) == GOOD]
        if not good:
            return _unknown("no earlier deployment is known that was well")
        found = _bisect(drill, Search(drill, pipeline, symptom), good[-1].head, bad.head)
        if found.get("outcome") == "found":
            drill.incident("decided", cause=f"commit {found['item']}")
        return {**found, "checks": sorted(symptom)}


@dataclass(frozen=True)
class RevertCulprit(RevertCommit):
    """Takes back the commit that was found. Nothing was found: nothing is touched."""

    def commit(self, pipeline: Pipeline) -> str:
        found = pipeline.drill.history.last("culprit.find", Kind.OK)
        if found is None or found.data["outcome"] != "found":
            raise PreconditionNotMet(
                "no commit was found that broke the service, so none is taken back",
                remedy="roll back to the release before by its image, and look at the search's candidates",
            )
        return str(found.data["item"])


def _unknown(why: str, codes: Sequence[str] = ()) -> dict[str, Json]:
    return {"outcome": "unknown", "reason": why, "items": list(codes)}


def _bisect(drill: Drill, search: Search, good: str, bad: str) -> dict[str, Json]:
    work = search.pipeline.work
    handover = Handover(search.pipeline.folder / f"bisect-{bad[:10]}-{len(drill.history.events)}")
    script = _script(search.pipeline.folder / f"bisect-{len(drill.history.events)}.sh", handover)
    here = work.head
    # Releases that are commits of the drill's own come one by one on main; real histories are searched whole.
    own = all(release.revision is None for release in drill.system.release)
    work.git("bisect", "start", *(["--first-parent"] if own else []), bad, good)
    try:
        ran = handover.run(
            ["git", "-C", str(work.path), "bisect", "run", "sh", str(script)],
            search.answer,
            within=search.pipeline.environment,
            cwd=work.path,
            env=environment_of_git(),
            limit=BISECT_SECONDS,
        )
        first = work.git("rev-parse", "--verify", "refs/bisect/bad") if ran.exit_code == 0 else ""
    finally:
        work.git("bisect", "reset", here)
        work.git("checkout", "--quiet", "--force", "-B", MAIN, here)
    told = {good: _WORDS[GOOD], bad: _WORDS[BAD]}
    told |= {commit: _WORDS[code] for commit, code in search.codes.items()}
    lines = [f"{commit[:10]} {_WORDS[code]}" for commit, code in search.codes.items()]
    if not first:
        odd = next((c for c, code in search.codes.items() if code not in (GOOD, BAD)), "")
        why = f"{odd[:10]} {_WORDS[search.codes[odd]]}" if odd else "git bisect gave up"
        return _unknown(f"the search did not end: {why}", lines)
    parent = work.parents_of(first)[0]
    if any(word == _WORDS[GOOD] and work.is_ancestor(parent, one) for one, word in told.items()):
        told.setdefault(parent, _WORDS[GOOD])
    return {
        "outcome": "found",
        "item": first,
        "version": _named(search.pipeline, first),
        "items": lines,
        "against": parent,
        "versions": told,
        "attempts": search.asked,
        "count": len(work.git("rev-list", *(["--first-parent"] if own else []), f"{good}..{bad}").split()),
    }


def _script(path: Path, handover: Handover) -> Path:
    path.write_text(handover.script("git rev-parse HEAD"), encoding="utf-8")
    return path


def _named(pipeline: Pipeline, commit: str) -> str:
    """The release that came with a commit; empty for a change without one."""
    release = pipeline.releases.get(commit)
    return release.name if release is not None else ""
