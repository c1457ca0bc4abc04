"""Rows kept for a later comparison: digests, and listings of hashes, in a folder of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.rows import tuple_row

from rollproof.errors import BadInput, EnvironmentUnavailable, PreconditionNotMet
from rollproof.fingerprint.listing import Layout, write_listing
from rollproof.fingerprint.rows import probe, read_digests, row_hash, table_rows
from rollproof.fingerprint.snapshot import Connection, snapshot
from rollproof.fingerprint.tables import KeyKind, UserTable, read_tables
from rollproof.model.rows import TableRows

CELLS_LISTED = 50_000_000
"""Rows times columns up to which each column's hash is kept for each row: 850 MB of disk at most."""
_MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class KeptTable:
    """What is kept of one table.

    Attributes:
        rows: its columns, key and digest.
        kinds: how each key column is listed.
        file: its listing in the folder; empty when the table was.
        columns_listed: True when the listing holds each column's hash too.
        values: column -> number of values that are not null; only when columns are not listed.
        column_digests: column -> digest of its values with their rows' keys; only then, and with a key.
    """

    rows: TableRows
    kinds: tuple[KeyKind, ...] = ()
    file: str = ""
    columns_listed: bool = True
    values: Mapping[str, int] = field(default_factory=dict)
    column_digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        columns = self.rows.columns if self.columns_listed else ()
        return Layout(self.rows.key, self.kinds, self.rows.columns, columns)

    def to_json(self) -> dict[str, Any]:
        return {
            **self.rows.to_json(),
            "kinds": [kind.value for kind in self.kinds],
            "file": self.file,
            "columns_listed": self.columns_listed,
            "values": dict(self.values),
            "column_digests": dict(self.column_digests),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KeptTable:
        return cls(
            TableRows.from_json(data),
            tuple(KeyKind(kind) for kind in data["kinds"]),
            data["file"],
            data["columns_listed"],
            data["values"],
            data["column_digests"],
        )


@dataclass(frozen=True)
class KeptRows:
    """All tables' rows at one moment, in a folder that another process may read later.

    Attributes:
        folder: where the listings are. It holds hashes, row counts and integer and uuid keys, and
            is readable by its owner alone; it goes away with the drill.
        listings: what is kept of each table.
        probe: how the server hashes a known row; digests compare only where it is the same.
    """

    folder: Path
    listings: tuple[KeptTable, ...]
    probe: str

    @property
    def tables(self) -> tuple[TableRows, ...]:
        """Columns, key and digest of each table."""
        return tuple(listing.rows for listing in self.listings)

    def lines(self, table: KeptTable) -> Generator[bytes, None, None]:
        """The lines of a table's listing. Raises BadInput when there are not as many as rows were kept."""
        count = 0
        if table.file:
            try:
                with (self.folder / table.file).open("rb") as file:
                    for count, line in enumerate(file, start=1):  # noqa: B007  asked for below
                        yield line.rstrip(b"\n")
            except OSError as error:
                raise _unreadable(self.folder / table.file, str(error)) from error
        if count != table.rows.digest.rows:
            found = f"it lists {count} rows, not the {table.rows.digest.rows} that were kept"
            raise _unreadable(self.folder / table.file, found)

    @classmethod
    def load(cls, folder: Path) -> KeptRows:
        """What an earlier `keep_rows` left in `folder`. Raises BadInput when it is not there or not whole."""
        path = folder / _MANIFEST
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != _FORMAT:
                raise _unreadable(path, f"its format is {data['format']}, not {_FORMAT}")
            return cls(folder, tuple(map(KeptTable.from_json, data["tables"])), data["probe"])
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise _unreadable(path, f"{type(error).__name__}: {error}") from error

    def save(self) -> None:
        """Writes the manifest, all at once and last: a folder without one is not whole."""
        data = {
            "format": _FORMAT,
            "probe": self.probe,
            "tables": [table.to_json() for table in self.listings],
        }
        part = self.folder / f"{_MANIFEST}.part"
        part.write_text(json.dumps(data, indent=1), encoding="utf-8")
        part.replace(self.folder / _MANIFEST)


def _unreadable(path: Path, found: str) -> BadInput:
    return BadInput(
        f"the kept rows cannot be read: {found}",
        where=str(path),
        doing="reading the rows that were kept",
        remedy="keep them anew; a run that was killed while it kept them leaves no whole folder",
    )


def keep_rows(
    conn: Connection, folder: Path, *, like: Sequence[KeptRows] = (), cells_listed: int = CELLS_LISTED
) -> KeptRows:
    """Digests and listings of all tables, from one snapshot, into an empty or new folder.

    Disk: for each row 17 bytes, its key, and 17 bytes a column; memory does not grow with the rows.

    Args:
        like: rows kept before. A table whose columns, key and digest are those of one of them has
            the same rows, so its listing is shared instead of read again.
        cells_listed: rows times columns above which a table's listing goes without its columns'
            hashes. Lost, changed and added rows are then found all the same; but when a column of
            such a table is gone, a change in the others is found without being counted, and in
            a table without a key nothing can be said of them.

    Raises:
        PreconditionNotMet: the folder holds kept rows already, or as `snapshot`.
        EnvironmentUnavailable: the folder cannot be written (no space, no permission), or as `snapshot`.
        AttemptFailed: a table may not be read, or row-level security would hide some of its rows.
    """
    if (folder / _MANIFEST).exists():
        raise PreconditionNotMet("the folder holds kept rows already", where=str(folder))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with snapshot(conn, doing="keeping the rows"):
            known = probe(conn)
            alike = [earlier for earlier in like if earlier.probe == known]
            kept = KeptRows(folder, tuple(_keep_all(conn, folder, alike, cells_listed)), known)
        kept.save()
    except OSError as error:
        raise EnvironmentUnavailable(
            f"the folder for the kept rows cannot be written: {error.strerror}",
            where=str(folder),
            doing="keeping the rows",
            remedy="make room there, or choose another scratch folder",
        ) from error
    return kept


def _keep_all(
    conn: Connection, folder: Path, like: Sequence[KeptRows], cells_listed: int
) -> Iterator[KeptTable]:
    for number, (table, digest) in enumerate(read_digests(conn, read_tables(conn))):
        rows = table_rows(table, digest)
        listed = digest.rows * len(table.columns) <= cells_listed
        kept = KeptTable(rows, table.kinds_of(table.key), columns_listed=listed)
        if digest.rows:
            path = folder / f"{number:05}.rows"
            kept = _share(kept, like, path) or _keep(conn, table, kept, path)
        yield kept


def _share(wanted: KeptTable, like: Sequence[KeptRows], path: Path) -> KeptTable | None:
    """The same table as it was kept before, its listing under a second name; None when it was not."""
    for earlier in like:
        for table in earlier.listings:
            same = (table.rows, table.kinds, table.columns_listed)
            if table.file and same == (wanted.rows, wanted.kinds, wanted.columns_listed):
                _link(earlier.folder / table.file, path)
                return replace(table, file=path.name)
    return None


def _link(source: Path, path: Path) -> None:
    try:
        path.hardlink_to(source)
    except OSError:  # a file system without links
        shutil.copy2(source, path)


def _keep(conn: Connection, table: UserTable, kept: KeptTable, path: Path) -> KeptTable:
    with path.open("wb") as file:
        write_listing(conn, table, kept.layout, file)
    path.chmod(0o600)
    values, digests = ({}, {}) if kept.columns_listed else column_summary(conn, table, table.columns)
    return KeptTable(kept.rows, kept.kinds, path.name, kept.columns_listed, values, digests)


def column_summary(
    conn: Connection, table: UserTable, columns: tuple[str, ...], key: tuple[str, ...] | None = None
) -> tuple[dict[str, int], dict[str, str]]:
    """Of each column: how many values are not null, and a digest of the values with their rows' keys."""
    key = table.key if key is None else key
    fields = [
        sql.SQL("count({}), coalesce(sum({}), 0)::text").format(
            sql.Identifier(column), row_hash([*key, column])
        )
        for column in columns
    ]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(fields), table.source())
    row = conn.cursor(row_factory=tuple_row).execute(query).fetchone() or ()
    return dict(zip(columns, row[::2], strict=True)), dict(zip(columns, row[1::2], strict=True))
