"""Finding a migration that was never applied, from three sources that must agree, and applying it."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.observers import observe
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed
from rollproof.fingerprint import compare, take_fingerprint
from rollproof.migrations.model import Migration
from rollproof.model.fingerprint import Fingerprint
from rollproof.model.json import Json, JsonObject


@dataclass(frozen=True)
class Diagnose(Act):
    """Compares ledger, files and schema, each on its own, for what the release expects."""

    name = "diagnose"

    def run(self, drill: Drill) -> JsonObject:
        sources = diagnose(drill)
        named = sorted({str(name) for names in sources.values() for name in names})
        cause = f"not applied: {', '.join(named)}" if named else "no migration is missing"
        drill.incident("detected", cause=cause)
        drill.incident("decided", decision="apply what is missing" if named else "look elsewhere")
        listed: dict[str, Json] = {source: list(names) for source, names in sources.items()}
        return {"sources": listed, "cause": cause}


def diagnose(drill: Drill) -> dict[str, list[str]]:
    """Which migrations each source says are missing.

    `ledger`: expected by the release, not listed. `files`: there as a file up to the newest
    expected one, not listed. `schema`: the facts that a database built from the files has and this
    one has not, each traced to the migration that brings it; the ledger is not asked.
    """
    bench = drill.use(Bench)
    listed = set(bench.ledger())
    upto = _upto(bench)
    return {
        "ledger": [name for name in bench.expected if name not in listed],
        "files": [migration.id for migration in upto if migration.id not in listed],
        "schema": _missing_by_schema(bench, upto),
    }


def _upto(bench: Bench) -> list[Migration]:
    migrations = bench.templates.history.migrations
    last = max((at for at, item in enumerate(migrations) if item.id in bench.expected), default=-1)
    return list(migrations[: last + 1])


def _missing_by_schema(bench: Bench, upto: list[Migration]) -> list[str]:
    reference = _fingerprint(bench, bench.templates.at(len(upto)))
    missing = {
        d.kind + d.name for d in compare(reference, _fingerprint(bench, bench.name)) if d.after is None
    }
    guilty: list[str] = []
    for position in range(len(upto), 0, -1):
        if not missing:
            break
        before = _fingerprint(bench, bench.templates.at(position - 1))
        brought = {d.kind + d.name for d in compare(before, reference) if d.before is None}
        if missing & brought:
            guilty.insert(0, upto[position - 1].id)
            missing -= brought
        reference = before
    return guilty


def _fingerprint(bench: Bench, database: str) -> Fingerprint:
    with connected(bench.server, database, autocommit=False) as conn:
        return take_fingerprint(conn)


@dataclass(frozen=True)
class ApplyMissing(Act):
    """Applies what the diagnosis found missing, in order."""

    name = "migration.apply"

    def describe(self, drill: Drill) -> JsonObject:
        return {"migration": drill.use(Bench).migration.id, "cause": "the diagnosis"}

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        observe(drill, "before")
        missing = diagnose(drill)["ledger"]
        if not missing:
            raise AttemptFailed(
                "the ledger lists everything that the release expects", doing="applying what is missing"
            )
        seconds = sum(
            bench.templates.apply(bench.name, bench.templates.history.named(name)) for name in missing
        )
        drill.incident("executed")
        return {"migrations": missing, "seconds": seconds}


@observer("diagnosis")
def look_again(drill: Drill) -> None:
    """The same diagnosis once more, after the remedy."""
    listed: dict[str, Json] = {source: list(names) for source, names in diagnose(drill).items()}
    with drill.recorder.acting(Diagnose.name, {}) as said:
        said["sources"] = listed
