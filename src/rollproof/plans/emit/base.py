"""What every scheduler's file is made of."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from rollproof.errors import BadInput
from rollproof.model.calendar import say_window
from rollproof.model.cron import Cron
from rollproof.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the plan does not say of the place where it will run.

    Attributes:
        image: a container image with the project and Rollproof in it.
        folder: the project's folder on the machine.
        user: the account there.
        arn, role: what EventBridge calls, and the role it does so in.
        shards: parts that run side by side.
        install: the command that installs the project and Rollproof, as a shell line for a CI job.
    """

    image: str = ""
    folder: str = ""
    user: str = ""
    arn: str = ""
    role: str = ""
    shards: int = 1
    install: str = "pip install -e ."


@dataclass(frozen=True, slots=True)
class Emitted:
    """Files by name, and what a person has to know of them, one line each."""

    files: Mapping[str, str]
    notes: tuple[str, ...] = ()


def needed(value: str, option: str, what: str, plan: Plan) -> str:
    """Raises BadInput when the person has not said what only they know."""
    if not value:
        raise BadInput(
            f"nothing says {what}", doing=f"writing the schedule of plan {plan.name}", remedy=f"give {option}"
        )
    return value


def cron_of(plan: Plan) -> Cron:
    """Raises BadInput for a plan without a schedule."""
    if plan.cron is None:
        raise BadInput(
            "the plan has no schedule",
            doing=f"writing the schedule of plan {plan.name}",
            where=str(plan.source),
            remedy='give it one: [schedule] cron = "0 3 * * *"',
        )
    return plan.cron


def path_of(plan: Plan) -> str:
    """The plan's file as the project names it: relative to the current folder where it is inside it.

    Raises BadInput for a name that a comment, a shell or a scheduler would not take for a name alone.
    """
    here = Path.cwd()
    path = str(plan.source.relative_to(here)) if plan.source.is_relative_to(here) else str(plan.source)
    if not path.isprintable() or "${{" in path:
        raise BadInput(
            "the plan's path has characters that schedulers do not take for a part of a name",
            doing=f"writing the schedule of plan {plan.name}",
            where=repr(path),
            remedy="rename the file or its folder: letters, digits, - and _",
        )
    return f"./{path}" if path.startswith("-") else path


def plain(value: str, option: str) -> str:
    """What a person has given for a place where only one line fits. Raises BadInput for more."""
    if not value.isprintable():
        raise BadInput("a line break or another control character stands in it", where=option)
    return value


def shortened(name: str, longest: int) -> str:
    """A name of that length at most; what was cut off is told apart by a digest of it."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: longest - 7].rstrip('-')}-{digest}"


def portable(cron: Cron) -> str:
    """The same times in numbers alone: `7` for Sunday and `5/15` are not what every scheduler takes."""
    fields = (
        (cron.minutes, range(60)),
        (cron.hours, range(24)),
        (cron.days, range(1, 32)),
        (cron.months, range(1, 13)),
        (cron.weekdays, range(7)),
    )
    return " ".join(ranges(values, everything) for values, everything in fields)


def command(plan: Plan) -> list[str]:
    """What runs the plan."""
    return ["rollproof", "drill", "run", path_of(plan)]


def shell(words: list[str]) -> str:
    return shlex.join(words)


def header(plan: Plan, form: str) -> str:
    """The comment at the top: where the file comes from, and what the plan itself still refuses."""
    lines = [
        f"Made by `rollproof drill emit {path_of(plan)} --as {form}`; make it again when the plan changes.",
        *guards(plan),
    ]
    return "".join(f"# {line}\n" for line in lines)


def guards(plan: Plan) -> tuple[str, ...]:
    """What no scheduler knows: the plan's command refuses to start outside these."""
    said = [f"Starts only {' or '.join(map(say_window, plan.window))}, {plan.plan.timezone}."]
    frozen = [f"{one.first} to {one.last}" for one in plan.frozen]
    return (
        *(said if plan.window else []),
        *([f"Refuses to start from {', '.join(frozen)}."] if frozen else []),
    )


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def as_yaml(value: object) -> str:
    """Plain YAML in the order given; `on` keeps its quotes, which YAML 1.1 readers need."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def ranges(values: frozenset[int], everything: range) -> str:
    """`*` for all, else a list with runs put together: `1-5,7`."""
    if values == frozenset(everything):
        return "*"
    found: list[list[int]] = []
    for value in sorted(values):
        if found and found[-1][-1] == value - 1:
            found[-1].append(value)
        else:
            found.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in found)
