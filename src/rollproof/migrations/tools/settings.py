"""What a user tells Rollproof of a project's migration tool, whether on the command line or in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollproof.model.system import Migrations

SECONDS = 120.0
"""how long one call of a tool that is run natively may take, unless said otherwise"""


@dataclass(frozen=True, kw_only=True)
class ToolSettings:
    """All that any tool may be told; each takes what it knows.

    Attributes:
        path: folder or file of the history; None: it is searched for.
        python: interpreter of the project, for tools written in Python; None: this one.
        environment: extra variables for native tools; values may hold `{url}`, `{dsn}`, `{host}`,
            `{port}`, `{user}`, `{database}` and `{python}`.
        up, down, list: argument lists of the tool `command`; the same placeholders, and `{id}`.
        ledger: qualified name of the ledger table; None: the tool's own.
        ledger_column: its column with the ids, for sql-files.
        rollback, reverse: file name patterns of sql-files.
        limit: seconds that one call of a native tool may take.
        django_settings: dotted name of the settings module.
        config: the tool's configuration file (`alembic.ini`, `flyway.conf`…); None: it is looked for.
        apps: Django's apps to walk through; all when empty.
        options: what only one tool has; see docs/reference/migration-tools.md.
    """

    path: Path | None = None
    python: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    list: tuple[str, ...] = ()
    ledger: str | None = None
    ledger_column: str = "migration_name"
    rollback: str = "{any}_rollback_{number}.sql"
    reverse: str = "{any}_revert_{number}.sql"
    limit: float = SECONDS
    django_settings: str | None = None
    config: Path | None = None
    apps: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_system(cls, migrations: Migrations, root: Path) -> ToolSettings:
        """What `[database.migrations]` of a system file says; its paths are relative to `root`."""
        return cls(
            path=root / migrations.path,
            # Not resolved: an interpreter's link tells which environment it belongs to.
            python=_beside(root, migrations.python),
            environment=migrations.environment,
            up=migrations.up or (),
            down=migrations.down or (),
            list=migrations.list or (),
            ledger=migrations.ledger if "ledger" in migrations.model_fields_set else None,
            ledger_column=migrations.ledger_column,
            rollback=migrations.rollback,
            reverse=migrations.reverse,
            limit=migrations.limit,
            django_settings=migrations.django_settings,
            config=_beside(root, migrations.config),
            apps=migrations.apps,
            options=migrations.options,
        )


def _beside(root: Path, name: str | None) -> Path | None:
    return root / name if name else None
