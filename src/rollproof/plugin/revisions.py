"""Each migration a test: `pytest --rollproof-migrations`, or one line in a conftest.

    rollproof_migrations = True          # or a path, relative to the conftest's folder

The histories are those of the declared systems, or the one that is found below the path. They are
walked once, when the first of their tests runs, and only the migrations that were selected are judged.
Under pytest-xdist one worker walks, and the others wait for what it finds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from rollproof.errors import RollproofError
from rollproof.plugin.options import settings
from rollproof.plugin.outcomes import Skipped
from rollproof.plugin.systems import declared_systems

if TYPE_CHECKING:
    from rollproof.migrations.model import Migration
    from rollproof.migrations.source import MigrationSource
    from rollproof.model.system import System
    from rollproof.walk.model import RevisionResult, WalkResult

ROOM = "migrations"
"""First part of every node id here, and the marker of every test."""
BASELINE = "rollproof-baseline.toml"
_ITEMS = pytest.StashKey["list[RevisionItem]"]()
_CONFTEST_NAME = "rollproof_migrations"


class RevisionUnsound(Exception):
    """A migration whose rollback is not sound; its text says why."""


@dataclass(eq=False)
class History:
    """One history of this session.

    Attributes:
        name: the system's, or the tool's where no system is declared.
        result: of the walk, once it has been walked.
        failed: why it could not be walked.
    """

    name: str
    source: MigrationSource
    system: System | None
    result: WalkResult | None = None
    failed: RollproofError | None = None

    def of(self, item: RevisionItem) -> RevisionResult:
        """What was found of one migration; walks the history when it has not been walked yet."""
        if self.result is None and self.failed is None:
            self._walk(item)
        if self.failed is not None:
            raise self.failed
        assert self.result is not None
        found = [one for one in self.result.migrations if one.id == item.migration.id]
        if not found:
            pytest.fail("the walk was interrupted before it came to this migration", pytrace=False)
        return found[0]

    def _walk(self, asking: RevisionItem) -> None:
        from rollproof.plugin.shared import once

        mine = [item for item in asking.session.items if isinstance(item, RevisionItem)]
        ids = tuple(item.migration.id for item in mine if item.history is self)
        parts = (self.name, self.source.load().where, *ids)
        found = once(asking.config, "migrations", parts, lambda: self._found(ids))
        if isinstance(found, _Failed):
            self.failed = found.error()
        else:
            self.result = _with_baseline(asking.config, found)

    def _found(self, ids: tuple[str, ...]) -> WalkResult | _Failed:
        """Walks the history; whoever else needs what was found gets it from this process."""
        from rollproof.walk.place import scratch_environment
        from rollproof.walk.settings import WalkSettings
        from rollproof.walk.walk import walk

        roles = self.system.database.all_roles if self.system and self.system.database else ()
        try:
            with scratch_environment(self.system) as opened:
                result = walk(self.source, opened.postgres(), WalkSettings(only=ids, roles=tuple(roles)))
        except RollproofError as error:
            return _Failed.of(error)
        if result.interrupted:
            raise KeyboardInterrupt
        return result


@dataclass(frozen=True)
class _Failed:
    """An error that can be handed to another process."""

    kind: type[RollproofError]
    found: str
    doing: str
    where: str
    remedy: str

    @classmethod
    def of(cls, error: RollproofError) -> _Failed:
        return cls(type(error), error.found, error.doing, error.where, error.remedy)

    def error(self) -> RollproofError:
        return self.kind(self.found, doing=self.doing, where=self.where, remedy=self.remedy)


class RevisionItem(pytest.Item):
    """One migration: passes when its rollback is sound and it can be applied again."""

    def __init__(self, *, history: History, migration: Migration, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.history = history
        self.migration = migration
        self.path = migration.where
        self.add_marker(ROOM)

    def runtest(self) -> None:
        from rollproof.walk.model import Outcome
        from rollproof.walk.reports.plain import details
        from rollproof.walk.wording import headline

        result = self.history.of(self)
        if result.accepted:
            self._skip(f"{headline(result)}; accepted: {result.accepted}")
        if result.outcome is Outcome.ENVIRONMENT and not settings(self.config).strict:
            self._skip(f"not proven here: {'; '.join(details(result)) or headline(result)}")
        if not result.passes:
            raise RevisionUnsound("\n".join([headline(result), *(f"  {line}" for line in details(result))]))

    def _skip(self, reason: str) -> NoReturn:
        raise Skipped(reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RevisionUnsound | RollproofError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, None, f"{self.migration.id} [{self.history.name}]"


class Revisions(pytest.Collector):
    """The tests of one history."""

    def collect(self) -> Iterator[pytest.Item]:
        return iter(())


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rollproof")
    group.addoption(
        "--rollproof-migrations",
        dest="rollproof_migrations",
        action="store_true",
        default=False,
        help="make each migration a test: its rollback must be sound, and applying it again possible",
    )
    group.addoption(
        "--rollproof-migrations-path",
        dest="rollproof_migrations_path",
        metavar="PATH",
        help="where the migrations are, when no system file says so (default: found below the rootdir)",
    )
    group.addoption(
        "--rollproof-migrations-tool",
        dest="rollproof_migrations_tool",
        metavar="NAME",
        help="their tool, when it is not recognised",
    )
    group.addoption(
        "--rollproof-baseline",
        dest="rollproof_baseline",
        metavar="FILE",
        help=f"known findings that do not fail (default: {BASELINE} in the rootdir, if it is there)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{ROOM}: a migration's rollback, from --rollproof-migrations")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Adds a test for each migration before `-k` and `-m` make their choice."""
    place = _asked_for(config)
    if place is None:
        return
    try:
        histories = _histories(config, place)
        added = [item for history in histories for item in _items(session, history)]
    except RollproofError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_ITEMS] = added
    items += added


def pytest_unconfigure(config: pytest.Config) -> None:
    for history in {id(item.history): item.history for item in config.stash.get(_ITEMS, [])}.values():
        history.source.close()


def _asked_for(config: pytest.Config) -> Path | None:
    """Where histories are looked for; None when nobody asked for them."""
    option = config.option
    if option.rollproof_migrations_path:
        return Path(option.rollproof_migrations_path).absolute()
    if option.rollproof_migrations:
        return config.rootpath
    for plugin in config.pluginmanager.get_plugins():
        asked = getattr(plugin, _CONFTEST_NAME, None) if hasattr(plugin, "__file__") else None
        if asked:
            folder = Path(str(plugin.__file__)).parent
            return config.rootpath if asked is True else folder / str(asked)
    return None


def _histories(config: pytest.Config, place: Path) -> Sequence[History]:
    from rollproof.migrations.source import open_source
    from rollproof.migrations.tools.choice import find_tool

    option = config.option
    named = option.rollproof_migrations_path or option.rollproof_migrations_tool or place != config.rootpath
    systems = [] if named else [one for one in declared_systems(config) if one.database is not None]
    if not systems:
        source = find_tool(place, tool=option.rollproof_migrations_tool)
        return [History(source.tool, source, None)]
    return [
        History(one.name, open_source(one.database.migrations, one.root), one)
        for one in systems
        if one.database is not None
    ]


def _items(session: pytest.Session, history: History) -> Iterator[RevisionItem]:
    parent = Revisions.from_parent(session, name=history.name, nodeid=f"{ROOM}/{history.name}")
    for migration in history.source.load():
        yield RevisionItem.from_parent(parent, name=migration.id, history=history, migration=migration)


def _with_baseline(config: pytest.Config, result: WalkResult) -> WalkResult:
    from datetime import UTC, datetime

    from rollproof.walk.baseline import Baseline

    given = config.option.rollproof_baseline
    path = Path(given) if given else config.rootpath / BASELINE
    if not given and not path.exists():
        return result
    return Baseline.read(path).apply(result, today=datetime.now(UTC).date())
