"""What kind a migration is: as its text says, or else as it turns out when it runs on the seed's rows."""

from __future__ import annotations

from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.templates import Templates
from rollproof.fingerprint import compare, compare_rows, snapshot, take_fingerprint
from rollproof.migrations.classification import Kind
from rollproof.migrations.kinds import validate
from rollproof.migrations.model import Migration
from rollproof.migrations.observed import observed_kind


def kind_of(templates: Templates, migration: Migration) -> Kind:
    """The kind by its text; what is undecided from the text (code, dynamic SQL) is run once and looked at.

    Raises:
        MigrationError: its script cannot be parsed, so nobody knows its kind.
        AttemptFailed: it cannot be run.
    """
    said = templates.history.classification(migration).kind
    if said is not Kind.UNDECIDED:
        return said
    if migration.stated is None:
        validate(migration.up)
    if migration.id not in templates.seen_kinds:
        templates.seen_kinds[migration.id] = _observed(templates, migration)
    return templates.seen_kinds[migration.id]


def _observed(templates: Templates, migration: Migration) -> Kind:
    """From the templates of the release before it and of its own, which drills of it need as well."""
    before, after = (templates.at(templates.history.position(migration) + step) for step in (0, 1))
    with connected(templates.server, before, autocommit=False) as conn:
        older = take_fingerprint(conn)
    with (
        connected(templates.server, after, autocommit=False) as conn,
        snapshot(conn, doing=f"looking at what {migration.id} does"),
    ):
        newer = take_fingerprint(conn)
        changes = compare_rows(
            conn,
            templates.kept_of(before),
            digester=lambda text: str(hash(text)),
            now=templates.kept_of(after),
        )
    renamed = templates.history.classification(migration).renamed
    ledger = templates.history.ledger
    return observed_kind(compare(older, newer), changes, ledger=ledger, renamed=renamed).kind
