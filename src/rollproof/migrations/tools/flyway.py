"""Flyway: `V1_2__add_users.sql`, its undo script `U1_2__add_users.sql`, and repeatable `R__views.sql`.

Rules as of Flyway 10 on PostgreSQL: each statement by itself, all of a file's in one transaction.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.psqltext import split
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import MigrationSource, Runner
from rollproof.migrations.tools.base import Certainty, Found, SqlTool, parents_of, survey
from rollproof.migrations.tools.files import nothing_here, refusal
from rollproof.migrations.tools.flyway_ledger import FlywayLedger
from rollproof.migrations.tools.flyway_names import FlywayFile, FlywayNames
from rollproof.migrations.tools.flyway_settings import CONFIGS, FlywaySettings, read_config, read_settings
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlledger import composed
from rollproof.model.mistakes import suggestion

NAME = "flyway"
_VERSIONED = re.compile(r"V[0-9]+(?:[._][0-9]+)*__.*\.sql")
_ALONE = re.compile(
    r"(?is)(?:CREATE|DROP)\s+(?:DATABASE|TABLESPACE|SUBSCRIPTION)\b"
    r"|(?:CREATE|DROP)\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b|REINDEX\b.*\b(?:SCHEMA|DATABASE|SYSTEM|CONCURRENTLY)\b"
    r"|VACUUM\b|DISCARD\s+ALL\b|ALTER\s+SYSTEM\b"
)
"""statements that Flyway runs outside a transaction, if a file holds nothing else"""
_MAY_BE_ALONE = re.compile(r"(?i)concurrently|vacuum|database|tablespace|subscription|discard|system|reindex")
_COPY_ROWS = re.compile(r"(?i)\bcopy\b[^;]*\bfrom\s+stdin\b")


def find(root: Path) -> list[Found]:
    """The topmost folders with versioned files, or a configuration that names several of them."""
    folders = survey(root)
    having = {f.path for f in folders if any(map(_VERSIONED.fullmatch, f.files))}
    top = [path for path in sorted(having) if not having & set(path.parents)]
    configs = [f.path / name for f in folders for name in CONFIGS if (f.path / name).is_file()]
    named = {config: _existing(config) for config in configs}
    whole = [config for config, places in named.items() if len(places) > 1]
    taken = {place for config in whole for place in named[config]}
    single = {place for config, places in named.items() if config not in whole for place in places}
    return [
        *(Found(NAME, config, "Flyway's configuration", Certainty.SURE) for config in whole),
        *(_found(path, single, root) for path in top if not taken & set(parents_of(path, root))),
    ]


def _existing(config: Path) -> list[Path]:
    settings = FlywaySettings(read_config(config), config)
    return [Path(os.path.normpath(place)) for place in settings.locations() if place.is_dir()]


def _found(path: Path, configured: set[Path], root: Path) -> Found:
    if configured & set(parents_of(path, root)):
        return Found(NAME, path, "V1__name.sql, where Flyway's configuration looks", Certainty.SURE)
    return Found(NAME, path, "V1__name.sql files")


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in that folder and below it, or in the folders that a configuration file names."""
    return Flyway(path, settings)


class Flyway(SqlTool):
    """Versioned, undo and repeatable SQL scripts. Options: Flyway's keys, such as `placeholders.owner`."""

    tool = NAME

    @cached_property
    def told(self) -> FlywaySettings:
        """Flyway's settings, from its file and the user's options."""
        config = self.path if self.path.is_file() else self.settings.config
        return read_settings(self.path, config=config, options=self.settings.options)

    @cached_property
    def ledger(self) -> FlywayLedger:
        self.load()
        create = self.told.on("createSchemas", True) and self.told.schema != "public"
        return FlywayLedger(self.told.schema, self.told.table, self._ups, self._downs, create)

    def how_to_write_down(self, migration: Migration) -> str:
        if migration.id in self._ups and not self._ups[migration.id].version:
            return "a repeatable migration has none; put the older definition back and migrate"
        return f"write U{migration.id.removeprefix('V')}.sql beside it (undo needs an edition that has it)"

    def read(self) -> MigrationHistory:
        """Versioned migrations in the order of their versions, then repeatable ones by description.

        Raises:
            MigrationError: no migration, a version that two files bear, an undo script without its
                migration, a placeholder without a value, or a file that cannot be read.
        """
        files, remarks = self._files()
        ups = _each_once(f for f in files if f.kind == "V")
        downs = _each_once(f for f in files if f.kind == "U")
        again = sorted((f for f in files if f.kind == "R"), key=lambda file: file.description)
        if not ups and not again:
            raise nothing_here(self.path, tool=NAME, example="V1__create_users.sql")
        _expect_versions(downs, ups)
        ordered = [*(ups[version] for version in sorted(ups)), *again]
        self._ups = {file.path.stem: file for file in ordered}
        self._downs = {ups[version].path.stem: file for version, file in downs.items()}
        return MigrationHistory(
            tuple(self._migration(place, file) for place, file in enumerate(ordered, start=1)),
            ledger=FlywayLedger(self.told.schema, self.told.table, {}, {}).table,
            warnings=tuple(remarks),
            where=str(self.path),
        )

    def _files(self) -> tuple[list[FlywayFile], list[str]]:
        names, files, remarks = FlywayNames(self.told), [], []
        for location in self._locations():
            for path in sorted(p for p in location.rglob("*") if p.is_file() and not p.name.startswith(".")):
                if file := names.parse(path):
                    files.append(file)
                elif remark := names.remark(path):
                    remarks.append(remark)
        return files, remarks

    def _locations(self) -> list[Path]:
        places = [self.path] if self.path.is_dir() else self.told.locations()
        gone = [place for place in places if not place.is_dir()]
        if gone or not places:
            raise refusal(
                "there is no such folder" if gone else "the configuration names no locations",
                where=str(gone[0] if gone else self.path),
                remedy="name the folder with the migrations as PATH, or correct `locations`",
            )
        return places

    def _migration(self, place: int, file: FlywayFile) -> Migration:
        down = self._downs.get(file.path.stem)
        return Migration(
            id=file.path.stem,
            number=place,
            name=file.description,
            up=self._script(file),
            down=self._script(down) if down else None,
            path=file.path,
            note="" if file.version else "repeatable: Flyway runs it again whenever it changes",
        )

    def _script(self, file: FlywayFile) -> Script:
        script = replace(Script.read(file.path), bom=False)  # Flyway takes the mark off
        own = file.path.with_name(f"{file.path.name}.conf")
        told = FlywaySettings({**self.told.values, **(read_config(own) if own.is_file() else {})})
        text = _filled(script, told)
        changed = replace(script, text=text, digest="") if text != script.text else script
        return replace(changed, mode=_mode(changed, told))

    def _run(self, script: Script, statement: str, runner: Runner, migration: Migration) -> ScriptRun:
        return super()._run(self._here(script, runner), statement, runner, migration)

    def _here(self, script: Script, runner: Runner) -> Script:
        """What only the connection tells; on the first line, so that lines keep their numbers."""
        text = script.text.replace("${flyway:database}", runner.database)
        text = text.replace("${flyway:user}", runner.user or runner.server.user)
        if self.told.schema != "public":
            text = composed('SET search_path = {}, "$user", public; ', self.told.schema) + text
        return replace(script, text=text, digest="") if text != script.text else script


def _each_once(files: Iterable[FlywayFile]) -> dict[tuple[int, ...], FlywayFile]:
    by_version: dict[tuple[int, ...], FlywayFile] = {}
    for file in files:
        if other := by_version.get(file.version):
            raise refusal(
                f"version {file.written} is taken twice: {other.path.name} and {file.path.name}",
                where=str(file.path),
                remedy="give one of them a version of its own; Flyway refuses both",
            )
        by_version[file.version] = file
    return by_version


def _expect_versions(downs: Mapping[tuple[int, ...], FlywayFile], ups: Iterable[tuple[int, ...]]) -> None:
    for version in sorted(set(downs) - set(ups)):
        raise refusal(
            f"this undo script is for version {downs[version].written}, which does not exist",
            where=str(downs[version].path),
            remedy="correct the version in its name, or bring the migration back",
        )


def _filled(script: Script, told: FlywaySettings) -> str:
    """The text with Flyway's placeholders filled in, in comments and quotes too, as Flyway does it."""
    prefix, suffix = told.get("placeholderPrefix", "${"), told.get("placeholderSuffix", "}")
    if prefix not in script.text or not told.on("placeholderReplacement", True):
        return script.text
    values = {**_built_in(script, told), **told.placeholders}

    def value(found: re.Match[str]) -> str:
        name = found[1].lower()
        if name not in values:
            raise _unset(script, found, values)
        return values[name]

    return re.sub(f"{re.escape(prefix)}(.+?){re.escape(suffix)}", value, script.text)


def _built_in(script: Script, told: FlywaySettings) -> dict[str, str]:
    """Database and user are known when it runs."""
    return {
        "flyway:defaultschema": told.schema,
        "flyway:table": told.table,
        "flyway:filename": script.name,
        "flyway:workingdirectory": str(told.source.parent if told.source else script.path.parent),
        "flyway:timestamp": "2000-01-01 00:00:00",
        "flyway:database": "${flyway:database}",
        "flyway:user": "${flyway:user}",
    }


def _unset(script: Script, found: re.Match[str], values: Iterable[str]) -> Exception:
    line, column = script.line_at(found.start()), script.column_at(found.start())
    return refusal(
        f"the placeholder {found[0]} has no value{suggestion(found[1], list(values))}",
        where=script.where(line, column),
        remedy=f"give it one in Flyway's configuration or in the options: placeholders.{found[1]}",
    )


def _mode(script: Script, told: FlywaySettings) -> Mode:
    if _COPY_ROWS.search(script.text):
        return Mode.PSQL  # the one thing that Flyway reads as psql does: rows after COPY
    if not told.on("executeInTransaction", True):
        return Mode.AUTOCOMMIT
    return Mode.AUTOCOMMIT if _stands_alone(script.text, mixed=told.on("mixed", False)) else Mode.TRANSACTION


def _stands_alone(text: str, *, mixed: bool) -> bool:
    if not _MAY_BE_ALONE.search(text):
        return False
    alone = [bool(_ALONE.match(text, s.start, s.end)) for s in split(text).statements]
    return any(alone) if mixed else bool(alone) and all(alone)
