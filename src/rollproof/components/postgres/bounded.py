"""Running scripts only where they stay within the schemas that a drill may touch, and within its database."""

from __future__ import annotations

from dataclasses import dataclass, field

from rollproof.components.postgres.admin import MAINTENANCE, connected
from rollproof.components.postgres.queries import query
from rollproof.drill.limits import Bounds
from rollproof.errors import OutOfBounds
from rollproof.migrations.beyond import beyond_database, hides_statements, words_of
from rollproof.migrations.execute import PsqlRunner, ScriptRun
from rollproof.migrations.model import MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.touching import schemas_touched


@dataclass(frozen=True)
class BoundedRunner(PsqlRunner):
    """Reads each script before it runs it; on a server that others use, looks afterwards what it did to that.

    Attributes:
        bounds: what schemas may be touched.
    """

    bounds: Bounds = field(default_factory=Bounds)

    def run(self, script: Script) -> ScriptRun:
        """Raises OutOfBounds for a schema that is not allowed, and for what acts on a server that others use;
        the script is not run then, unless it hides what it does."""
        doing = f"running {script.path.name}"
        if any(one.limits.schemas is not None for one in self.bounds.declared):
            self.bounds.expect("schema", sorted(schemas_touched(script)), doing=doing)
        if not self.server.system_identifier:
            return super().run(script)
        for words in words_of(beyond_database(script, database=self.database)):
            raise self._refused(f"{words} acts on more than the drill's database", doing)
        before = self._serverwide() if hides_statements(script) else None
        done = super().run(script)
        for what in sorted((before or set()) ^ (self._serverwide() if before is not None else set())):
            raise self._refused(f"what belongs to the whole server has changed meanwhile: {what}", doing)
        return done

    def _refused(self, found: str, doing: str) -> OutOfBounds:
        return self.bounds.refuse(
            found,
            doing=doing,
            where=f"{self.server.host}:{self.server.port}",
            remedy="do that on the server by hand, outside of migrations, or drill this one on `embedded`",
        )

    def _serverwide(self) -> set[str]:
        with connected(self.server, MAINTENANCE) as conn:
            rows = conn.execute(query("serverwide"), {"database": self.database}).fetchall()
        return {f"{kind} {name} ({said})" for kind, name, said in rows}


def expect_readable(history: MigrationHistory, bounds: Bounds) -> None:
    """Raises OutOfBounds where schemas are limited and migrations are code, which nobody can read."""
    code = next((one.id for one in history.migrations if one.stated is not None), None)
    if code is None:
        return
    where = next(one.where for one in bounds.declared if one.limits.schemas is not None)
    raise OutOfBounds(
        f"migration {code} is code: which schemas it touches is not known before it runs",
        doing="looking at the limits of a drill",
        where=where,
        remedy="leave `schemas` out there, and give the role that drills no right to other schemas",
    )
