"""What became of the rows that were kept: lost, changed and added ones, by primary key."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice

from psycopg import sql
from psycopg.rows import tuple_row

from rollproof.errors import PreconditionNotMet
from rollproof.fingerprint.kept import KeptRows, KeptTable, column_summary
from rollproof.fingerprint.listing import NULL, Layout, externally_sorted, read_listing
from rollproof.fingerprint.merging import Digester, Tally, merge_as_multisets, merge_by_key
from rollproof.fingerprint.rows import probe, read_digests, text_digest
from rollproof.fingerprint.snapshot import Connection, snapshot
from rollproof.fingerprint.tables import UserTable, read_tables
from rollproof.model.rows import KEYS_LISTED, RowChanges, RowDigest


def compare_rows(
    conn: Connection, kept: KeptRows, *, digester: Digester, now: KeptRows | None = None
) -> list[RowChanges]:
    """How the rows differ now from those that were kept; one entry for each table that does.

    All tables are digested again; only those whose digest is other are listed again and merged
    with what was kept, in memory that does not grow with the rows. Values are compared by their
    text: a column whose type is another but whose values read the same is unchanged. A column
    that was added since does not count; nor does a table, which the fingerprint tells. A table
    that was empty and is gone is not told here either.

    Where the key that was kept is no key any more (its columns gone, of another type, or no longer
    unique), rows are compared as those of a table without a key.

    Args:
        digester: what to show for a key that is no integer and no uuid, given a digest of it; HMAC
            with a key of the run's own, so that nobody can guess from a report whose row it is.
        now: what was kept in this very snapshot already: neither digested nor listed twice.

    Raises:
        PreconditionNotMet: the server hashes rows otherwise than the one they were kept from.
        BadInput: the kept rows are not whole.
        AttemptFailed, EnvironmentUnavailable: as `keep_rows`.
    """
    with snapshot(conn, doing="comparing the rows with those that were kept"):
        if probe(conn) != kept.probe:
            raise PreconditionNotMet(
                "this server writes or hashes rows otherwise than the one they were kept from",
                doing="comparing the rows with those that were kept",
                remedy="compare on the same machine, with the same encoding",
            )
        tables = {table.qualified: table for table in read_tables(conn)}
        found = [_missing(kept, table, digester) for table in kept.listings if table.rows.table not in tables]
        there = [table for table in kept.listings if table.rows.table in tables]
        found += _present(conn, kept, [(table, tables[table.rows.table]) for table in there], digester, now)
    return sorted((changes for changes in found if changes is not None), key=lambda changes: changes.table)


def _missing(kept: KeptRows, table: KeptTable, digester: Digester) -> RowChanges | None:
    if not table.rows.digest.rows:
        return None
    tally = Tally(table.rows.table, digester)
    for line in islice(kept.lines(table), KEYS_LISTED):
        tally.note("lost", line.split(b"\t"), table.layout)
    tally.counts["lost"] = table.rows.digest.rows
    return tally.changes(missing_table=True)


def _present(
    conn: Connection,
    kept: KeptRows,
    pairs: list[tuple[KeptTable, UserTable]],
    digester: Digester,
    known: KeptRows | None,
) -> Iterator[RowChanges | None]:
    taken = {(rows.table, rows.columns): rows.digest for rows in (known.tables if known else ())}
    whole = [pair for pair in pairs if set(pair[0].rows.columns) <= set(pair[1].columns)]
    as_kept = [replace(now, columns=old.rows.columns) for old, now in whole]
    digests = {t: taken[t.qualified, t.columns] for t in as_kept if (t.qualified, t.columns) in taken}
    digests |= dict(read_digests(conn, [table for table in as_kept if table not in digests]))
    for old, now in pairs:
        same_columns = replace(now, columns=old.rows.columns)
        if digests.get(same_columns) != old.rows.digest:
            comparison = _Comparison(conn, kept, old, now, digester)
            comparison.listed = known
            yield comparison.run(digests.get(same_columns))


def _signed(number: bytes) -> int:
    """A 64-bit number that was written in hexadecimal digits, as `to_hex` writes negative ones, too."""
    value = int(number, 16)
    return value - (value >> 63 << 64)


class _Comparison:
    """One table, listed again because its digest, or its columns, are other."""

    def __init__(
        self, conn: Connection, kept: KeptRows, old: KeptTable, now: UserTable, digester: Digester
    ) -> None:
        self.conn, self.kept, self.old, self.now = conn, kept, old, now
        self.tally = Tally(old.rows.table, digester)
        self.listed: KeptRows | None = None
        self.common = tuple(column for column in old.rows.columns if column in now.columns)
        self.gone = tuple(column for column in old.rows.columns if column not in now.columns)

    def run(self, digest: RowDigest | None) -> RowChanges | None:
        """`digest` is today's over all columns that were kept; None when some are gone."""
        if self._key_holds():
            self._by_key()
        else:
            self._without_key()
        changes = self.tally.changes()
        same = changes == RowChanges(changes.table)
        if same and digest is not None and self._text_digest() != text_digest(self.conn, self._as_kept()):
            return replace(changes, incomplete="the digests differ, and no row was found that does")
        return None if same else changes

    def _as_kept(self) -> UserTable:
        """Today's table with the columns that were kept."""
        return replace(self.now, columns=self.old.rows.columns)

    def _text_digest(self) -> RowDigest:
        """Of the kept rows: a column of another type, which the digest tells, may read the same in each."""
        layout = self.old.layout
        total = sum(_signed(layout.row(line.split(b"\t"))) for line in self.kept.lines(self.old))
        return RowDigest(self.old.rows.digest.rows, str(total))

    def _key_holds(self) -> bool:
        key = self.old.rows.key
        if not key or not set(key) <= set(self.now.columns):
            return False
        if self.now.kinds_of(key) != self.old.kinds:
            return False
        return set(key) == set(self.now.key) or self._is_unique(key)

    def _is_unique(self, key: tuple[str, ...]) -> bool:
        columns = sql.SQL(", ").join(map(sql.Identifier, key))
        query = sql.SQL("SELECT count(*) = count(DISTINCT ({})) AND count(*) = count({}) FROM {}").format(
            columns, sql.SQL(") AND count(*) = count(").join(map(sql.Identifier, key)), self.now.source()
        )
        row = self.conn.cursor(row_factory=tuple_row).execute(query).fetchone()
        return bool(row and row[0])

    def _by_key(self) -> None:
        columns = self.common if self.old.columns_listed else ()
        hashed = self.old.rows.columns if not self.gone else self.common
        layout = Layout(self.old.rows.key, self.old.kinds, hashed, columns)
        with closing(self._lines_now(layout)) as lines:
            merge_by_key(self.kept.lines(self.old), lines, (self.old.layout, layout), self.tally)
        if self.gone and not self.old.columns_listed:
            self._by_column_digests()

    def _lines_now(self, layout: Layout) -> Generator[bytes, None, None]:
        """Today's listing: the one that was made in this snapshot already, where it is of that layout."""
        for table in self.listed.listings if self.listed else ():
            if table.rows.table == self.now.qualified and table.file and table.layout == layout:
                assert self.listed is not None
                return self.listed.lines(table)
        return read_listing(self.conn, self.now, layout)

    def _by_column_digests(self) -> None:
        """The columns that are left, as wholes: their values are the same in each row, or they are not."""
        self.tally.columns.update({column: self.old.values[column] for column in self.gone})
        _, digests = column_summary(self.conn, self.now, self.common, self.old.rows.key)
        other = [column for column in self.common if digests[column] != self.old.column_digests[column]]
        if other:
            self.tally.incomplete = (
                f"values of {', '.join(other)} are other, in how many rows is not known:"
                " the table is too large for its columns to be listed, and one of them is gone"
            )
            rows_differ = self.tally.counts["lost"] or self.tally.counts["added"]
            self.tally.counts["changed"] = 0 if rows_differ else 1

    def _without_key(self) -> None:
        if self.gone and not self.old.columns_listed:
            self._by_count()
            return
        layout = Layout((), (), self.common, self.common if self.gone else ())
        old = self._extracts(self.kept.lines(self.old), self.old.layout)
        with closing(self._lines_now(layout)) as lines:
            new = self._extracts(lines, layout)
            merge_as_multisets(self._sorted(old, self.old.layout), self._sorted(new, layout), self.tally)
        self._count_gone_values()

    def _extracts(self, lines: Iterator[bytes], layout: Layout) -> Iterator[bytes]:
        """Of each line what is compared: the row's hash, or those of the columns that are left."""
        for line in lines:
            fields = line.split(b"\t")
            if not self.gone:
                yield layout.row(fields)
            else:
                hashes = layout.column_hashes(fields)
                yield b"\t".join(hashes[column] for column in self.common)

    def _sorted(self, lines: Iterator[bytes], layout: Layout) -> Iterator[bytes]:
        in_order = not self.gone and not layout.key
        return lines if in_order else externally_sorted(lines, self.kept.folder)

    def _count_gone_values(self) -> None:
        if not self.gone:
            return
        for line in self.kept.lines(self.old):
            hashes = self.old.layout.column_hashes(line.split(b"\t"))
            self.tally.columns.update(column for column in self.gone if hashes[column] != NULL)

    def _by_count(self) -> None:
        self.tally.columns.update({column: self.old.values[column] for column in self.gone})
        (_, digest), *_ = read_digests(self.conn, [self.now])
        difference = digest.rows - self.old.rows.digest.rows
        self.tally.counts.update(lost=max(-difference, 0), added=max(difference, 0))
        self.tally.incomplete = (
            "rows were only counted: the table has no key, is too large for its columns to be listed,"
            " and one of them is gone"
        )
