"""In the project's interpreter: running env.py, or a plain environment where it cannot be imported.

Loaded beside `alembic_program.py`; Alembic 1.5 and later.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
from alembic import context
from alembic.runtime.environment import EnvironmentContext
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from rollproof.migrations.tools.worker_program import Refused
else:
    from rollproof_worker import Refused


class Environment:
    """One project's env.py.

    Attributes:
        text: of env.py; empty when there is none.
        inside: what it takes for granted that it is run inside of: flask, anyio, or nothing.
        plain: run a plain environment in its place.
        gives_connection: hand env.py a connection, as programs do that call Alembic themselves.
    """

    def __init__(self, config: Any, directory: Any, *, inside: str = "") -> None:
        self.config = config
        self.directory = directory
        self.path = Path(directory.dir, "env.py")
        self.text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.is_file() else ""
        self.inside = inside or _told_inside(self.text)
        self.plain = self.gives_connection = False
        self._code: Any = None
        directory.run_env = self._run

    def run(self, steps: Callable[[Any, Any], Any], destination: str, **options: Any) -> None:
        """Runs env.py as `alembic upgrade` and `downgrade` do, with steps of our own."""
        with EnvironmentContext(
            self.config,
            self.directory,
            fn=steps,
            as_sql=False,
            destination_rev=destination,
            tag=None,
            **options,
        ):
            self._within(self.directory.run_env)

    def missing_import(self) -> str:
        """What env.py imports and cannot; found by running it offline with nothing to do. Empty when none."""
        try:
            with EnvironmentContext(
                self.config,
                self.directory,
                fn=lambda heads, context: [],
                as_sql=True,
                destination_rev="heads",
                output_buffer=io.StringIO(),
            ):
                self._within(self.directory.run_env)
        except ImportError as error:
            return str(error)
        except BaseException:  # noqa: BLE001  what does not work offline may well work online
            return ""
        return ""

    def _run(self) -> None:
        """What `ScriptDirectory.run_env` does, without reading and compiling the file anew each time."""
        if self.plain:
            self._run_plain()
            return
        spec = importlib.util.spec_from_file_location("env_py", str(self.path))
        if spec is None or spec.loader is None or not self.path.is_file():
            raise Refused("there is no env.py", where=str(self.directory.dir), environment=True)
        if self._code is None:
            self._code = spec.loader.get_code("env_py")  # type: ignore[attr-defined]
        module = importlib.util.module_from_spec(spec)
        with self._connection():
            exec(self._code, module.__dict__)  # noqa: S102  it is the project's own env.py

    @contextmanager
    def _connection(self) -> Iterator[None]:
        """`config.attributes["connection"]`, where many an env.py takes its connection from."""
        if not self.gives_connection or context.is_offline_mode():
            yield
            return
        engine = sqlalchemy.create_engine(url_of_config(self.config), poolclass=NullPool)
        with engine.connect() as connection:
            self.config.attributes["connection"] = connection
            try:
                yield
                if connection.in_transaction() and hasattr(connection, "commit"):
                    connection.commit()
            finally:
                self.config.attributes.pop("connection", None)

    def _run_plain(self) -> None:
        engine = sqlalchemy.create_engine(url_of_config(self.config), poolclass=NullPool)
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=None)
            with context.begin_transaction():
                context.run_migrations()

    def _within(self, run: Callable[[], None]) -> None:
        if self.plain or not self.inside:
            run()
        elif self.inside == "flask":
            with importlib.import_module("flask.cli").ScriptInfo().load_app().app_context():
                run()
        elif self.inside == "anyio":
            thread = importlib.import_module("anyio.to_thread")
            importlib.import_module("anyio").run(thread.run_sync, run)
        else:
            raise Refused(f"the option `inside` may be flask or anyio, not {self.inside!r}")


def url_of_config(config: Any) -> str:
    """The URL that env.py is given."""
    return str(config.get_main_option("sqlalchemy.url"))


def _told_inside(env: str) -> str:
    if re.search(r"\bcurrent_app\b", env):
        return "flask"
    return "anyio" if re.search(r"from_worker_thread|\bfrom_thread\b", env) else ""
