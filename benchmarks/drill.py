"""Where the time of `pytest features/migration.feature` goes: `python -m benchmarks.drill`.

Runs it once in a process of its own and adds the journal's durations up by what was done. Writes
benchmarks/drill.md. Figures are shares of that one run; the machine is described beside them.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from rollproof.evidence import latest_run
from rollproof.journal import Event, History, Kind, read_journal

ROOT = Path(__file__).parents[1]
GROUPS = {
    "Postgres: start and stop": ("postgres.start", "postgres.stop", "environment.open", "environment.close"),
    "templates: migrate and load rows": ("template.build", "roles.create"),
    "clones": ("database.stage",),
    "services: start": ("service.start", "clients.start"),
    "SQL of migrations and rollbacks": ("migration.apply", "migration.roll_back", "rollback.rehearse"),
    "backups: dump": ("backup.take",),
    "backups: restore and compare": ("backup.verify",),
    "guard: read the backup through": ("rollback.guard",),
    "restore in place": ("backup.restore",),
    "verify the service": ("service.verify",),
    "walk of every migration": ("history.walk",),
    "apply again to a copy": ("migration.reapply",),
    "clients: let them work": (
        "clients.write",
        "maintenance.begin",
        "maintenance.end",
        "writes.revoke",
        "writes.grant",
    ),
    "diagnosis": ("diagnose", "loss.detect"),
    "undo": ("heal",),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "features/migration.feature",
        ]
        started = time.monotonic()
        done = subprocess.run(
            [*command, f"--reports={scratch}"], cwd=ROOT, check=False, capture_output=True, text=True
        )
        wall = time.monotonic() - started
        run = latest_run(Path(scratch))
        if run is None or done.returncode:
            sys.exit(f"the drill did not pass, so there is nothing to measure:\n{done.stdout[-3000:]}")
        table = render(read_journal(run / "journal.ndjson"), wall)
    (ROOT / "benchmarks" / "drill.md").write_text(table, encoding="utf-8")
    print(table)


def render(history: History, wall: float) -> str:
    """The table as Markdown."""
    spent = by_group(history)
    looked = {
        "fingerprints": observed(history, "fingerprint_seconds"),
        "rows: digests and listings": rows(history),
    }
    for inside, owner in (("fingerprints", "SQL of migrations and rollbacks"),):
        spent[owner] = max(spent[owner] - inside_acts(history), 0.0)
        spent[inside] = looked[inside]
    spent["rows: digests and listings"] = looked["rows: digests and listings"]
    spent["all else (pytest, waits, reports)"] = max(wall - sum(spent.values()), 0.0)
    lines = [f"| {name} | {seconds:.1f} | {seconds / wall:.0%} |" for name, seconds in _sorted(spent)]
    scenarios = len(history.all("scenario.concluded"))
    return "\n".join(
        [
            "# Where the time of the migration drill goes",
            "",
            f"`pytest features/migration.feature`, once: {wall:.1f} s for {scenarios} scenarios on "
            f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GB, {platform.system()} "
            f"{platform.machine()}, Python {platform.python_version()}, {_postgres(history)}.",
            "",
            "| what | seconds | share |",
            "|---|---:|---:|",
            *lines,
            "",
            "Taken from the journal of that run by `make bench`. What an act looks at is counted with the",
            "looking, not with the act.",
            "",
        ]
    )


def _sorted(spent: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(spent.items(), key=lambda item: -item[1])


def _postgres(history: History) -> str:
    opened = history.last("environment.opened")
    facts = opened.data.get("facts") if opened else None
    return f"Postgres {facts.get('postgres')}" if isinstance(facts, dict) else "Postgres"


def by_group(history: History) -> dict[str, float]:
    """Seconds by group, from begin to end of each act that lies in no other act of a group."""
    ends = {event.data["of"]: event for event in history.events if isinstance(event.data.get("of"), int)}
    spent: dict[str, float] = defaultdict(float)
    for name, acts in GROUPS.items():
        for act in acts:
            for begun in history.all(act, Kind.BEGIN):
                if (end := ends.get(begun.seq)) is not None:
                    spent[name] += _between(begun, end)
    spent["clones"] = max(spent["clones"] - spent["templates: migrate and load rows"], 0.0)
    return spent


def _between(begun: Event, end: Event) -> float:
    return (end.mono_ns - begun.mono_ns) / 1e9


def observed(history: History, number: str) -> float:
    """Seconds of all observations."""
    found = [event.data.get("numbers") for event in history.all("observe")]
    return sum(float(numbers[number]) for numbers in found if isinstance(numbers, dict))


def rows(history: History) -> float:
    """Seconds of keeping and comparing rows."""
    compared = [event.data.get("seconds") for event in history.all("observe.compare")]
    return observed(history, "rows_seconds") + sum(float(s) for s in compared if isinstance(s, int | float))


def inside_acts(history: History) -> float:
    """Seconds of looking that lie inside an apply."""
    total = 0.0
    for begun in history.all("migration.apply", Kind.BEGIN):
        closed = [event for event in history.events if event.data.get("of") == begun.seq]
        end = closed[0].seq if closed else 0
        inside = [event for event in history.events if begun.seq < event.seq < end]
        part = History(inside)
        total += observed(part, "fingerprint_seconds") + rows(part)
    return total


if __name__ == "__main__":
    main()
