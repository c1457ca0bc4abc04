"""Backups that others have taken: what a file is, which is the newest, whether a plain one stays in place."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.components.aws.clients import Aws
from rollproof.components.postgres.backups.content import CLUSTER_DUMP, Form, recognise
from rollproof.components.postgres.backups.fetch import expect_unchanged, fetch
from rollproof.components.postgres.backups.found import Found, newest_backup
from rollproof.components.postgres.backups.plain import COMPLETE, Look
from rollproof.environments.base import Backups
from rollproof.errors import EnvironmentUnavailable

NOW = datetime.now(UTC)
HEADER = b"--\n-- PostgreSQL database dump\n--\n\n"
FOOTER = b"--\n" + COMPLETE + b"\n--\n\n"


def archive(*names: str) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return body.getvalue()


@pytest.mark.parametrize(
    ("body", "form", "packed"),
    [
        (b"PGDMP\x01\x0f", Form.CUSTOM, False),
        (HEADER, Form.PLAIN, False),
        (archive("toc.dat", "restore.sql"), Form.TAR, False),
        (gzip.compress(HEADER), Form.PLAIN, True),
        (gzip.compress(b"PGDMP\x01"), Form.CUSTOM, True),
    ],
)
def test_a_backup_is_known_by_what_is_in_it(body: bytes, form: Form, packed: bool, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(body)
    content = recognise(tmp_path / "x.png", name="x", unpack_to=tmp_path / "unpacked")
    assert (content.form, content.packed) == (form, packed)


def test_a_folder_is_of_the_directory_format(tmp_path: Path) -> None:
    assert recognise(tmp_path, name="x", unpack_to=tmp_path / "unpacked").form is Form.DIRECTORY


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "it is empty"),
        (gzip.compress(b""), "it is empty"),
        (gzip.compress(HEADER * 99)[:-12], "it is cut off, or damaged"),
        (gzip.compress(HEADER * 99)[:-8] + b"12345678", "it is cut off, or damaged"),
        (b"Salted__" + b"\x01" * 500, "it is encrypted (openssl)"),
        (b"age-encryption.org/v1\n", "it is encrypted (age)"),
        (b"-----BEGIN PGP MESSAGE-----\n", "it is encrypted (OpenPGP)"),
        (b"\x85\x02\x0c\x03" + b"\x99" * 500, "it is encrypted (OpenPGP)"),
        (b"\x28\xb5\x2f\xfd" + b"\x99" * 500, "it is packed with zstd"),
        (b"PK\x03\x04rest", "it is a ZIP archive"),
        (gzip.compress(b"BZh9"), "it is packed with bzip2"),
        (archive("PG_VERSION", "base/1"), "such as a server's files"),
        (b"--\n" + CLUSTER_DUMP + b"\n", "it is of a whole server"),
        (b"-- MySQL dump 10.13\n", "it is nothing that pg_dump writes"),
        (b"\x01\x02noise", "it is nothing that pg_dump writes, or it is encrypted"),
        (b"\x00" * 2000, "it is nothing that pg_dump writes"),
    ],
)
def test_what_is_of_no_use_is_named(body: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "backup.dump").write_bytes(body)
    with pytest.raises(EnvironmentUnavailable) as caught:
        recognise(tmp_path / "backup.dump", name="the backup", unpack_to=tmp_path / "unpacked")
    assert says in caught.value.found
    assert caught.value.where == "the backup"
    assert caught.value.remedy


def no_aws() -> Aws:
    raise AssertionError("nothing in AWS was asked for")


def newest(where: Path | str, *, oldest: float | None = None) -> Found:
    return newest_backup(Backups(str(where), Path("/"), oldest), no_aws, now=NOW)


def put(folder: Path, **hours: float) -> None:
    """Files, so many hours old."""
    for name, old in hours.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        at = NOW.timestamp() - 3600 * old
        os.utime(path, (at, at))


def test_the_newest_is_chosen_by_time_among_files_and_folders(tmp_path: Path) -> None:
    put(tmp_path, **{"a": 5, "z": 9, "b.sha256": 1, ".hidden": 1, "c/toc.dat": 3, "c/1.dat.gz": 2, "d/e": 1})
    found = newest(tmp_path)
    assert (found.name, found.bytes) == (str(tmp_path / "c"), 2)
    assert found.age(NOW) == pytest.approx(3 * 3600, abs=1)
    assert newest(tmp_path / "?").name == str(tmp_path / "c")
    assert newest(tmp_path / "[ab]").name == str(tmp_path / "a")
    assert newest(tmp_path / "c").name == str(tmp_path / "c")
    assert newest(tmp_path / "z").name == str(tmp_path / "z")


def test_a_path_is_relative_to_the_system_file(tmp_path: Path) -> None:
    put(tmp_path, **{"kept/a": 5})
    assert newest_backup(Backups("kept/*", tmp_path), no_aws, now=NOW).name == str(tmp_path / "kept" / "a")


def test_no_backup_and_one_that_is_too_old_are_refused(tmp_path: Path) -> None:
    put(tmp_path, old=5)
    assert newest(tmp_path, oldest=5.1 * 3600).name.endswith("old")
    with pytest.raises(EnvironmentUnavailable, match=r"is 5 h old, and 4 h"):
        newest(tmp_path, oldest=4 * 3600)
    for nothing in (tmp_path / "none", tmp_path / "*.dump"):
        with pytest.raises(EnvironmentUnavailable, match="there is no backup"):
            newest(nothing)


def test_one_from_the_future_is_not_negative_in_age() -> None:
    assert Found("x", NOW + timedelta(hours=1), 0).age(NOW) == 0


def test_a_backup_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path, one=1)
    fetched = fetch(newest(tmp_path), folder=tmp_path, aws=no_aws)
    expect_unchanged(fetched)
    (tmp_path / "one").write_bytes(b"xx")
    with pytest.raises(EnvironmentUnavailable, match="written to while it was read"):
        expect_unchanged(fetched)


def look(body: bytes) -> Look:
    return Look().read((HEADER + body + FOOTER).splitlines(keepends=True))


STAYS = [
    b"COPY public.a (x) FROM stdin;\n\\connect other\nDROP DATABASE other;\n\\.\n",
    b"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT '\n\\connect x\n'; COMMIT; $_$;\n",
    b"INSERT INTO public.a VALUES ('it''s\n\\! rm\nDROP DATABASE x;');\n",
    b"INSERT INTO public.a VALUES (E'a\\'\n\\! rm\n');\n",
    b'CREATE TABLE public."a;DROP DATABASE x;" (i int);\n',
    b"/* a /* nested \\connect x */ ; DROP ROLE x; */ SELECT 1;\n",
    b"-- \\connect x\n-- DROP DATABASE x;\n",
    b"INSERT INTO a.b VALUES (-1, 'DROP DATABASE x;', NULL);\n" * 3,
    b"\\restrict abc\n\\unrestrict abc\n",
    b"CREATE USER MAPPING FOR u SERVER s;\n",
    b"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2;\nEND;\n",
    b"CREATE RULE r AS ON INSERT TO a DO ALSO ( DELETE FROM b; INSERT INTO public.c VALUES (1); );\n",
    b"ALTER DEFAULT PRIVILEGES FOR ROLE u GRANT SELECT ON TABLES TO v;\n",
    b"SELECT a$b FROM c$d;\n",
    b"COMMENT ON COLUMN a.b IS 'ON DATABASE';\n",
    b"",
]


@pytest.mark.parametrize("body", STAYS)
def test_a_dump_that_stays_where_it_is_put_is_let_through(body: bytes) -> None:
    found = look(body)
    assert found.stray == ""
    assert found.whole


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\\connect other\n", "\\connect"),
        (b"SELECT 1; \\c other\n", "\\c"),
        (b"SELECT 'x' \\gexec\n", "\\gexec"),
        (b"\\! touch x\n", "\\!"),
        (b"\\.\n", "\\."),
        (b"CREATE DATABASE other;\n", "CREATE DATABASE"),
        (b"drop\n  database other;\n", "drop database"),
        (b"ALTER DATABASE other SET a = b;\n", "ALTER DATABASE"),
        (b"GRANT CONNECT ON DATABASE other TO u;\n", "GRANT CONNECT"),
        (b"CREATE ROLE u;\n", "CREATE ROLE"),
        (b"ALTER SYSTEM SET a = b;\n", "ALTER SYSTEM"),
        (b"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p;\n", "CREATE SUBSCRIPTION"),
        (b"SELECT 1;COMMIT;\n", "COMMIT"),
        (b"INSERT INTO a.b VALUES (-1, 'x''y'); DROP DATABASE x;\n", "DROP DATABASE"),
        (b"INSERT INTO a.b VALUES (1) -- ';\n;DROP DATABASE x;\n", "DROP DATABASE"),
        (b"INSERT INTO a.b VALUES (1) /* ';\n*/;DROP DATABASE x;\n", "DROP DATABASE"),
        (b"INSERT INTO a.b VALUES ('a') \\gexec\n", "\\gexec"),
        (b"COPY public.a FROM PROGRAM 'sh';\n", "a file of the server"),
        (b"COPY public.a TO '/etc/x';\n", "a file of the server"),
        (b"SELECT 'a\\'; DROP DATABASE x; --'\n;\n", "DROP DATABASE"),
        (b"SET standard_conforming_strings = off;\nSELECT 'a\\';'; DROP ROLE x;\n", "DROP ROLE"),
        (b"COPY public.a (x) FROM stdin;\n1\n\\.\nDROP ROLE x;\n", "DROP ROLE"),
    ],
)
def test_a_dump_that_would_reach_elsewhere_is_seen_with_its_line(body: bytes, says: str) -> None:
    found = look(body)
    assert says in found.stray
    assert found.stray.startswith(f"line {found.lines} ")


@pytest.mark.parametrize("body", [b"COPY public.a (x) FROM stdin;\n1\n", b"SELECT '", b"SELECT 1", b"/*"])
def test_a_dump_that_ends_in_the_midst_of_something_is_not_whole(body: bytes) -> None:
    assert not look(body).whole


@given(st.integers(min_value=0))
def test_a_dump_that_is_cut_off_anywhere_is_never_taken_for_a_whole_one(at: int) -> None:
    body = HEADER + b"".join(STAYS) + b"--\n" + COMPLETE
    cut = body[: at % len(body)]
    found = Look().read(cut.splitlines(keepends=True))
    assert not found.whole


def test_tables_with_rows_are_told_from_those_without() -> None:
    found = look(b'COPY public."My A" (x) FROM stdin;\n\\.\nINSERT INTO shop.b VALUES (1);\n')
    assert found.copied == {b'public."My A"'}
    assert found.inserted == {b"shop.b"}
