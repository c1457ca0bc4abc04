"""`rollproof decide`: what the runbook would do in a situation, and why."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.decision.matrix import Answers, Decided, Matrix
    from rollproof.model.incident import Decision

_WORDS = {
    "wait": "wait",
    "investigate": "investigate",
    "hotfix": "mend it with a hotfix",
    "roll-back": "roll back",
}


@explained
def decide_command(
    *,
    system: Annotated[
        Path | None, typer.Option(help="system file whose matrix is asked; the shipped one when left out")
    ] = None,
    symptom: Annotated[str | None, typer.Option(help="what is seen, such as api-500")] = None,
    environment: Annotated[str | None, typer.Option(help="where: production, staging, dev")] = None,
    cause: Annotated[
        str | None, typer.Option(help="what it comes from; `unknown` before it is found")
    ] = None,
    matter: Annotated[
        list[str] | None, typer.Option(help="what is the matter, such as core-broken; may be repeated")
    ] = None,
    severity: Annotated[
        str | None, typer.Option(help="low, medium, high or critical; left out, it is worked out")
    ] = None,
    answers: Annotated[Path | None, typer.Option(help="a TOML or JSON file with these answers")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the decision to this file")] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="show the whole matrix, and what is wrong with it")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Ask the decision matrix what to do. What is not answered by an option is asked, on a terminal.

    Exit code 0 with an answer, 1 when no row of the matrix fits, 2 when an answer is missing or wrong.
    """
    from rollproof.decision.matrix import decide

    rows = _matrix(system)
    if matrix:
        raise typer.Exit(_show_matrix(rows))
    options = {"symptom": symptom, "environment": environment, "cause": cause, "severity": severity}
    given: dict[str, Any] = _read(answers) if answers else {}
    given |= {name: value for name, value in options.items() if value is not None}
    if matter:
        given["matters"] = matter
    situation = _situation(rows, given)
    decided = decide(rows, situation)
    _show(rows, situation, decided)
    if json_file is not None:
        json_file.write_text(
            json.dumps({"answers": situation.to_json(), "decided": decided.to_json()}, indent=2) + "\n"
        )
    if decided.row is None:
        raise typer.Exit(1)


def _matrix(system: Path | None) -> Matrix:
    from rollproof.decision.matrix import matrix_of

    if system is None:
        return matrix_of(None)
    from rollproof.model.systemfile import read_system

    return matrix_of(read_system(system / "system.toml" if system.is_dir() else system))


def _read(path: Path) -> dict[str, Any]:
    """The answers in a file. Raises BadInput for one that cannot be read, or holds something else."""
    try:
        text = path.read_text()
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BadInput(f"the answers cannot be read: {error}", where=str(path)) from error
    data = data.get("decide", data) if isinstance(data, dict) else None
    if not isinstance(data, dict):
        raise BadInput(
            "the answers are no table", where=str(path), remedy='write `symptom = "…"` and the others'
        )
    known = {"symptom", "environment", "cause", "severity", "matters"}
    if stray := sorted(set(data) - known):
        raise BadInput(
            f"unknown answer {stray[0]!r}",
            where=str(path),
            remedy=f"the answers are {', '.join(sorted(known))}",
        )
    return dict(data)


def _situation(rows: Matrix, given: dict[str, Any]) -> Answers:
    from rollproof.decision.matrix import LEVELS, UNKNOWN, Answers

    symptom = _answer("symptom", given, rows.symptoms, required=True)
    environment = _answer(
        "environment", given, (*rows.environments, "production", "staging", "dev"), required=True, free=True
    )
    cause = _answer("cause", given, rows.causes(symptom), default=UNKNOWN, free=True)
    severity = given.get("severity")
    if severity is not None and severity not in LEVELS:
        raise BadInput(f"unknown severity {severity!r}", remedy=f"one of {', '.join(LEVELS)}")
    matters = _matters(rows, given, ask=severity is None)
    return Answers(symptom, environment, cause, matters, severity)


def _answer(
    name: str,
    given: dict[str, Any],
    known: tuple[str, ...],
    *,
    required: bool = False,
    default: str = "",
    free: bool = False,
) -> str:
    value = given.get(name)
    known = tuple(dict.fromkeys(known))
    if value is None and _may_ask() and (required or len(known) > 1):
        value = typer.prompt(f"{name} ({', '.join(known)})", default=default or None)
    if value is None and required:
        raise BadInput(f"the {name} is not given", remedy=f"add --{name}: {', '.join(known)}")
    value = str(value if value is not None else default).strip()
    if not free and value not in known:
        raise BadInput(f"unknown {name} {value!r}", remedy=f"one of {', '.join(known)}")
    return value


def _matters(rows: Matrix, given: dict[str, Any], *, ask: bool) -> tuple[str, ...]:
    told = given.get("matters")
    if told is None and ask and _may_ask() and rows.matters:
        said = typer.prompt(
            f"what is the matter (any of {', '.join(rows.matters)}; separated by commas)", default="nothing"
        )
        told = [word.strip() for word in said.split(",")]
    words = tuple(
        str(word) for word in ([told] if isinstance(told, str) else told or []) if word not in ("", "nothing")
    )
    if strangers := [word for word in words if word not in rows.matters]:
        raise BadInput(f"the matrix knows no {strangers[0]!r}", remedy=f"one of {', '.join(rows.matters)}")
    return words


def _may_ask() -> bool:
    return sys.stdin.isatty()


def _show(rows: Matrix, situation: Answers, decided: Decided) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if decided.row is None:
        console.print(f"[bold]no row of the matrix fits[/]: {situation.symptom} in {situation.environment}")
        console.print("  what to do: investigate, escalate, and add a row for it")
        return
    console.print(f"[bold]{_WORDS[decided.action]}[/]  (severity {decided.severity})")
    console.print(f"  at once: {decided.immediately}")
    console.print(f"  decides: {_who(rows, decided.decides)}")
    console.print(f"  because: {decided.why} (row {decided.row})")
    if decided.feature:
        console.print(f"  rehearsed by: features/{decided.feature}")


def _who(rows: Matrix, key: str) -> str:
    contact = rows.contact.get(key)
    if contact is None:
        return key
    more = [f"level {contact.level}" if contact.level else "", contact.reach]
    return f"{contact.name}" + "".join(f", {word}" for word in more if word)


def _situation_of(row: Decision) -> str:
    words = [row.symptom, " or ".join(row.cause), " or ".join(row.severity), " or ".join(row.environments)]
    return ", ".join(filter(None, words))


def _show_matrix(rows: Matrix) -> int:
    from rich.console import Console
    from rich.table import Table

    from rollproof.decision.matrix import flaws

    table = Table("row", "situation", "action", "at once", "decides", box=None, padding=(0, 2, 0, 0))
    for number, row in enumerate(rows.decision, start=1):
        table.add_row(str(number), _situation_of(row), row.action, row.immediately, row.decides)
    Console().print(table)
    found = flaws(rows)
    for flaw in found:
        typer.echo(f"flaw: {flaw.said}")
    return 1 if found else 0
