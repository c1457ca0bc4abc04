"""Miniature Alembic projects for the tests, written into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INI = """\
[alembic]
script_location = %(here)s/migrations
sqlalchemy.url = postgresql+psycopg://somebody@example.invalid/production

[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = INFO
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %%(message)s
"""
ENV = """\
from logging.config import fileConfig

from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
fileConfig(config.config_file_name)
print("env.py says something")
connectable = engine_from_config(
    config.get_section(config.config_ini_section), prefix="sqlalchemy.", poolclass=pool.NullPool
)
with connectable.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""
ASYNC_ENV = """\
import asyncio

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import async_engine_from_config

config = context.config


def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = async_engine_from_config(
        config.get_section(config.config_ini_section), prefix="sqlalchemy.", poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(main())
"""


@dataclass(frozen=True)
class Project:
    """A project's folder with alembic.ini, migrations/env.py and migrations/versions."""

    root: Path

    @classmethod
    def make(cls, root: Path, *, env: str = ENV, ini: str = INI) -> Project:
        (root / "migrations" / "versions").mkdir(parents=True)
        (root / "alembic.ini").write_text(ini)
        (root / "migrations" / "env.py").write_text(env)
        return cls(root)

    @property
    def ini(self) -> Path:
        return self.root / "alembic.ini"

    def add(
        self,
        revision: str,
        after: str | Sequence[str] | None = None,
        *,
        up: str = "pass",
        down: str | None = "pass",
        depends_on: str | None = None,
        labels: Sequence[str] = (),
        message: str = "",
        folder: str = "migrations/versions",
        file: str = "",
    ) -> Path:
        """A revision; `up` and `down` are lines of the functions' bodies, None leaves downgrade() out."""
        down_revision = after if after is None or isinstance(after, str) else tuple(after)
        text = [
            f'"""{message or f"make {revision}"}"""',
            "import sqlalchemy as sa",
            "from alembic import context, op",
            f"revision = {revision!r}",
            f"down_revision = {down_revision!r}",
            f"branch_labels = {tuple(labels) or None!r}",
            f"depends_on = {depends_on!r}",
            "def upgrade():",
            *_indented(up),
            *(["def downgrade():", *_indented(down)] if down is not None else []),
        ]
        path = self.root / folder / (file or f"{revision}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(text) + "\n")
        return path

    def table(self, revision: str, after: str | Sequence[str] | None = None, **more: object) -> Path:
        """A revision that creates a table of its own name, and drops it."""
        up = f'op.create_table("t_{revision}", sa.Column("id", sa.Integer, primary_key=True))'
        return self.add(revision, after, up=up, down=f'op.drop_table("t_{revision}")', **more)  # type: ignore[arg-type]


def _indented(body: str) -> list[str]:
    return [f"    {line}" for line in body.splitlines()]
