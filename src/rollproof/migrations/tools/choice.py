"""Which tool a repository keeps its migrations with, and where; found, or named by a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rollproof.errors import MigrationError
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.base import Found, ToolAdapter, adapters, survey
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.model.mistakes import suggestion

ASIDE = frozenset(
    "test tests testing testdata test-data fixture fixtures example examples sample samples demo docs doc "
    "benchmark benchmarks bench".split()
)
"""folders whose migrations are for show when there are others"""
_OTHER_SERVERS = frozenset(
    "mysql mariadb sqlite sqlite3 mssql sqlserver oracle clickhouse cassandra scylla mongodb mongo spanner "
    "cockroach cockroachdb crdb redshift snowflake duckdb".split()
)
"""folders of projects that keep one history for each server"""
_LOOKED_FOR = (
    "NNN_name.up.sql (golang-migrate, sqlx)",
    "a folder with up.sql and down.sql for each migration (diesel)",
    "-- +goose Up, -- migrate:up, -- +migrate Up (goose, dbmate, sql-migrate)",
    "sqitch.plan, V1__name.sql (Flyway), a folder with migration.sql for each (Prisma)",
    "alembic.ini, manage.py",
    "numbered SQL files with rollback scripts",
)
_DOING = "looking for migrations"


def find_tool(
    root: Path, *, tool: str | None = None, settings: ToolSettings | None = None
) -> MigrationSource:
    """The one history below `root`, opened.

    Hidden folders, installed packages and build output are not searched, nor folders deeper than
    `rollproof.migrations.tools.base.DEPTH`.

    Args:
        root: a repository, the folder of the migrations itself, or the tool's configuration file.
        tool: its name; None: it is told from the files.
        settings: what the tool is to be told; its `path`, when given, takes the place of `root`.

    Raises:
        MigrationError: there is none, or more than one; the tool is unknown, or its files are wrong.
    """
    given = settings or ToolSettings()
    place = given.path or root
    known = adapters()
    _expect_known(tool, known)
    _expect_there(place)
    if tool == "command":  # nothing to be found: its command lines say it all
        return known[tool].open(place, given)
    wanted = {tool: known[tool]} if tool else known
    found = candidates(place, wanted)
    if not found and tool:
        return known[tool].open(place, given)
    only = _only(_in_itself(found, place, given.config) if tool and given.path else found, place)
    return known[only.tool].open(only.path, given)


def _in_itself(found: list[Found], place: Path, config: Path | None) -> list[Found]:
    """Who names a tool and a folder means what lies in that folder, and not deeper, if there is such."""
    named = [item for item in found if config is not None and item.path == config]
    return named or [item for item in found if place in (item.path, item.path.parent)] or found


def candidates(root: Path, known: Mapping[str, ToolAdapter] | None = None) -> list[Found]:
    """Places that may be meant, best guesses only: of each place its likeliest tool, of all the surest."""
    survey.cache_clear()
    folder = root if root.is_dir() else root.parent
    wanted = adapters() if known is None else known
    found = [item for adapter in wanted.values() for item in adapter.find(folder)]
    if root.is_file():
        found = [item for item in found if item.path == root]
    return _best(found, root)


def _best(found: Iterable[Found], root: Path) -> list[Found]:
    by_place: dict[Path, list[Found]] = {}
    for item in found:
        by_place.setdefault(item.path, []).append(item)
    each = [item for items in by_place.values() for item in _surest(items)]
    here = [item for item in each if item.path == root]
    postgres = _without(each, _OTHER_SERVERS, root) or each
    serious = _without(postgres, ASIDE, root) or postgres
    return sorted(_surest(here or serious), key=lambda item: (str(item.path), item.tool))


def _without(found: list[Found], names: frozenset[str], root: Path) -> list[Found]:
    """Those that no folder of such a name leads to."""
    base = _folder(root)
    return [f for f in found if not names & {part.lower() for part in f.path.relative_to(base).parts}]


def _folder(root: Path) -> Path:
    return root if root.is_dir() else root.parent


def _surest(found: list[Found]) -> list[Found]:
    most = max((item.certainty for item in found), default=None)
    return [item for item in found if item.certainty == most]


def _only(found: list[Found], root: Path) -> Found:
    if len(found) == 1:
        return found[0]
    if not found:
        raise MigrationError(
            "there are no migrations here that any known tool would take for its own",
            doing=_DOING,
            where=str(root),
            remedy=f"name the tool with --tool and the folder as PATH; looked for: {'; '.join(_LOOKED_FOR)}",
        )
    listed = "".join(f"\n    --tool {item.tool} {item.path}  ({item.why})" for item in found)
    raise MigrationError(
        f"there are {len(found)} histories here, or one that several tools would take for theirs",
        doing=_DOING,
        where=str(root),
        remedy=f"choose one:{listed}",
    )


def _expect_known(tool: str | None, known: Mapping[str, ToolAdapter]) -> None:
    if tool is not None and tool not in known:
        raise MigrationError(
            f"there is no tool {tool!r}{suggestion(tool, list(known))}",
            doing=_DOING,
            where="--tool",
            remedy=f"name one of: {', '.join(known)}",
        )


def _expect_there(place: Path) -> None:
    if not place.exists():
        raise MigrationError(
            "there is no such file or folder", doing=_DOING, where=str(place), remedy="correct the path"
        )
