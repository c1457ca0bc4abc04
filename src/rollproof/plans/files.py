"""The plans of a project, and writing what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rollproof.errors import BadInput, SystemFileError
from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan

FOLDER = Path("drills")


def read_plans(paths: Sequence[Path]) -> list[Plan]:
    """The named plans, else all of `drills/`, by name.

    Raises SystemFileError with every mistake in any of them, and for two plans of one name.
    """
    named = list(paths) or sorted(FOLDER.glob("*.toml"))
    if not named:
        raise BadInput(
            "there is no plan", where=f"{FOLDER}/*.toml", remedy="write one, or name the plan files"
        )
    plans: dict[str, Plan] = {}
    mistakes: list[SystemFileError] = []
    for path in named:
        try:
            plan = read_plan(path)
        except SystemFileError as error:
            mistakes.append(error)
            continue
        if plan.name in plans:
            found = f"{plans[plan.name].source.name} is called {plan.name!r} as well"
            mistakes.append(SystemFileError(found, where=str(path)))
        plans[plan.name] = plan
    if mistakes:
        raise mistakes[0] if len(mistakes) == 1 else SystemFileError("\n".join(map(str, mistakes)))
    return [plans[name] for name in sorted(plans)]


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Writes each below `folder` and returns their paths. Raises BadInput when one cannot be written."""
    written = []
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"the file cannot be written ({error.strerror})", where=str(path)) from None
        written.append(path)
    return written
