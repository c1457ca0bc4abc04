"""Sqitch: a plan of changes, each with a deploy, a revert and a verify script, run by psql.

Its registry is kept as far as scripts see it and a rehearsal needs it: the table `changes`, in Sqitch's
own form. A registry that Sqitch itself has made is read, and kept with its projects and tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.source import MigrationSource, Runner
from rollproof.migrations.tools.base import Certainty, Found, survey
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqitch_config import SqitchConfig, default_config, read_config
from rollproof.migrations.tools.sqitch_plan import Change, Dependency, Plan, labels, read_plan, resolve
from rollproof.migrations.tools.sqitch_registry import Registry
from rollproof.migrations.tools.sqltool import SqlTool

NAME = "sqitch"
CONFIG = "sqitch.conf"
PLAN = "sqitch.plan"
_OTHERS = frozenset({"sqlite", "mysql", "oracle", "firebird", "vertica", "exasol", "snowflake", "clickhouse"})


def find(root: Path) -> list[Found]:
    """Projects with a `sqitch.conf` for PostgreSQL, and plans that no such file names."""
    found: list[Found] = []
    plans: set[Path] = set()
    for folder in survey(root):
        if CONFIG in folder.files:
            config = _config_for_postgres(folder.path / CONFIG)
            plans |= {config.plan.resolve()} if config else {folder.path.resolve() / PLAN}
            if config and config.plan.is_file():
                found.append(Found(NAME, folder.path / CONFIG, f"{CONFIG} and its plan", Certainty.SURE))
    alone = [each.path / PLAN for each in survey(root) if PLAN in each.files]
    return found + [
        Found(NAME, plan, PLAN, Certainty.LIKELY) for plan in alone if plan.resolve() not in plans
    ]


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history of the project in a folder, with that configuration, or with that plan.

    Raises:
        MigrationError: there is neither a configuration nor a plan, or it is another database's.
    """
    return Sqitch(path, settings, _config(path, settings))


def _config(path: Path, settings: ToolSettings) -> SqitchConfig:
    place = settings.config or (path / CONFIG if path.is_dir() else path)
    if place.suffix == ".plan" or not place.is_file():
        plan = place if place.suffix == ".plan" else path / PLAN
        return default_config(plan)
    config = read_config(place, target=settings.options.get("target"))
    if config.engine in _OTHERS:
        raise MigrationError(
            f"this project is for the engine {config.engine!r}, not for PostgreSQL",
            doing="reading Sqitch's configuration",
            where=str(place),
            remedy="name the plan file of the PostgreSQL project as PATH",
        )
    return config


def _config_for_postgres(path: Path) -> SqitchConfig | None:
    """The configuration; None when it is another database's. One that cannot be read counts as found."""
    try:
        config = read_config(path)
    except MigrationError:
        return default_config(path.parent / PLAN)
    return None if config.engine in _OTHERS else config


class Sqitch(SqlTool):
    """The history of one project."""

    tool = NAME

    def __init__(self, path: Path, settings: ToolSettings, config: SqitchConfig) -> None:
        super().__init__(path, settings)
        self.config = config
        self._verified: set[tuple[str, str]] = set()

    @cached_property
    def plan(self) -> Plan:
        """The plan file. Raises MigrationError."""
        path = self.config.plan.absolute()
        if not path.is_file():
            raise MigrationError(
                "there is no plan of Sqitch here",
                doing="loading the plan",
                where=str(path),
                remedy="name the folder of sqitch.conf, or the plan file, as PATH",
            )
        return read_plan(Script.read(path).text, path)

    @cached_property
    def _by_id(self) -> dict[str, Change]:
        names = labels(self.plan)
        return {names[change.id]: change for change in self.plan.changes}

    @property
    def ledger(self) -> Registry:
        return Registry(self.config, self.plan, self._by_id)

    def read(self) -> MigrationHistory:
        if not self.plan.changes:
            raise MigrationError(
                "there is no change in the plan",
                doing="loading the plan",
                where=str(self.config.plan),
                remedy="add one, or name another plan as PATH",
            )
        return MigrationHistory(
            tuple(self._migrations()),
            ledger=self.ledger.table,
            warnings=tuple(self._warnings()),
            where=str(self.config.plan),
        )

    def _migrations(self) -> Iterator[Migration]:
        names = labels(self.plan)
        for place, (name, change) in enumerate(self._by_id.items()):
            found = {need: self._needed(place, change, need) for need in change.needs}
            needed = [other for need, other in found.items() if not need.conflicts]
            up = self.script("deploy", change)
            yield Migration(
                id=name,
                number=place + 1,
                name=change.name,
                up=up or Script(self.file("deploy", change), "", folder=self.config.root),
                down=self.script("revert", change),
                parents=tuple(names[other.id] for other in needed if other),
                note=self._note(change, missing=up is None),
            )

    def _note(self, change: Change, *, missing: bool) -> str:
        elsewhere = [str(need) for need in change.needs if need.project and not need.conflicts]
        said = (
            [f"needs {', '.join(elsewhere)} of other projects, which are not deployed here"]
            if elsewhere
            else []
        )
        return "; ".join([*said, *(["its deploy script is missing"] if missing else [])])

    def _warnings(self) -> Iterator[str]:
        for name, change in self._by_id.items():
            for way in ("revert", "verify"):
                if not self.file(way, change).is_file():
                    yield f"{name} has no {way} script: {self._shown(self.file(way, change))} is missing"

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self.config.root)) if path.is_relative_to(self.config.root) else str(path)

    def _needed(self, place: int, change: Change, need: Dependency) -> Change | None:
        """The change that is meant; None when it is another project's. Raises MigrationError.

        What a change conflicts with need not come before it, but has to be in the plan.
        """
        places = len(self.plan.changes) if need.conflicts else place
        found = resolve(self.plan, places, need)
        if found is None and not need.project and len(need.name) != 40:
            raise MigrationError(
                f"{change.name} conflicts with {need}, which is not in the plan"
                if need.conflicts
                else f"{change.name} needs {need}, which is not planned before it",
                doing="reading the plan",
                where=f"{self.config.plan}:{change.line}",
                remedy="move it behind what it needs, or take the dependency out",
                facts={"line": change.line},
            )
        return found

    def file(self, way: str, change: Change) -> Path:
        """The script's file, be it there or not. A reworked change's older script has a tag in its name."""
        folder = (self.config.reworked if change.rework_tags else self.config.folders)[way].absolute()
        names = [f"{change.name}@{tag}" for tag in change.rework_tags] or [change.name]
        files = [folder / f"{name}.{self.config.extension}" for name in names]
        return next((file for file in files if file.is_file()), files[0])

    def script(self, way: str, change: Change) -> Script | None:
        """The script as psql gets it; None when the file is not there."""
        path = self.file(way, change)
        if not path.exists():
            return None
        variables = (*self.config.variables.get(way, ()), ("registry", self.config.registry))
        return replace(Script.read(path), variables=variables, folder=self.config.root.absolute())

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Deploys and records it, and runs its verify script the first time in each database.

        What that script says is a note, unless the project has deployments verified: then Sqitch takes
        the change back, and so does this.
        """
        self._expect_possible(migration)
        run = super().apply(migration, runner)
        key = (runner.database, migration.id)
        if key in self._verified and self.load().position(migration):
            return run
        self._verified.add(key)
        return self._verify(migration, runner, run)

    def _verify(self, migration: Migration, runner: Runner, run: ScriptRun) -> ScriptRun:
        script = self.script("verify", self._by_id[migration.id])
        if script is None:
            return run
        try:
            runner.run(script)
        except AttemptFailed as error:
            if self.config.verifies:
                raise self._not_verified(migration, runner, error) from error
            said = f"the verify script failed: {error.found} ({error.where})"
            return replace(run, notes=(*run.notes, said))
        return run

    def _not_verified(self, migration: Migration, runner: Runner, error: AttemptFailed) -> AttemptFailed:
        if migration.down is not None:
            self.roll_back(migration, runner)
        return AttemptFailed(
            f"the verify script failed, at which Sqitch takes the change back: {error.found}",
            doing=f"verifying {migration.id}",
            where=error.where,
            remedy=error.remedy,
            facts=error.facts,
        )

    def _expect_possible(self, migration: Migration) -> None:
        change = self._by_id[migration.id]
        place = self.load().position(migration)
        against = [need for need in change.needs if need.conflicts and resolve(self.plan, place, need)]
        found = f"it conflicts with {against[0]}, which is deployed before it" if against else ""
        if not self.file("deploy", change).is_file():
            found = "its deploy script is missing"
        if found:
            raise AttemptFailed(
                f"Sqitch does not deploy {migration.id}: {found}",
                doing="checking the plan, before anything was run",
                where=f"{self.config.plan}:{change.line}" if against else str(self.file("deploy", change)),
                remedy="correct the plan"
                if against
                else "write the script, or take the change out of the plan",
                facts={"sqlstate": None, "indeterminate": 0, "committed_statements": 0},
            )

    def how_to_write_down(self, migration: Migration) -> str:
        return f"write {self._shown(self.file('revert', self._by_id[migration.id]))}"
