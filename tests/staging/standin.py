"""A staging of one's own: a Postgres cluster and an emulator's account, started outside of any drill.

Drills reach it the way that they reach a real one: by a DSN from a variable and a declared endpoint.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from rollproof.components.aws.clients import Aws
from rollproof.environments.base import AwsEndpoint, PostgresServer
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.fingerprint import take_fingerprint
from rollproof.journal import Journal, Recorder
from rollproof.model.json import JsonObject
from rollproof.model.system import System

ACCOUNT = "123456789012"
STRANGER = "999988887777"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rollproof-drill"
DSN, KEY, SECRET = "STANDIN_DSN", "STANDIN_KEY", "STANDIN_SECRET"
LOCKS = "rollproof-locks"
"""the table that says who drills; made once, and kept for the next"""
SPEC = "ROLLPROOF_TEST_STAGING"
APP = "app"
"""the password of the application's role"""
DATABASE = "shop_staging"
MINI = Path(__file__).parents[1] / "examples" / "systems" / "mini"
SOON = datetime.now(UTC).date() + timedelta(days=30)


@dataclass(frozen=True)
class StandIn:
    """The place, seen from the side of those who own it.

    Attributes:
        server: as its administrator sees it.
        aws: the account, as its administrator sees it; None when only the database was started.
    """

    server: PostgresServer
    aws: AwsEndpoint | None
    identifier: str

    @property
    def dsn(self) -> str:
        return self.server.conninfo(DATABASE)

    @property
    def environ(self) -> dict[str, str]:
        """What whoever drills there has to have set."""
        return {DSN: self.dsn, KEY: ACCOUNT, SECRET: "of-the-stand-in"}

    def declared(self, **more: Any) -> dict[str, Any]:
        """`[environments.staging]`; `more` replaces keys, `database` and `production` key by key."""
        database = {"dsn_env": DSN, "system_identifier": self.identifier, "name": DATABASE}
        said: dict[str, Any] = {
            "hosts": [self.server.host],
            "expires": SOON,
            "database": {**database, **more.pop("database", {})},
        }
        if self.aws is not None:
            said |= {
                "aws_account": ACCOUNT,
                "region": "us-east-1",
                "credentials": {"access_key_env": KEY, "secret_key_env": SECRET},
                "role_arn": ROLE,
                "endpoint_url": self.aws.url,
            }
        return {name: value for name, value in {**said, **more}.items() if value is not None}

    def system(self, **more: Any) -> System:
        """A system that declares it and has nothing but a database."""
        return System.model_validate(
            {
                "system": {"name": "shop"},
                "database": {"migrations": {"path": "migrations"}},
                "environments": {"staging": self.declared(**more)},
            }
        )

    def spec(self, **database: Any) -> str:
        """`[environments.staging]` as a text, for a variable: other processes declare the same."""
        return json.dumps(self.declared(database=database), default=str)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.conninfo(database), autocommit=True)

    def run(self, *statements: str, database: str = "postgres") -> None:
        with self.connect(database) as conn:
            for statement in statements:
                conn.execute(statement.encode())

    def next_transaction(self) -> int:
        """The number that the next transaction that writes will get: reading takes none."""
        with self.connect() as conn:
            row = conn.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
        assert row is not None
        return int(row[0])

    def everything(self) -> dict[str, Any]:
        """All that there is, to compare: databases with their content, roles, settings, AWS resources."""
        with self.connect() as conn:
            names = [str(row[0]) for row in conn.execute(_DATABASES)]
            globals_ = {name: conn.execute(query).fetchall() for name, query in _GLOBALS.items()}
        contents = {name: self._content(name) for name in names}
        return {"databases": contents, **globals_, "aws": self.resources()}

    def _content(self, database: str) -> Any:
        with psycopg.connect(self.server.conninfo(database)) as conn:
            shape = take_fingerprint(conn).to_json()
            tables = conn.execute(_TABLES).fetchall()
            rows = {}
            for schema, table in tables:
                counted = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
                rows[f"{schema}.{table}"] = conn.execute(
                    counted.format(sql.Identifier(schema, table))
                ).fetchone()
        return json.dumps(shape, sort_keys=True), rows

    def resources(self) -> dict[str, Any]:
        """What is in the account, of every service that a drill of these tests may use."""
        if self.aws is None:
            return {}
        aws, found = clients_of(self.aws.url, self.aws.region), {}
        for service, call, key, ignored in _LISTED:
            said = getattr(aws.client(service), call)()[key]
            found[f"{service}.{call}"] = sorted(
                json.dumps(
                    {k: v for k, v in item.items() if k not in ignored} if isinstance(item, dict) else item,
                    sort_keys=True,
                    default=str,
                )
                for item in said
                if item != LOCKS
            )
        return found


@cache
def clients_of(url: str | None, region: str) -> Aws:
    """The account as its administrator; making clients takes longer than calling them."""
    return Aws(
        AwsEndpoint(
            url=url,
            region=region,
            account=ACCOUNT,
            access_key=ACCOUNT,
            secret_key="of-the-stand-in",  # noqa: S106  # it takes any
            emulator="",
            private=False,
        )
    )


_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template1' ORDER BY 1"
_GLOBALS = {
    "names": "SELECT datname, datdba::regrole::text, datacl::text, datallowconn FROM pg_database ORDER BY 1",
    "roles": "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolcanlogin FROM pg_roles ORDER BY 1",
    "members": "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members ORDER BY 1, 2",
    "settings": "SELECT s::text FROM pg_db_role_setting s ORDER BY 1",
    "tablespaces": "SELECT spcname FROM pg_tablespace ORDER BY 1",
    "slots": "SELECT slot_name FROM pg_replication_slots ORDER BY 1",
}
_TABLES = (
    "SELECT schemaname::text, tablename::text FROM pg_tables"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
)
_LISTED = (
    ("lambda", "list_functions", "Functions", ("LastModified", "RevisionId")),
    ("dynamodb", "list_tables", "TableNames", ()),
    ("s3", "list_buckets", "Buckets", ()),
    ("cloudformation", "describe_stacks", "Stacks", ("LastUpdatedTime",)),
    ("secretsmanager", "list_secrets", "SecretList", ("LastAccessedDate", "LastChangedDate")),
    ("ssm", "describe_parameters", "Parameters", ()),
    ("sns", "list_topics", "Topics", ()),
    ("sqs", "list_queues", "QueueUrls", ()),
    ("iam", "list_roles", "Roles", ("RoleLastUsed",)),
    ("iam", "list_account_aliases", "AccountAliases", ()),
    ("cloudwatch", "describe_alarms", "MetricAlarms", ()),
)


def declared_in_environ() -> dict[str, Any] | None:
    """What whoever started a stand-in has left in the variables; None when nobody did."""
    text = os.environ.get(SPEC)
    return dict(json.loads(text)) if text else None


def left_on_stand_in(undo: JsonObject) -> list[str]:
    """Databases and roles that a journal announced and that are there all the same."""
    if not str(undo.get("kind")).startswith("postgres."):
        return []
    names = {str(name) for key in ("databases", "roles") for name in (undo.get(key) or ())}  # type: ignore[union-attr]
    with psycopg.connect(os.environ[DSN]) as conn:
        there = conn.execute("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles").fetchall()
    return sorted(names & {str(row[0]) for row in there})


@contextmanager
def stand_in(folder: Path, *, with_aws: bool = True, tcp: bool = True) -> Iterator[StandIn]:
    """Starts one, with the database that the smallest system uses there, at its current release.

    Args:
        tcp: it listens on 127.0.0.1 with passwords, as servers elsewhere do; else on a socket.
    """
    system = System.model_validate(
        {"system": {"name": "elsewhere"}, "database": {"migrations": {"path": "."}}}
    )
    with (
        _passable() as deep,
        Journal(folder / "elsewhere.ndjson", run="elsewhere") as journal,
        _environment(deep, tcp=tcp).open(system, Recorder(journal, "run")) as opened,
    ):
        server = opened.postgres()
        found = StandIn(server, opened.aws(account=ACCOUNT) if with_aws else None, "")
        found.run("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
        found.run(f"CREATE DATABASE {DATABASE}", f"CREATE ROLE mini_app LOGIN PASSWORD '{APP}'")
        deploy_mini(found)
        with found.connect() as conn:
            row = conn.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        assert row is not None
        yield StandIn(server, found.aws, str(row[0]))


@contextmanager
def _passable() -> Iterator[Path]:
    """A folder whose path is too long for a socket, and that a server of another user may pass through."""
    top = Path(tempfile.mkdtemp(prefix="rp-elsewhere-"))
    deep = top / ("elsewhere" * 10)
    deep.mkdir(parents=True)
    top.chmod(0o755)
    try:
        yield deep
    finally:
        shutil.rmtree(top)


def _environment(deep: Path, *, tcp: bool) -> EmbeddedEnvironment:
    return EmbeddedEnvironment(scratch_root=deep, short_roots=()) if tcp else EmbeddedEnvironment()


def deploy_mini(place: StandIn) -> None:
    """The smallest system's first two migrations: its third is what drills deploy and take back."""
    for name in ("001_create_shop.sql", "002_round_amounts.sql"):
        place.run((MINI / "migrations" / name).read_text(), database=DATABASE)
        if name.startswith("001"):
            place.run((MINI / "seed.sql").read_text(), database=DATABASE)


def write_system(home: Path, place: StandIn, **more: Any) -> Path:
    """The smallest system in a folder of its own, with the stand-in declared as its staging."""
    import tomlkit

    shutil.copytree(MINI, home, dirs_exist_ok=True)
    document = tomlkit.parse((home / "system.toml").read_text())
    database = {"passwords_env": {"mini_app": "STANDIN_APP"}, **more.pop("database", {})}
    said = place.declared(database=database, **more)
    document["environments"] = {"staging": said}
    (home / "system.toml").write_text(tomlkit.dumps(document))
    return home / "system.toml"


def inherited() -> dict[str, str]:
    """Variables of this process, without those that aim somewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "AWS_", "PYTEST_")) and name not in ("CI", "BUILD_NUMBER")
    }
