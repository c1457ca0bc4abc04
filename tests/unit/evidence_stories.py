"""The scenarios of the sample run: one for each outcome, and one that a kill ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evidence_sample import Sample, telling

from rollproof.journal import Kind
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown


def additive(sample: Sample) -> None:
    """Proven: a fault, a rollback by the down script under traffic, everything as before."""
    story = sample.scenario("An additive migration is rolled back by its down script", line=9)
    start_ns = sample.clock.ns
    with story.step("Given the system runs its current release"):
        story.act("database.clone", {"database": "drill_1", "undo": {"kind": "postgres.database"}}, 0.061)
        story.act("service.start", {"component": "api"}, 0.42)
    with story.step("Given a backup of the database that restores to an identical copy"):
        story.act(
            "backup.take",
            {"file": "backup/before.dump", "command": ["pg_dump", "-F", "c", "-f", "before.dump", "drill_1"]},
            0.24,
            {"bytes": 3_142_000},
        )
        story.act("backup.rehearse", {"file": "backup/before.dump"}, 0.33, {"rows": 48_211, "tables": 19})
    with story.step("When the newest additive migration is rolled back"):
        story.mark("fault", 0.02, cause="014_add_lead_scores.sql breaks GET /leads")
        fault_at = (sample.clock.ns - start_ns) / 1e9
        story.mark("detected", 0.18)
        story.mark("decided", 0.05)
        story.act(
            "migration.roll_back",
            {
                "migration": "014_add_lead_scores.sql",
                "file": "database/migrations/015_rollback_014.sql",
                "command": [
                    "psql",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-1",
                    "-f",
                    "database/migrations/015_rollback_014.sql",
                ],
            },
            0.31,
        )
        story.mark("executed", 0.003)
        story.act("service.verify", {"component": "api"}, 0.12, {"status": 200})
        story.mark("verified", 0.001)
    back_at = (sample.clock.ns - start_ns) / 1e9
    story.compare([], [RowChanges("nigredo_leads.leads", added=212, added_keys=("id=48001", "id=48002"))])
    sample.clock.tell(0.2)
    story.traffic(start_ns, broken_from=fault_at, broken_until=back_at - 0.1)
    verdicts: list[tuple[str, str, str, Verdict]] = [
        (
            "Then the schema is what it was before that migration",
            "schema-restored",
            "the schema is what it was",
            proven("the schema: as it was before the migration", facts=412, differences=0),
        ),
        (
            "Then every row from before that migration is unchanged",
            "rows-unchanged",
            "every row from before is unchanged",
            proven("48,211 rows of 19 tables are what they were", rows=48_211, tables=19),
        ),
        (
            "Then no acknowledged write is lost",
            "no-acknowledged-write-lost",
            "no acknowledged write is lost",
            proven("212 acknowledged writes were all found", acknowledged=212, lost=0, rpo_seconds=0.0),
        ),
        (
            "Then the service is back within its recovery time objective",
            "within-rto",
            "served within the recovery time objective",
            proven("served again after 664 ms", rto_seconds=0.664, objective_seconds=5.0),
        ),
    ]
    for text, check, title, verdict in verdicts:
        with story.step(text):
            story.verify(check, title, verdict)
    story.tick(
        "before.backup", "A full backup exists and was restored on trial", Outcome.PROVEN, "backup-restores"
    )
    story.tick("before.cause", "The cause is known and written down", Outcome.PROVEN, user="A. Souza")
    story.tick("during.order", "The steps ran in the planned order", Outcome.PROVEN, "procedure-in-order")
    story.tick("after.rows", "No data was lost", Outcome.PROVEN, "rows-unchanged")
    story.tick("after.smoke", "The smoke tests pass", Outcome.PROVEN, "within-rto")
    story.act("heal", {"name": "database.clone", "kind": "postgres.database"}, 0.05)
    story.conclude(Outcome.PROVEN, "4 checks, all proven")


def destructive(sample: Sample) -> None:
    """Refuted: the down script brings the column back without its values, and forgets an index."""
    story = sample.scenario("A migration that dropped a column is rolled back by its down script", line=41)
    start_ns = sample.clock.ns
    with story.step("Given the system runs its current release"):
        story.act("database.clone", {"database": "drill_2"}, 0.058)
    with story.step("When the newest destructive migration is rolled back"):
        story.mark("fault", 0.05, cause="012_drop_lead_phone.sql drops a column that is in use")
        story.mark("detected", 0.42)
        story.mark("decided", 0.3)
        story.act(
            "migration.roll_back",
            {"migration": "012_drop_lead_phone.sql", "file": "database/migrations/013_rollback_012.sql"},
            0.09,
            {
                "found": 'relation "leads_phone_idx" does not exist',
                "facts": {"sqlstate": "42P01", "position": 211},
            },
            ends=Kind.FAIL,
        )
        story.act("migration.roll_back", {"migration": "012_drop_lead_phone.sql", "attempts": 2}, 0.11)
        story.mark("executed", 0.004)
        story.mark("verified", 6.1)
    lost = RowChanges(
        "nigredo_leads.leads",
        lost=3,
        changed=11_204,
        added=40,
        lost_keys=("id=42", "id=77", "#1f3a9c0d"),
        changed_keys=tuple(f"id={number}" for number in range(1, 1001)),
        added_keys=("id=48003",),
        lost_columns={"phone": 11_204, "phone_verified_at": 8_330},
    )
    gone = RowChanges("nigredo_leads.lead_phones_history", lost=902, missing_table=True)
    story.compare(
        [
            Difference("index", "nigredo_leads.leads_phone_idx", None, {"unique": False}, None),
            Difference("index", "nigredo_leads.leads_email_key", "unique", True, False),
            Difference(
                "grant", "app_user on nigredo_leads.leads", "privileges", ["SELECT", "INSERT"], ["SELECT"]
            ),
            Difference(
                "column", "nigredo_leads.leads.phone", "position", 6, 14, DifferenceClass.COLUMN_ORDER
            ),
            Difference(
                "sequence",
                "nigredo_leads.leads_id_seq",
                "last_value",
                48_211,
                48_251,
                DifferenceClass.SEQUENCE_STATE,
            ),
        ],
        [lost, gone],
    )
    story.traffic(start_ns, broken_from=0.12, broken_until=6.9)
    with story.step("Then the schema is what it was before that migration", ends=Kind.FAIL, found="refuted"):
        story.verify(
            "schema-restored",
            "the schema is what it was",
            refuted(
                "the schema: 2 differences, such as index nigredo_leads.leads_phone_idx: missing after",
                "index nigredo_leads.leads_phone_idx: missing after",
                "index nigredo_leads.leads_email_key: unique yes before, no after",
                differences=2,
                facts=412,
            ),
        )
    with story.step(
        "Then every row from before that migration is unchanged", ends=Kind.FAIL, found="refuted"
    ):
        story.verify(
            "rows-unchanged",
            "every row from before is unchanged",
            refuted(
                "rows of 2 tables are not what they were",
                "nigredo_leads.leads: 3 rows lost (id=42, id=77, …), column phone: 11,204 values lost",
                "nigredo_leads.lead_phones_history: the table is gone, with 902 rows",
                rows_lost=905,
                rows_changed=11_204,
                values_lost=19_534,
            ),
        )
    story.verify(
        "within-rto",
        "served within the recovery time objective",
        refuted("served again after 7 s, the objective is 5 s", rto_seconds=7.024, objective_seconds=5.0),
    )
    story.tick(
        "before.backup", "A full backup exists and was restored on trial", Outcome.UNKNOWN, "backup-restores"
    )
    story.tick("after.rows", "No data was lost", Outcome.REFUTED, "rows-unchanged")
    story.conclude(
        Outcome.REFUTED,
        "the schema: 2 differences, such as index nigredo_leads.leads_phone_idx: missing after; "
        "rows of 2 tables are not what they were; served again after 7 s, the objective is 5 s",
    )


def unsure(sample: Sample) -> None:
    """Unknown: the traffic recorded nothing, so nothing can be said of it."""
    story = sample.scenario("A data migration is restored from the backup", line=24)
    with story.step("Given the system runs its current release"):
        story.act("database.clone", {"database": "drill_3"}, 0.06)
    with story.step("When the backup is restored"):
        story.mark("fault", 0.05, cause="011_normalise_emails.sql rewrites rows in place")
        story.mark("detected", 0.2)
        story.act("writes.revoke", {"role": "app_user"}, 0.01)
        story.act(
            "backup.restore",
            {
                "file": "backup/before.dump",
                "command": ["pg_restore", "--clean", "-d", "drill_3", "before.dump"],
            },
            1.4,
            {"found": "the connection was lost during COMMIT", "facts": {"indeterminate": 1}},
            ends=Kind.UNKNOWN,
        )
    with story.step("Then no acknowledged write is lost"):
        story.verify(
            "no-acknowledged-write-lost",
            "no acknowledged write is lost",
            unknown("nothing was recorded of clients' reads and writes"),
        )
    story.conclude(Outcome.UNKNOWN, "nothing was recorded of clients' reads and writes")


def skips(sample: Sample) -> None:
    """Not proven here, and not applicable."""
    story = sample.scenario("A credential that leaked is rotated back", line=77, tags=("secret",))
    story.conclude(
        Outcome.NOT_PROVEN_HERE,
        "the emulator accepts a deleted secret for 30 s longer than the experiment allows",
    )
    story = sample.scenario("A static site is rolled back to its last release", line=90, tags=("site",))
    story.conclude(Outcome.NOT_APPLICABLE, "alquimista declares no site")


def interrupted(sample: Sample) -> None:
    """A scenario that a kill ends in the middle of an act."""
    story = sample.scenario("The safe procedure is followed in its order", line=58)
    context = story.step("When the migration is applied")
    context.__enter__()
    story.recorder.begin("migration.apply", {"migration": "014_add_lead_scores.sql"})


Telling = Callable[[Path], Path]
"""Writes a run into a folder and returns the folder."""


def write_whole(folder: Path) -> Path:
    """A finished run with all five outcomes."""
    with telling(folder) as sample:
        sample.start()
        for tell in (additive, destructive, unsure, skips):
            tell(sample)
        sample.finish()
    return folder


def write_proven(folder: Path) -> Path:
    """A finished run in which everything is proven."""
    with telling(folder) as sample:
        sample.start()
        additive(sample)
        sample.finish(Outcome.PROVEN)
    return folder


def write_killed(folder: Path) -> Path:
    """A run that was killed in the middle of an act."""
    with telling(folder) as sample:
        sample.start()
        additive(sample)
        interrupted(sample)
    return folder
