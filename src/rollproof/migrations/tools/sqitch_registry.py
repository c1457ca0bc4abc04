"""Sqitch's registry, as far as a rehearsal needs it: the table of deployed changes, in Sqitch's own form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.tools.sqitch_config import SqitchConfig
from rollproof.migrations.tools.sqitch_plan import Change, Plan
from rollproof.migrations.tools.sqlledger import composed, rows


@dataclass(frozen=True)
class Registry:
    """Sqitch's own table of deployed changes, `changes`, in the schema that the project names."""

    config: SqitchConfig
    plan: Plan
    changes: Mapping[str, Change]

    @property
    def table(self) -> str:
        return f"{self.config.registry}.changes"

    def create(self) -> str:
        schema = self.config.registry
        return composed("CREATE SCHEMA IF NOT EXISTS {};", schema) + composed(
            "CREATE TABLE IF NOT EXISTS {}.{} (change_id text PRIMARY KEY, script_hash text, "
            "change text NOT NULL, project text NOT NULL, note text NOT NULL DEFAULT '', "
            "committed_at timestamptz NOT NULL DEFAULT clock_timestamp(), committer_name text NOT NULL, "
            "committer_email text NOT NULL, planned_at timestamptz NOT NULL, planner_name text NOT NULL, "
            "planner_email text NOT NULL, UNIQUE (project, script_hash));",
            schema,
            "changes",
        )

    def record(self, migration: Migration) -> str:
        change = self.changes[migration.id]
        # A registry of Sqitch's own has its project in it since the first deployment.
        return composed(
            "INSERT INTO {}.{} (change_id, change, project, note, committer_name, committer_email, "
            "planned_at, planner_name, planner_email) VALUES ({id}, {name}, {project}, {note}, 'Rollproof', "
            "'rollproof@localhost', {date}::timestamptz, {planner}, {email});",
            self.config.registry,
            "changes",
            id=change.id,
            name=change.name,
            project=self.plan.project,
            note=change.note,
            date=change.date,
            planner=change.planner,
            email=change.email,
        )

    def strike(self, migration: Migration) -> str:
        registry, change = self.config.registry, self.changes[migration.id].id
        tags = composed("DELETE FROM {}.{} WHERE change_id = {id};", registry, "tags", id=change)
        there = composed("to_regclass({name}) IS NOT NULL", name=f'"{registry}".tags')
        block = f"BEGIN IF {there} THEN {tags} END IF; END"
        return composed("DO {block};", block=block) + composed(
            "DELETE FROM {}.{} WHERE change_id = {id};", registry, "changes", id=change
        )

    def read(self, conn: Connection[Any], history: MigrationHistory) -> list[str]:
        ids = {change.id: migration for migration, change in self.changes.items()}
        query = sql.SQL(
            "SELECT change_id, change FROM {} WHERE project = {} ORDER BY committed_at, change_id"
        ).format(sql.Identifier(self.config.registry, "changes"), sql.Literal(self.plan.project))
        return [ids.get(key, name) for key, name in rows(conn, query, f'"{self.config.registry}".changes')]
