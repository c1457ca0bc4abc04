"""`rollproof drill approve`: what somebody who has looked at a plan puts under it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput
from rollproof.model.approval import DAYS, Approval, approved
from rollproof.model.covered import covered_files

MOST = 5
"""files of a folder that are listed one by one"""


@explained
def approve_command(
    plan: Annotated[Path, typer.Argument(help="plan file, such as drills/staging.toml", metavar="PLAN")],
    by: Annotated[str, typer.Option(help="who has looked at it and approves")],
    days: Annotated[int, typer.Option(help="how long the approval holds", min=1, max=366)] = DAYS,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Approve a plan as it is now, with all files that decide what its drill does.

    Those are the system files, the migrations, releases and scripts that they name, the features, the
    project's steps and conftests, and what pyproject.toml tells Rollproof and pytest.

    Nothing is looked at in the environment; `rollproof drill run PLAN --plan` shows what would be touched.
    Run it in the folder that the plan is run from.
    """
    from rollproof.model.planfile import read_plan

    read, root = read_plan(plan), Path.cwd()
    if not by.strip():
        raise BadInput("nobody is named", where="--by", remedy="say who approves it")
    now = datetime.now(UTC).replace(microsecond=0)
    until = now + timedelta(days=days)
    approval = approved(read, root, by=by.strip(), at=now, until=until)
    write_approval(plan, approval)
    for line in _covered(covered_files(read, root), root):
        typer.echo(f"approved with it: {line}")
    typer.echo(f"{approval.by} has approved {read.name} until {until:%Y-%m-%d}; digest {approval.digest}")


def _covered(files: list[Path], root: Path) -> Iterator[str]:
    """Each file, and of a folder with many how many there are."""
    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, some in by_folder.items():
        shown = [path.relative_to(root) if path.is_relative_to(root) else path for path in (*some, folder)]
        yield from map(str, shown[:-1]) if len(some) <= MOST else [f"{len(some)} files of {shown[-1]}"]


def write_approval(plan: Path, approval: Approval) -> None:
    """Puts the table into the file, in place of an older one; comments and all else stay as they are.

    Raises BadInput when the file cannot be written.
    """
    import tomlkit

    document = tomlkit.parse(plan.read_text(encoding="utf-8"))
    table = tomlkit.table()
    for name, value in approval.model_dump().items():
        table.add(name, value)
    document.pop("approval", None)
    document.add("approval", table)
    try:
        plan.write_text(tomlkit.dumps(document), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"it cannot be written ({error.strerror})", where=str(plan)) from error
