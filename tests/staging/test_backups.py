"""Working copies that are restored from the newest backup: what is said of them, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standin import APP, DATABASE, DSN, StandIn, clients_of, write_system

from rollproof.components.postgres.admin import connected, databases
from rollproof.components.postgres.templates import Templates
from rollproof.drill.session import DrillSession
from rollproof.environments.staging import StagingEnvironment
from rollproof.errors import EnvironmentUnavailable
from rollproof.journal import Event, Kind

NOW = datetime.now(UTC)
WITHOUT_AWS = dict.fromkeys(("aws_account", "region", "credentials", "endpoint_url", "role_arn"))
OTHER = "another_shop"
"""a database with a ledger of other migrations"""


def program(place: StandIn, name: str, *arguments: str, database: str = DATABASE) -> None:
    subprocess.run(
        [place.server.program(name), *arguments],
        env={**os.environ, **place.server.program_environment(database)},
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def dump(place: StandIn, file: Path, *options: str, database: str = DATABASE) -> bytes:
    program(place, "pg_dump", *options, f"--file={file}", database=database)
    return file.read_bytes() if file.is_file() else b""


@pytest.fixture(scope="module")
def dumps(place: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Backups of all kinds, good and bad, each taken once."""
    folder = tmp_path_factory.mktemp("dumps")
    custom, plain = dump(place, folder / "custom", "-Fc"), dump(place, folder / "plain")
    dump(place, folder / "directory", "-Fd")
    dump(place, folder / "tar", "-Ft")
    dump(place, folder / "inserts", "--inserts")
    dump(place, folder / "for another database", "--create")
    dump(place, folder / "without rows", "-Fc", "--schema-only")
    dump(place, folder / "without orders", "-Fc", "--exclude-table-data=shop.orders")
    dump(place, folder / "plain without orders", "--exclude-table-data=shop.orders")
    dump(place, folder / "of nothing", "-Fc", database="template1")
    place.run(f"CREATE DATABASE {OTHER} TEMPLATE {DATABASE}")
    place.run("UPDATE migrations SET migration_name = 'x' || migration_name", database=OTHER)
    dump(place, folder / "of another system", "-Fc", database=OTHER)
    place.run("CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER live FOREIGN DATA WRAPPER w", database=OTHER)
    dump(place, folder / "that leads elsewhere", "-Fc", database=OTHER)
    place.run("DROP SERVER live", "ALTER TABLE migrations RENAME TO others", database=OTHER)
    dump(place, folder / "without a ledger", "-Fc", database=OTHER)
    place.run(f"DROP DATABASE {OTHER}")
    made = {
        "packed": gzip.compress(plain),
        "packed custom": gzip.compress(custom),
        "cut off": custom[:-200],
        "plain cut off": plain[: len(plain) * 2 // 3],
        "empty": b"",
        "openssl": b"Salted__" + os.urandom(500),
    }
    for name, body in made.items():
        (folder / name).write_bytes(body)
    return folder


@dataclass
class Copied:
    """A run whose copy was made from a backup."""

    session: DrillSession
    templates: Templates

    @property
    def event(self) -> Event:
        [found] = [
            one for one in self.session.journal.events if one.act == "template.load" and one.kind is Kind.OK
        ]
        return found

    def rows(self, query: str) -> Any:
        with connected(self.templates.server, self.templates.at(2)) as conn:
            return conn.execute(query.encode()).fetchone()


@dataclass
class Copying:
    """Begins a run whose copies come from backups."""

    place: StandIn
    folder: Path
    stack: ExitStack
    session: DrillSession | None = None

    def __call__(self, backup: str | Path, *, aws: bool = False, **database: Any) -> Copied:
        said = {"clone": "backup", "backup": str(backup), **database}
        without = {} if aws else WITHOUT_AWS
        self.system = write_system(self.folder / "home", self.place, database=said, **without)
        run = f"{NOW:%Y%m%dT%H%M%SZ}-0a1b2c"
        self.session = DrillSession(folder=self.folder / "run", run=run, environment=StagingEnvironment())
        self.stack.callback(self.session.finish, "unknown")
        return Copied(self.session, self.templates())

    def templates(self) -> Templates:
        from rollproof.model.systemfile import read_system

        assert self.session is not None
        return self.session.use(Templates, read_system(self.system))

    def refused(self, backup: str | Path, **declared: Any) -> str:
        with pytest.raises(EnvironmentUnavailable) as caught:
            self(backup, **declared)
        assert caught.value.remedy
        assert "\n" not in caught.value.found
        return f"{caught.value.where}: {caught.value.found}"


@pytest.fixture
def copying(tmp_path: Path, place: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copying]:
    """What a run makes on the stand-in, and in its scratch folder, is gone at its end."""
    for name, value in {**place.environ, "STANDIN_APP": APP}.items():
        monkeypatch.setenv(name, value)
    before = databases(place.server)
    with ExitStack() as stack:
        yield Copying(place, tmp_path, stack)
    assert databases(place.server) == before


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("custom", "custom"),
        pytest.param("directory", "directory", marks=pytest.mark.slow),
        pytest.param("tar", "tar", marks=pytest.mark.slow),
        ("plain", "plain"),
        pytest.param("inserts", "plain", marks=pytest.mark.slow),
        pytest.param("packed", "plain, gzip", marks=pytest.mark.slow),
        pytest.param("packed custom", "custom, gzip", marks=pytest.mark.slow),
    ],
)
def test_a_backup_is_restored_whatever_its_format_and_its_name(
    name: str, form: str, dumps: Path, copying: Copying
) -> None:
    copied = copying(dumps / name)
    assert copied.rows("SELECT count(*) FROM shop.orders") == (50,)
    said: Any = copied.event.data
    assert (said["name"], said["facts"]["format"], said["migrations"]) == (str(dumps / name), form, 2)
    assert said["rows"] == 52
    if (dumps / name).is_file():
        assert said["digest"] == "sha256:" + hashlib.sha256((dumps / name).read_bytes()).hexdigest()
    assert said["left_out"] == []
    newest, older = copied.templates.origin(2), copied.templates.origin(1)
    assert newest is not None
    assert newest.what == said["found"]
    assert older is not None
    assert "made from nothing" in older.what


def put(folder: Path, dumps: Path, **names: tuple[str, float]) -> None:
    """Backups with other names, so many hours old."""
    folder.mkdir()
    for name, (what, hours) in names.items():
        (folder / name).write_bytes((dumps / what).read_bytes())
        at = NOW.timestamp() - 3600 * hours
        os.utime(folder / name, (at, at))


def test_the_newest_is_taken_by_its_time_and_not_by_its_name(
    tmp_path: Path, dumps: Path, copying: Copying
) -> None:
    put(tmp_path / "kept", dumps, z=("empty", 30), b=("tar", 2), a=("custom", 10))
    (tmp_path / "kept" / "b.sha256").write_text("a sum, written after what it is of")
    copied = copying(tmp_path / "kept", backup_age="3h")
    said: Any = copied.event.data
    assert said["name"] == str(tmp_path / "kept" / "b")
    assert 2 * 3600 <= said["facts"]["age_seconds"] < 3 * 3600


def test_a_broken_newest_one_is_not_passed_over_for_an_older_one(
    tmp_path: Path, dumps: Path, copying: Copying
) -> None:
    put(tmp_path / "kept", dumps, good=("custom", 10), broken=("empty", 1))
    assert "broken: it is empty" in copying.refused(tmp_path / "kept" / "*")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut off", "end of file"),
        pytest.param("plain cut off", "it is cut off", marks=pytest.mark.slow),
        ("openssl", "it is encrypted (openssl)"),
        ("for another database", "CREATE DATABASE, which reaches beyond the database"),
        pytest.param("without rows", "it was taken without the rows of shop.orders", marks=pytest.mark.slow),
        ("without orders", "it was taken without the rows of shop.orders"),
        pytest.param(
            "plain without orders", "it was taken without the rows of shop.orders", marks=pytest.mark.slow
        ),
        pytest.param("of nothing", "lists no migration", marks=pytest.mark.slow),
        ("of another system", "does not list the first 2 migrations: see x001_create_shop.sql"),
        pytest.param("without a ledger", "public.migrations", marks=pytest.mark.slow),
        ("that leads elsewhere", "it has the foreign server live"),
    ],
)
def test_a_backup_that_is_of_no_use_is_one_clear_error_and_leaves_nothing(
    name: str, says: str, dumps: Path, copying: Copying
) -> None:
    before = databases(copying.place.server)
    said = copying.refused(dumps / name)
    assert f"{dumps / name}: " in said
    assert says in said, said
    assert databases(copying.place.server) == before


@pytest.mark.slow
def test_a_server_that_has_nothing_of_the_system_can_be_restored_to(
    dumps: Path, place: StandIn, copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DSN, place.server.conninfo("postgres"))
    copied = copying(dumps / "custom", name="postgres")
    assert copied.rows("SELECT count(*) FROM shop.orders") == (50,)


def test_what_was_refused_once_is_not_read_again_for_every_scenario(
    tmp_path: Path, dumps: Path, copying: Copying
) -> None:
    put(tmp_path / "kept", dumps, one=("empty", 1))
    first = copying.refused(tmp_path / "kept" / "one")
    (tmp_path / "kept" / "one").write_bytes((dumps / "custom").read_bytes())
    with pytest.raises(EnvironmentUnavailable) as again:
        copying.templates()
    assert again.value.found in first


def test_a_backup_with_fewer_rows_is_used_and_says_how_many_and_what_was_left_out(
    place: StandIn, tmp_path: Path, copying: Copying
) -> None:
    place.run(
        f"CREATE DATABASE {OTHER} TEMPLATE {DATABASE}",
    )
    try:
        place.run(
            "DELETE FROM shop.orders WHERE id > 7", "CREATE TABLE shop.audit AS SELECT 1 AS a", database=OTHER
        )
        dump(place, tmp_path / "fewer", "-Fc", "--exclude-table-data=shop.audit", database=OTHER)
    finally:
        place.run(f"DROP DATABASE {OTHER}")
    copied = copying(tmp_path / "fewer")
    said: Any = copied.event.data
    assert copied.rows("SELECT count(*) FROM shop.orders") == (7,)
    assert (said["rows"], said["left_out"], said["count"]) == (9, ["shop.audit"], 1)


@pytest.fixture
def bucket(place: StandIn) -> Iterator[tuple[Any, str]]:
    assert place.aws is not None
    s3, name = clients_of(place.aws.url, place.aws.region).client("s3"), "kept-backups"
    s3.create_bucket(Bucket=name)
    yield s3, name
    for item in s3.list_objects_v2(Bucket=name).get("Contents", ()):
        s3.delete_object(Bucket=name, Key=item["Key"])
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize("form", ["packed", pytest.param("directory", marks=pytest.mark.slow)])
def test_the_newest_backup_in_s3_is_restored_and_its_copy_here_goes_away(
    form: str, dumps: Path, bucket: tuple[Any, str], copying: Copying
) -> None:
    s3, name = bucket
    s3.put_object(Bucket=name, Key="shop/a", Body=b"an older one")
    s3.put_object(Bucket=name, Key="others/z", Body=b"of another prefix")
    files = sorted((dumps / form).iterdir()) if (dumps / form).is_dir() else [dumps / form]
    for file in files:
        key = f"shop/0/{file.name}" if len(files) > 1 else "shop/0"
        s3.put_object(Bucket=name, Key=key, Body=file.read_bytes())
    copied = copying(f"s3://{name}/shop/", aws=True, backup_age="1h")
    assert copied.rows("SELECT count(*) FROM shop.orders") == (50,)
    assert copied.event.data["name"] == f"s3://{name}/shop/0"
    assert copying.session is not None
    scratch = copying.session.open(copied.templates.system).scratch
    assert not list(scratch.glob("backup-*"))


def test_a_prefix_without_a_backup_is_one_clear_error(bucket: tuple[Any, str], copying: Copying) -> None:
    assert "there is no backup" in copying.refused(f"s3://{bucket[1]}/none/", aws=True)
