"""The guide's script for a symptom, with the names of this system and this environment filled in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from rollproof.checks.rollbacks import is_rollback
from rollproof.components.commands import fill_in
from rollproof.errors import BadInput
from rollproof.model.incident import Word
from rollproof.model.spec import Spec
from rollproof.model.system import System

_ASKED = re.compile(r"<([^<>]+)>")


class Entry(Spec):
    """One thing that the guide says."""

    say: str
    id: str = ""
    each: str = ""
    on: tuple[str, ...] = ()
    act: str = ""
    changes: bool = False
    command: tuple[str, ...] = ()
    own: str = ""
    """instead of a command: the system's own, `command` or `rollback` of its [deploy] table"""


class SymptomScript(Spec):
    name: Word
    diagnose: tuple[Entry, ...] = ()
    act: tuple[Entry, ...] = ()
    validate_: Annotated[tuple[Entry, ...], Field(alias="validate")] = ()


@dataclass(frozen=True, slots=True)
class GuideStep:
    """One step as the operator meets it.

    Attributes:
        id: `diagnose.1`, `act.roll-back.list-agents`, `validate.2`: stable, for files of answers.
        command: arguments; empty: it is done by hand.
        act: what the journal calls it, `guide.step` for most.
        changes: whether running it changes anything.
    """

    id: str
    say: str
    command: tuple[str, ...]
    act: str
    changes: bool

    @property
    def asked(self) -> tuple[str, ...]:
        """What only the operator knows: the texts in angle brackets, each once."""
        return tuple(dict.fromkeys(name for word in self.command for name in _ASKED.findall(word)))

    def filled(self, values: Mapping[str, str]) -> GuideStep:
        """With the operator's values in place. Raises BadInput for one that is missing or empty."""
        for name in self.asked:
            if not values.get(name, "").strip():
                raise BadInput(f"step {self.id} needs a value: {name}", remedy="give it when you are asked")
        command = tuple(_ASKED.sub(lambda found: values[found[1]], word) for word in self.command)
        return replace(self, command=command)


@cache
def _scripts() -> Mapping[str, SymptomScript]:
    data = tomllib.loads((files("rollproof.guide") / "script.toml").read_text())
    return {row["name"]: SymptomScript.model_validate(row) for row in data["symptom"]}


def steps_for(
    system: System, symptom: str, action: str, *, environment: str, region: str, now: datetime | None = None
) -> dict[str, list[GuideStep]]:
    """The steps of a symptom by part: `diagnose`, `act`, `validate`.

    Args:
        action: what was decided; only the steps that carry it out are in `act`. Empty: none yet.
        now: for the stamps in commands; the clock's when None.
    """
    script = _scripts().get(symptom) or SymptomScript.model_validate({"name": symptom})
    moment = now or datetime.now(UTC)
    values = {
        "env": environment,
        "region": region,
        "stamp": f"{moment:%Y%m%d-%H%M%S}",
        "now": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "hour_ago": f"{moment - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    parts = {"diagnose": script.diagnose, "act": script.act, "validate": script.validate_}
    found = {
        part: [
            step
            for number, entry in enumerate(entries, start=1)
            if not entry.on or action in entry.on
            for step in _expanded(system, f"{part}.{entry.id or number}", entry, values)
        ]
        for part, entries in parts.items()
    }
    return found | {"act": [*found["act"], *_by_other_means(found["act"], action)]}


def _by_other_means(steps: list[GuideStep], action: str) -> Iterator[GuideStep]:
    """What carries a decision out where the system declares nothing that the script could name."""
    if action == "roll-back" and not any(is_rollback(step.act) for step in steps):
        yield GuideStep("act.record", "Note what is to come back", (), "release.record", changes=False)
        yield GuideStep("act.by-hand", f"Roll it back: {_UNTOLD}", (), "release.roll_back", changes=True)
    if action == "hotfix" and not any(step.act == "hotfix.deploy" for step in steps):
        yield GuideStep(
            "act.by-hand", f"Mend it, test it, deploy it: {_UNTOLD}", (), "hotfix.deploy", changes=True
        )


_UNTOLD = "the system file declares nothing that says how"


def _expanded(system: System, name: str, entry: Entry, values: Mapping[str, str]) -> Iterator[GuideStep]:
    for key, more in _components(system, entry.each, values["env"]):
        command = _own(system, entry) or entry.command
        filled = tuple(fill_in(command, **values, **more))
        say = f"{entry.say} ({more['name']})" if more.get("name") else entry.say
        act = entry.act or "guide.step"
        yield GuideStep(f"{name}.{key}" if key else name, say, filled, act, entry.changes)


def _own(system: System, entry: Entry) -> tuple[str, ...]:
    if entry.own == "rollback":
        return system.deploy.rollback or system.deploy.command or ()
    return (system.deploy.command or ()) if entry.own == "command" else ()


def _components(system: System, kind: str, environment: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Key and values of each declared component of a kind; one without values when no kind is named."""
    if not kind:
        yield "", {}
    elif kind == "database" and system.database is not None:
        role = system.database.app_role or "<role of the application>"
        yield "", {"ledger": system.database.migrations.ledger, "role": role}
    elif kind == "critical-table" and system.database is not None:
        yield from ((name, {"name": name}) for name in system.database.critical_tables)
    elif kind == "site":
        for key, site in system.site.items():
            yield key, {"name": key, "bucket": _name(site.bucket, environment)}
    elif kind in ("stack", "function", "table", "secret"):
        for key, spec in getattr(system, kind).items():
            name = _name(spec.name, environment)
            more = {"name": name}
            if kind == "function":
                more |= {"alias": spec.alias, "log_group": spec.log_group or f"/aws/lambda/{name}"}
            yield key, more


def _name(text: str, environment: str) -> str:
    return (
        text.replace("{env}", environment).replace("{account}", "<account>").replace("{region}", "<region>")
    )
