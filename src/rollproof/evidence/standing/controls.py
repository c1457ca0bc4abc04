"""Which controls a run gives evidence in support of; that anything complies is not for a drill to say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from rollproof.evidence import reading
from rollproof.evidence.standing.claims import Claim
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome, worst

RETEST = "retest"


@dataclass(frozen=True, slots=True)
class Rule:
    """Drills, and the controls that they support, by framework.

    A claim is meant when each of `features`, `tags`, `checks` and `scenarios` is empty or holds something
    of it. `on` is `retest` for what a run supports by closing a finding; then nothing else counts.
    """

    title: tuple[str, ...]
    features: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    on: str = ""
    supports: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def means(self, claim: Claim) -> bool:
        if self.on:
            return False
        wanted = (
            (self.features, (feature_of(claim.place.scenario),)),
            (self.tags, claim.tags),
            (self.checks, tuple(name for name, _ in claim.checks)),
            (self.scenarios, (claim.name,)),
        )
        return all(not asked or set(asked) & set(has) for asked, has in wanted)


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework, and what its controls are about: a text for each language, English first."""

    id: str
    title: str
    controls: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Controls:
    """A map of drills to controls. `none`: features that support none, and why."""

    frameworks: Mapping[str, Framework] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    none: tuple[tuple[str, str], ...] = ()

    def with_own(self, other: Controls) -> Controls:
        """Both; where a framework or a control is in both, the other's texts count."""
        frameworks = dict(self.frameworks)
        for name, one in other.frameworks.items():
            known = frameworks[name].controls if name in frameworks else {}
            frameworks[name] = Framework(name, one.title, {**known, **one.controls})
        return Controls(frameworks, (*self.rules, *other.rules), (*self.none, *other.none))

    def to_json(self) -> dict[str, Json]:
        return {
            "frameworks": {
                one.id: {"title": one.title, "controls": {k: list(v) for k, v in one.controls.items()}}
                for one in self.frameworks.values()
            },
            "drill": [_rule_json(rule) for rule in self.rules],
        }


def _rule_json(rule: Rule) -> dict[str, Json]:
    return {
        "title": list(rule.title),
        "features": list(rule.features),
        "tags": list(rule.tags),
        "checks": list(rule.checks),
        "scenarios": list(rule.scenarios),
        "on": rule.on,
        "supports": {name: list(ids) for name, ids in rule.supports},
    }


def controls_from(data: Mapping[str, Any]) -> Controls:
    """Of a file or of a journal, as far as it can be understood; files are checked when they are read."""
    frameworks = {
        name: Framework(
            name,
            reading.text(one, "title", name),
            {
                control: tuple(map(str, reading.items(said)))
                for control, said in reading.mapping(one, "controls").items()
            },
        )
        for name, one in reading.mapping(data, "frameworks").items()
        if isinstance(one, Mapping)
    }
    rules = [_rule(one) for one in reading.items(data.get("drill")) if isinstance(one, Mapping)]
    none = [
        (feature, reading.text(one, "why"))
        for one in reading.items(data.get("none"))
        if isinstance(one, Mapping)
        for feature in reading.texts(one, "features")
    ]
    return Controls(frameworks, tuple(rules), tuple(none))


def _rule(data: JsonObject) -> Rule:
    return Rule(
        reading.texts(data, "title"),
        reading.texts(data, "features"),
        reading.texts(data, "tags"),
        reading.texts(data, "checks"),
        reading.texts(data, "scenarios"),
        reading.text(data, "on"),
        tuple(
            (name, tuple(map(str, reading.items(ids))))
            for name, ids in reading.mapping(data, "supports").items()
        ),
    )


@cache
def shipped_controls() -> Controls:
    """The map that comes with Rollproof."""
    body = (files("rollproof.evidence.standing") / "controls.toml").read_text(encoding="utf-8")
    return controls_from(tomllib.loads(body))


def feature_of(scenario: str) -> str:
    """`migration` of `migration.feature::test_…`."""
    return scenario.partition("::")[0].removesuffix(".feature")


@dataclass(frozen=True, slots=True)
class Support:
    """One control of a framework, and what a run says in support of it.

    Attributes:
        text: what it is about, one for each language.
        outcome: refuted when any drill that supports it is, unknown when any is and none is refuted,
            proven when all that claimed are; None: none was exercised in this run.
        drills: titles of the rules that were exercised, one for each language; scenarios: names of those.
    """

    framework: str
    control: str
    text: tuple[str, ...]
    outcome: Outcome | None
    drills: tuple[tuple[str, ...], ...]
    scenarios: tuple[str, ...]


def coverage(controls: Controls, claims: Sequence[Claim], *, retested: bool) -> tuple[Support, ...]:
    """Every control of every framework, in the order of the file. `retested`: the run closed a finding."""
    meant = [(rule, [claim for claim in claims if rule.means(claim)]) for rule in controls.rules]
    return tuple(
        _support(meant, framework, control, retested=retested)
        for framework in controls.frameworks.values()
        for control in framework.controls
    )


def _support(
    rules: Sequence[tuple[Rule, list[Claim]]], framework: Framework, control: str, *, retested: bool
) -> Support:
    by_rule = [(rule, found) for rule, found in rules if control in dict(rule.supports).get(framework.id, ())]
    meant = [claim for _, found in by_rule for claim in found]
    outcomes = [claim.outcome for claim in meant]
    done = retested and any(rule.on == RETEST for rule, _ in by_rule)
    if done:
        outcomes.append(Outcome.PROVEN)
    return Support(
        framework.id,
        control,
        framework.controls[control],
        worst(outcomes) if outcomes else None,
        tuple(rule.title for rule, found in by_rule if found or (done and rule.on == RETEST)),
        tuple(dict.fromkeys(claim.name for claim in meant)),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many controls of a framework a run says something of."""

    framework: Framework
    proven: int
    refuted: int
    unknown: int
    idle: int

    @property
    def total(self) -> int:
        return self.proven + self.refuted + self.unknown + self.idle


def by_framework(controls: Controls, found: Iterable[Support]) -> tuple[Coverage, ...]:
    """One for each framework, in the order of the file."""
    outcomes: dict[str, list[Outcome | None]] = {name: [] for name in controls.frameworks}
    for one in found:
        outcomes[one.framework].append(one.outcome)
    return tuple(
        Coverage(
            controls.frameworks[name],
            said.count(Outcome.PROVEN),
            said.count(Outcome.REFUTED),
            said.count(Outcome.UNKNOWN),
            said.count(None),
        )
        for name, said in outcomes.items()
    )
