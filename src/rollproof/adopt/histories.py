"""[database]: which migrations there are, found by the adapters of `rollproof.migrations.tools`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rollproof.adopt.blocks import Block, Entry, Survey
from rollproof.adopt.folder import Repository
from rollproof.errors import RollproofError
from rollproof.migrations.model import MigrationHistory
from rollproof.migrations.tools.base import Found
from rollproof.migrations.tools.choice import candidates, find_tool
from rollproof.migrations.tools.django_library import library_in
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.model.toolkeys import fitting

NATIVE = ("alembic", "django")
"""tools whose histories only the project's own code can tell; it is not run here"""
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']?\s*[,=\]]+\s*["']?([A-Za-z_][\w.]*)""")
_LEDGER = re.compile(r'(?i)\binsert\s+into\s+("?[\w]+"?(?:\."?\w+"?)?)\s*(?:\(\s*"?(\w+)"?)?')
_GRANTED = re.compile(r'(?im)^\s*grant\b[^;]*?\bto\s+("?)(\w+)\1|\bowner\s+to\s+("?)(\w+)\3')
_MADE = re.compile(r'(?i)\bcreate\s+(?:role|user|group)\s+(?:if\s+not\s+exists\s+)?"?(\w+)')
_ALWAYS = frozenset("public current_user session_user current_role postgres group".split())


def find_histories(repository: Repository, survey: Survey) -> list[Found]:
    """Adds [database] with the first history to the survey; returns all, the nearest to the top first."""
    found = candidates(repository.root)
    found.sort(key=lambda item: (len(item.path.parts), str(item.path), item.tool))
    for item in found:
        survey.found.append((item.tool, f"{repository.shown(item.path) or '.'}: {item.why}"))
    if len(found) > 1:
        survey.notes.append(
            f"{len(found)} histories, or one that several tools would take for theirs; the first was taken: "
            f"{found[0].tool} in {repository.shown(found[0].path)}"
        )
    if found:
        survey.blocks += _database(repository, survey, found[0])
    return found


def _database(repository: Repository, survey: Survey, found: Found) -> list[Block]:
    where = "" if found.path == repository.root else repository.shown(found.path)
    folder = found.path if found.path.is_dir() else found.path.parent
    relative = repository.shown(folder)
    entries = [
        Entry("tool", found.tool, where, found.why.partition(":")[0]),
        Entry("path", "." if folder == repository.root else relative),
    ]
    if found.path.is_file() and found.tool != "django" and "config" in fitting(found.tool):
        entries.append(Entry("config", where))
    remarks = ["The migrations, read by their own tool's rules."]
    roles: list[str] = []
    if found.tool in NATIVE:
        entries += _django(repository, found, folder, remarks)
        remarks.append(
            "They run in the project's own interpreter: .venv beside it, or `python` names another."
        )
    elif history := _loaded(repository, survey, found):
        roles = _roles(history)
        entries += _ledger(history, repository) if found.tool == "sql-files" else []
        survey.found.append(("history", _counted(history)))
    database = Block(
        ("database",),
        _role_entries(roles, where),
        (
            "app_role is whom the application, and every client in a drill, connects as; the migrations must",
            "grant it what it needs. critical_tables (compared row by row) and seed (rows to lose) make a",
            "drill sharper.",
        ),
    )
    return [database, Block(("database", "migrations"), tuple(entries), tuple(remarks))]


def _role_entries(roles: Sequence[str], where: str) -> tuple[Entry, ...]:
    """The role that is granted something first is taken for the application's."""
    if not roles:
        return (Entry("app_role", "app_user", note="made up, since the migrations grant nothing to anyone"),)
    first, *others = roles
    app = Entry("app_role", first, where)
    return (app, Entry("roles", list(others), where)) if others else (app,)


def _django(repository: Repository, found: Found, folder: Path, remarks: list[str]) -> list[Entry]:
    if found.tool != "django":
        return []
    if own := library_in(folder).own:
        remarks.append(f"Apps with migrations of their own: {', '.join(own)}.")
    if not found.path.is_file():
        return []
    for number, line in enumerate(repository.text(found.path).splitlines(), start=1):
        if said := _SETTINGS.search(line):
            return [Entry("django_settings", said[1], repository.shown(found.path, number))]
    return []


def _loaded(repository: Repository, survey: Survey, found: Found) -> MigrationHistory | None:
    try:
        source = find_tool(repository.root, tool=found.tool, settings=ToolSettings(path=found.path))
        try:
            return source.load()
        finally:
            source.close()
    except RollproofError as error:
        survey.notes.append(f"{repository.shown(found.path)}: {error.found}; `rollproof check` says more")
        return None


def _counted(history: MigrationHistory) -> str:
    back = sum(migration.down is not None for migration in history.migrations)
    return f"{len(history.migrations)} migrations, {back} of them with a rollback script"


def _texts(history: MigrationHistory) -> list[str]:
    return [migration.up.text for migration in history.migrations]


def _roles(history: MigrationHistory) -> list[str]:
    text = "\n".join(_texts(history))
    named = dict.fromkeys(one or other for _, one, _, other in _GRANTED.findall(text))
    made = {name.lower() for name in _MADE.findall(text)} | _ALWAYS
    return [name for name in named if name.lower() not in made and not name.lower().startswith("pg_")]


def _ledger(history: MigrationHistory, repository: Repository) -> list[Entry]:
    """The table that every migration writes its own name to."""
    found = Counter(
        (name.replace('"', "").lower(), column.lower())
        for text in _texts(history)
        for name, column in set(_LEDGER.findall(text))
    )
    (name, column), times = max(found.items(), key=lambda item: item[1], default=(("", ""), 0))
    if times * 2 <= len(history.migrations):
        return [
            Entry("ledger", "public.migrations", note="the table that says which are applied; correct it")
        ]
    qualified = name if "." in name else f"public.{name}"
    where = repository.shown(Path(history.where))
    more = [Entry("ledger_column", column, where)] if column else []
    return [Entry("ledger", qualified, where), *more]
