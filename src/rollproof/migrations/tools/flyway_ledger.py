"""flyway_schema_history, in Flyway's own format: a row for each script that was run, undo scripts too."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection, sql

from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.tools.flyway_names import FlywayFile
from rollproof.migrations.tools.sqlledger import composed, rows

_INSERT = (
    "INSERT INTO {} (installed_rank, version, description, type, script, checksum, installed_by, "
    "execution_time, success) SELECT COALESCE(max(installed_rank), 0) + 1, {version}, {description}, "
    "{type}, {script}, {checksum}, current_user, 0, true FROM {};"
)
_LONGEST_DESCRIPTION = 200


@dataclass(frozen=True)
class FlywayLedger:
    """The ledger of one history.

    Attributes:
        schema, name: where the table is.
        ups: each migration's file, by the migration's id; downs: their undo scripts.
    """

    schema: str
    name: str
    ups: Mapping[str, FlywayFile]
    downs: Mapping[str, FlywayFile]
    create_schema: bool = True

    @property
    def table(self) -> str:
        return ".".join(_quoted(part) for part in (self.schema, self.name))

    def create(self) -> str:
        schema = composed("CREATE SCHEMA IF NOT EXISTS {};", self.schema) if self.create_schema else ""
        return schema + composed(
            "CREATE TABLE IF NOT EXISTS {} (installed_rank INT NOT NULL, version VARCHAR(50), "
            "description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, "
            "checksum INTEGER, installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL "
            "DEFAULT now(), execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL, "
            "CONSTRAINT {} PRIMARY KEY (installed_rank));"
            "CREATE INDEX IF NOT EXISTS {} ON {} (success);",
            self.table,
            f"{self.name}_pk",
            f"{self.name}_s_idx",
            self.table,
        )

    def record(self, migration: Migration) -> str:
        return self._entry(self.ups[migration.id], "SQL")

    def strike(self, migration: Migration) -> str:
        return self._entry(self.downs[migration.id], "UNDO_SQL")

    def _entry(self, file: FlywayFile, kind: str) -> str:
        return composed(
            _INSERT,
            self.table,
            self.table,
            version=file.written or None,
            description=file.description[:_LONGEST_DESCRIPTION],
            type=kind,
            script=file.path.name,
            checksum=checksum(file.path),
        )

    def read(self, conn: Connection[Any], history: MigrationHistory) -> list[str]:
        """Whatever was run last of each version decides whether it is applied."""
        query = sql.SQL(
            "SELECT version, description, type, script FROM {} WHERE success ORDER BY installed_rank"
        ).format(sql.Identifier(self.schema, self.name))
        ids = {(f.written or None, None if f.written else f.description): m for m, f in self.ups.items()}
        found: dict[str, None] = {}
        for version, description, kind, script in rows(conn, query, self.table):
            name = ids.get((version, None if version else description), script)
            found.pop(name, None)
            if not kind.startswith(("UNDO", "DELETE", "SCHEMA")):
                found[name] = None
        return list(found)


def checksum(path: Path) -> int:
    """CRC-32 of the lines without their ends, as the signed number that Flyway stores."""
    crc = 0
    for line in path.read_bytes().decode("utf-8-sig").splitlines():
        crc = zlib.crc32(line.encode(), crc)
    return crc - 2**32 if crc >= 2**31 else crc


def _quoted(part: str) -> str:
    return part if part.isidentifier() and part == part.lower() else '"' + part.replace('"', '""') + '"'
