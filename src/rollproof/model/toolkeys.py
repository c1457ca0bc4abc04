"""Which keys of `[database.migrations]` belong to which tool, and what they may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from rollproof.model.mistakes import Mistake
from rollproof.model.system import Migrations
from rollproof.model.tomllines import KeyPath

TOOLS: tuple[str, ...] = get_args(Migrations.model_fields["tool"].annotation)
"""names as `--tool` and system files have them"""

_EVERYWHERE = frozenset({"tool", "path"})
_SQL = frozenset({"ledger", "options"})
_PYTHON = frozenset({"python", "config", "environment", "options", "limit"})
_OWN: Mapping[str, frozenset[str]] = {
    "sql-files": frozenset({"ledger", "ledger_column", "rollback", "reverse"}),
    "flyway": _SQL | {"config"},
    "sqlx": frozenset({"options"}),
    "prisma": frozenset({"options"}),
    "diesel": frozenset({"options"}),
    "dbmate": _SQL,
    "goose": _SQL | {"environment"},
    "sql-migrate": _SQL | {"config"},
    "sqitch": frozenset({"config", "options"}),
    "golang-migrate": _SQL,
    "alembic": _PYTHON,
    "django": _PYTHON | {"django_settings", "apps"},
    "command": frozenset({"up", "down", "list", "environment", "limit", "ledger", "ledger_column"}),
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {"command": ("up", "down")}


def fitting(tool: str) -> tuple[str, ...]:
    """The keys that a table with this tool may hold, in the order of the model."""
    return tuple(key for key in Migrations.model_fields if key in _EVERYWHERE | _OWN[tool])


def tool_mistakes(path: KeyPath, table: Mapping[str, object]) -> Iterator[Mistake]:
    """Keys that this table's tool has no use for, and those that it cannot do without."""
    tool = table.get("tool", "sql-files")
    if not isinstance(tool, str) or tool not in _OWN:
        return
    fit = fitting(tool)
    for key in table:
        if key in Migrations.model_fields and key not in fit:
            yield Mistake((*path, key), f"does not fit the tool {tool!r}, which knows {', '.join(fit)}")
    for key in _REQUIRED.get(tool, ()):
        if key not in table:
            yield Mistake((*path, key), f"missing; the tool {tool!r} needs it")
