"""Asking the operator: on a terminal, or from a file of answers."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import typer
from pydantic import Field, ValidationError

from rollproof.errors import BadInput
from rollproof.guide.script import GuideStep
from rollproof.model.spec import Spec

How = Literal["run", "done", "skip"]
_KEYS: dict[str, How] = {"r": "run", "d": "done", "s": "skip"}


class Talk(Protocol):
    """Whoever answers the guide."""

    def tell(self, line: str = "") -> None:
        """Shows a line."""
        ...

    def ask(self, what: str, known: Sequence[str], *, default: str = "") -> str:
        """An answer to a question; one of `known` where it is not empty. Raises BadInput: there is none."""
        ...

    def choose(self, step: GuideStep) -> How:
        """What to do with a step that has just been shown."""
        ...

    def value(self, name: str) -> str:
        """A value that only the operator knows."""
        ...

    def sign(self, item: str, label: str) -> str:
        """What the operator has to say for an item of the checklist; empty: it is not done."""
        ...


class AnswerFile(Spec):
    """A file of answers, TOML or JSON."""

    operator: str
    symptom: str
    environment: str
    cause: str = "unknown"
    matters: tuple[str, ...] = ()
    severity: str | None = None
    default: How = "done"
    """for steps that `steps` does not name"""
    steps: dict[str, How] = Field(default_factory=dict)
    values: dict[str, str] = Field(default_factory=dict)
    signed: dict[str, str] = Field(default_factory=dict)


def read_answers(path: Path) -> AnswerFile:
    """Raises BadInput for a file that cannot be read, or holds something else."""
    try:
        text = path.read_text()
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return AnswerFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{place}: {first['msg']}", where=str(path), remedy="see docs/how-to/decide-and-be-guided.md"
        ) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"the answers cannot be read: {error}", where=str(path)) from error


@dataclass
class FromFile:
    """Answers from a file; what is shown goes to `shown`, and to the terminal unless quiet."""

    answers: AnswerFile
    quiet: bool = False
    shown: list[str] = field(default_factory=list)

    def tell(self, line: str = "") -> None:
        self.shown.append(line)
        if not self.quiet:
            typer.echo(line)

    def ask(self, what: str, known: Sequence[str], *, default: str = "") -> str:
        value = getattr(self.answers, what, None)
        if value is None:
            value = default
        if isinstance(value, tuple):
            value = ", ".join(value)
        self.tell(f"{what}: {value or 'nothing'}")
        return str(value)

    def choose(self, step: GuideStep) -> How:
        how: How = self.answers.steps.get(step.id, self.answers.default)
        self.tell(f"  {how}")
        return how

    def value(self, name: str) -> str:
        if name not in self.answers.values:
            raise BadInput(
                f"the answers have no value for {name!r}", remedy=f'add "{name}" = "…" to [values]'
            )
        return self.answers.values[name]

    def sign(self, item: str, label: str) -> str:
        said = self.answers.signed.get(item, "")
        self.tell(f"  [{'x' if said else ' '}] {label}{': ' + said if said else ''}")
        return said


class Terminal:
    """Answers typed by a person. A question is asked again until it has an answer."""

    def tell(self, line: str = "") -> None:
        typer.echo(line)

    def ask(self, what: str, known: Sequence[str], *, default: str = "") -> str:
        if not sys.stdin.isatty():
            raise BadInput(f"nobody can be asked for the {what} here", remedy="give a file with --answers")
        while True:
            offered = f" ({', '.join(known)})" if known else ""
            said: str = typer.prompt(f"{what}{offered}", default=default or None)
            if not known or said in known or said == default:
                return said.strip()
            typer.echo(f"  {said!r} is none of these")

    def choose(self, step: GuideStep) -> How:
        keys = ["r"] if step.command else []
        words = "[r]un it, [d]one by hand, [s]kip" if keys else "[d]one by hand, [s]kip"
        while True:
            key = str(typer.prompt(f"  {words}")).strip().lower()[:1]
            if key in _KEYS and (key != "r" or step.command):
                return _KEYS[key]

    def value(self, name: str) -> str:
        return str(typer.prompt(f"  {name}")).strip()

    def sign(self, item: str, label: str) -> str:
        said = str(
            typer.prompt(f"  {label}: done? what shows it (empty: not done)", default="", show_default=False)
        )
        return said.strip()
