"""Databases at the schema of a release: made, copied, taken forward and back."""

from __future__ import annotations

from collections.abc import Sequence

from rollproof.components.compatibility.releases import Shipped
from rollproof.components.postgres.admin import connected, create_database
from rollproof.components.postgres.templates import Templates
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.model import Migration


def make(templates: Templates, name: str, shipped: Shipped) -> None:
    """A database with just the migrations that a release was shipped with, and the seed's rows."""
    every, wanted = templates.history.migrations, set(shipped.listed)
    count = next((place for place, one in enumerate(every) if one.id not in wanted), len(every))
    create_database(templates.server, name, template=templates.at(count))
    forward(templates, name, [migration for migration in every[count:] if migration.id in wanted])


def forward(templates: Templates, database: str, migrations: Sequence[Migration]) -> None:
    """Applies them in this order. Raises AttemptFailed."""
    for migration in migrations:
        templates.apply(database, migration)


def back(templates: Templates, database: str, going: Sequence[Migration]) -> str:
    """Takes them back in this order; why that cannot be, or an empty text. Nothing is touched when one of
    them has no way back."""
    for migration in going:
        if migration.down is None:
            said = f": {migration.irreversible}" if migration.irreversible else ""
            return f"{migration.id} has no way back{said}"
    for migration in going:
        try:
            templates.source.roll_back(migration, templates.runner(database))
        except (AttemptFailed, MigrationError) as error:
            return f"{migration.id} cannot be taken back: {error.found}"
    return ""


def listed(templates: Templates, database: str) -> tuple[str, ...]:
    """What its ledger lists."""
    with connected(templates.server, database) as conn:
        return tuple(templates.source.applied(conn))
