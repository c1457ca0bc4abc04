"""Writing the rollback script that nobody has written, from what a migration has changed in the catalog.

It can be written where the migration has only added: then what it added can go. What it has thrown away
cannot come back, and what PostgreSQL has no statement for is not tried: both are refused by name. A draft
is worth something only once it was run; `draft_prove` does that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from rollproof.errors import MigrationError
from rollproof.fingerprint import compare
from rollproof.migrations.draft_change import LosesDataError, change_back, view_anew
from rollproof.migrations.draft_drop import UNTOLD, drop, mentions_of
from rollproof.migrations.draft_grants import regrant
from rollproof.migrations.draft_model import Draft, Undoing
from rollproof.migrations.draft_order import Arranged, arrange
from rollproof.migrations.draft_restore import make
from rollproof.model.fingerprint import DifferenceClass, Fact, Fingerprint
from rollproof.model.rows import RowChanges

__all__ = ["Draft", "draft_down"]

_HOLD_DATA = frozenset({"table", "foreign table", "column", "sequence", "materialized view", "large objects"})
_BY_THEMSELVES = frozenset({"schema", "foreign data wrapper", "server", "operator family"})
"""kinds that refuse to be dropped while something that belongs to them is there"""
_ALWAYS_ALONG = frozenset({"grant", "comment", "security label", "default privilege"})
Facts = Mapping[tuple[str, str], Fact]


def draft_down(
    before: Fingerprint,
    after: Fingerprint,
    *,
    rows: Sequence[RowChanges] = (),
    ignore: Collection[str] = (),
    last: Sequence[str] = (),
    what: str = "the migration",
) -> Draft:
    """The script that makes `before` of `after`, not yet proven.

    Args:
        rows: how the rows of tables that were there before are other after it.
        ignore: qualified names of relations that are the tool's own affair.
        last: statements that belong at its end, such as one that strikes it off a ledger.
        what: the migration's name, for errors.

    Raises:
        MigrationError: it has thrown data away, or did something that there is no statement to undo.
    """
    writer = _Writer(before.facts, after.facts, frozenset(ignore))
    writer.write()
    for change in rows:
        if change.table not in ignore:
            writer.rows(change)
    _refuse(what, writer.lost, writer.unknown)
    arranged = writer.arranged()
    statements = [sql for undoing in arranged.undoings for sql in undoing.sql]
    warnings = [undoing.warning for undoing in arranged.undoings if undoing.warning]
    return Draft((*statements, *last), tuple(dict.fromkeys(warnings)))


def _refuse(what: str, lost: Sequence[str], unknown: Sequence[str]) -> None:
    if lost:
        raise MigrationError(
            f"{what} cannot be rolled back without losing what was there before: {'; '.join(lost)}",
            doing="drafting a rollback script",
            remedy="keep what it throws away, by renaming it or by a copy beside, or restore a backup",
        )
    if unknown:
        raise MigrationError(
            f"nobody here knows how to undo: {'; '.join(unknown)}",
            doing="drafting a rollback script",
            remedy="write the script by hand; `rollproof migrations verify` proves it",
        )


class _Writer:
    """Collects what has to be undone."""

    def __init__(self, before: Facts, after: Facts, ignore: frozenset[str]) -> None:
        self.old = {key: fact for key, fact in before.items() if not _is_in(fact, before, ignore)}
        self.new = {key: fact for key, fact in after.items() if not _is_in(fact, after, ignore)}
        self.undoings: list[Undoing] = []
        self.lost: list[str] = []
        self.unknown: list[str] = []
        self.anew: set[tuple[str, str]] = set()

    def write(self) -> None:
        self._changed()
        for key in sorted(self.new.keys() - self.old.keys()):
            self._added(self.new[key])
        for key in sorted(self.old.keys() - self.new.keys()):
            self._missing(self.old[key])

    def rows(self, change: RowChanges) -> None:
        """Rows that it has changed cannot be told from those that were changed since."""
        lost = change.lost + change.changed + sum(change.lost_columns.values())
        if change.loses and not change.missing_table:
            self.lost.append(f"rows of {change.table} are other than they were ({lost} of them)")
        elif change.added or change.incomplete:
            what = f"{change.added} rows were added to" if change.added else "nobody can tell the rows of"
            self.unknown.append(f"{what} {change.table}")

    def arranged(self) -> Arranged:
        """Tables whose foreign keys refer to each other in a circle lose the keys first."""
        arranged = arrange(self.undoings)
        keys = [fact for fact in self._keys() if fact.parent in {f"table {name}" for name in arranged.circle}]
        if not keys:
            return arranged
        loose = [undoing for fact in keys if (undoing := drop(fact))]
        texts = [str(fact.attributes.get("definition")) for fact in keys]
        return arrange([*loose, *(_without(undoing, texts) for undoing in self.undoings)])

    def _keys(self) -> Iterator[Fact]:
        for key in self.new.keys() - self.old.keys():
            fact = self.new[key]
            if fact.kind == "constraint" and fact.attributes.get("type") == "foreign key":
                yield fact

    def _added(self, fact: Fact) -> None:
        parent = _parent(fact, self.new)
        along = parent and parent not in self.old and _carries(parent, fact)
        if fact.kind in UNTOLD or along or self._goes_with_not_null(fact):
            return
        undoing = drop(fact)
        if fact.kind == "grant" and parent:
            undoing = regrant(
                fact, fact.attributes, {}, owner=str(self.new[parent].attributes.get("owner", ""))
            )
        if undoing is None:
            self.unknown.append(f"{fact.kind} {fact.name} was added")
        elif undoing.sql:
            self.undoings.append(replace(undoing, mentions=self._all_mentions(fact, undoing)))

    def _goes_with_not_null(self, fact: Fact) -> bool:
        """From PostgreSQL 18 on a column's NOT NULL is a constraint as well."""
        return fact.kind == "constraint" and fact.attributes.get("type") == "not null"

    def _all_mentions(self, fact: Fact, undoing: Undoing) -> str:
        """Its own and those of all that goes along with it."""
        found = [undoing.mentions]
        wanted = {fact.key}
        for other in self.new.values():
            parent = _parent(other, self.new)
            if parent in wanted and _carries(parent, other) and other.kind not in ("grant", "comment"):
                wanted.add(other.key)
                found.append(mentions_of(other))
        return " ".join(found)

    def _missing(self, fact: Fact) -> None:
        parent = _parent(fact, self.old)
        gone_with = parent and parent not in self.new
        if fact.kind in UNTOLD or parent in self.anew or self._goes_with_not_null(fact):
            return
        view_column = fact.kind == "column" and parent and parent[0] in ("view", "materialized view")
        if fact.kind in _HOLD_DATA and not view_column:
            if not gone_with:
                self.lost.append(f"{fact.kind} {fact.name} was dropped")
            return
        if view_column or (fact.kind == "grant" and fact.name.endswith(" to its owner") and gone_with):
            return
        undoing = make(fact)
        if undoing is None:
            self.unknown.append(f"{fact.kind} {fact.name} was dropped")
        else:
            self.undoings.append(undoing)

    def _changed(self) -> None:
        same = [key for key in self.old.keys() & self.new.keys() if key[0] not in UNTOLD]
        differing = [key for key in same if self.old[key] != self.new[key]]
        old, new = (
            Fingerprint({key: facts[key] for key in sorted(differing)}) for facts in (self.old, self.new)
        )
        for difference in compare(old, new):
            if difference.attribute is not None and difference.klass is not DifferenceClass.SEQUENCE_STATE:
                self._change(old.facts[difference.kind, difference.name], difference.attribute)

    def _change(self, before: Fact, attribute: str) -> None:
        after = self.new[before.key]
        if before.kind == "view" and attribute == "definition" and self._columns_differ(before):
            undoing = view_anew(before)
        elif before.kind == "column" and _parent(before, self.old, "view"):
            return
        else:
            undoing = self._change_back(before, after, attribute)
        if undoing is None:
            self.unknown.append(f"{before.kind} {before.name}: {attribute} was changed")
            return
        if any(sql.startswith("DROP ") or " DROP CONSTRAINT " in sql for sql in undoing.sql):
            undoing = self._with_belongings(before, undoing)
        if undoing.sql and undoing.sql not in [other.sql for other in self.undoings]:
            self.undoings.append(undoing)

    def _change_back(self, before: Fact, after: Fact, attribute: str) -> Undoing | None:
        try:
            return change_back(before, after, attribute)
        except LosesDataError as error:
            self.lost.append(str(error))
            return Undoing((), 0)

    def _columns_differ(self, view: Fact) -> bool:
        parent = f"view {view.name}"
        old, new = (
            {(fact.name, fact.attributes.get("type")) for fact in facts.values() if fact.parent == parent}
            for facts in (self.old, self.new)
        )
        return old != new

    def _with_belongings(self, before: Fact, undoing: Undoing) -> Undoing:
        """What is made anew has lost its comment, its grants, its triggers and its rules."""
        self.anew.add(before.key)
        belongings = [
            made.sql
            for fact in self.old.values()
            if _parent(fact, self.old) == before.key
            and not fact.name.endswith(" to its owner")
            and (made := make(fact))
        ]
        return replace(undoing, sql=(*undoing.sql, *(sql for made in belongings for sql in made)))


def _carries(parent: tuple[str, str], fact: Fact) -> bool:
    """True when it goes away with what it belongs to."""
    return parent[0] not in _BY_THEMSELVES or fact.kind in _ALWAYS_ALONG


def _without(undoing: Undoing, texts: Sequence[str]) -> Undoing:
    mentions = undoing.mentions
    for text in texts:
        mentions = mentions.replace(text, "")
    return replace(undoing, mentions=mentions)


def _parent(fact: Fact, facts: Facts, kind: str = "") -> tuple[str, str] | None:
    """The key of what it belongs to, other than a schema or the database, where that is listed."""
    words = fact.parent.split(" ")
    for at in range(1, len(words)):
        key = " ".join(words[:at]), " ".join(words[at:])
        if key in facts and key[1]:
            return key if not kind or key[0] == kind else None
    return None


def _is_in(fact: Fact, facts: Facts, ignore: frozenset[str]) -> bool:
    """True for a relation to leave alone and for all that belongs to it."""
    at: Fact | None = fact
    while at is not None:
        if at.name in ignore:
            return True
        parent = _parent(at, facts)
        at = facts[parent] if parent else None
    return False
