"""Running scripts only where they stay within the schemas that a drill may touch."""

from __future__ import annotations

from dataclasses import dataclass, field

from rollproof.drill.limits import Bounds
from rollproof.errors import OutOfBounds
from rollproof.migrations.execute import PsqlRunner, ScriptRun
from rollproof.migrations.model import MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.touching import schemas_touched


@dataclass(frozen=True)
class BoundedRunner(PsqlRunner):
    """Reads each script before it runs it.

    Attributes:
        bounds: what schemas may be touched.
    """

    bounds: Bounds = field(default_factory=Bounds)

    def run(self, script: Script) -> ScriptRun:
        """Raises OutOfBounds for a schema that is not allowed; the script is not run then."""
        self.bounds.expect("schema", sorted(schemas_touched(script)), doing=f"running {script.path.name}")
        return super().run(script)


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
