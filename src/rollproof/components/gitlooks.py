"""What a branch, the service that is deployed from it and its schema are after a revert."""

from __future__ import annotations

from pathlib import Path

from rollproof.components.asking import ask
from rollproof.components.git import Repository
from rollproof.components.pipeline import Pipeline
from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill, observer
from rollproof.errors import PreconditionNotMet
from rollproof.model.json import Json, JsonObject
from rollproof.model.system import System


@observer("reverted")
def look_at_branch(drill: Drill) -> None:
    """What the branch that is deployed holds now, beside what was to be taken back."""
    pipeline, begun = drill.use(Pipeline), _rollback(drill)
    head, commit, before = pipeline.head(), str(begun["item"]), str(begun["head"])
    origin = pipeline.origin
    rows = _compared(pipeline.work, (commit, str(begun["parts"])), origin, (before, head))
    pushed = [str(note.data["head"]) for note in drill.history.all("pipeline.ran")]
    good = str(begun["against"])
    between = origin.git("rev-list", f"{good}..{before}").split() if good else []
    others = [one for one in between if one != commit]
    drill.recorder.note(
        "branch.looked",
        {
            "head": head,
            "against": before,
            "item": commit,
            "differences": drill.recorder.journal.attachments.put(rows),
            "missing": [one for one in (before, *pushed) if not origin.is_ancestor(one, head)],
            "digest": origin.tree_of(head),
            "kept": origin.tree_of(good) if good and not others else "",
        },
    )


def _rollback(drill: Drill) -> JsonObject:
    """What the newest revert was about to do. Raises PreconditionNotMet: there was none."""
    found = [event.data for event in drill.history.all("commit.roll_back") if "parts" in event.data]
    if not found:
        raise PreconditionNotMet("no commit was taken back")
    return found[-1]


def _compared(
    work: Repository, undoing: tuple[str, str], origin: Repository, was_done: tuple[str, str]
) -> list[Json]:
    """For each path: how it would be with the commit taken back, and how it is.

    A file that nothing has touched since is compared as a whole, another by the lines that went and came.
    """
    wanted, done = work.difference(*undoing), origin.difference(*was_done)
    rows: list[Json] = []
    for path in sorted({*wanted, *done}):
        want, found = wanted.get(path), done.get(path)
        if want and found and want.before != found.before:
            expected = work.lines_changed(*undoing, path)
            is_there = origin.lines_changed(*was_done, path)
        else:
            expected, is_there = (want.after if want else ""), (found.after if found else "")
        rows.append({"path": path, "expected": expected, "found": is_there})
    return rows


@observer("served")
def look_at_service(drill: Drill) -> None:
    """What serves now: the tree that each process runs from, and what is answered; and what was before."""
    pipeline, begun = drill.use(Pipeline), _rollback(drill)
    folders = pipeline.deployer.folders(pipeline.checkouts)
    good = next((one.facts for one in pipeline.deployments if one.head == begun["against"]), {})
    bad = next((one.facts for one in pipeline.deployments if one.head == begun["head"]), {})
    put = drill.recorder.journal.attachments.put
    drill.recorder.note(
        "service.looked",
        {
            "versions": {name: tree_in(folder, drill.system) for name, folder in folders.items()},
            "digest": pipeline.origin.tree_of(pipeline.head()),
            "found": put(dict(ask(drill, pipeline.urls))),
            "kept": put(dict(good)),
            "against": put(dict(bad)),
        },
    )


def tree_in(folder: str, system: System) -> str:
    """The id of what a checkout holds; empty where that cannot be told.

    A build of the system's own may change files that were checked out; nothing else may.
    """
    if not folder:
        return ""
    checkout = Repository(Path(folder))
    if not checkout.changed():
        return checkout.tree_of("HEAD")
    deploy = system.deploy
    return "" if deploy.install or deploy.build or deploy.command else "changed since it was checked out"


@observer("schema-of-code")
def look_at_schema(drill: Drill) -> None:
    """Which migrations the code that serves was made with, and which of them the ledger lacks."""
    pipeline, bench = drill.use(Pipeline), drill.use(Bench)
    ledger = set(bench.ledger())
    needed = migrations_of(drill, Path(pipeline.current.release.path or ""))
    drill.recorder.note(
        "schema.looked",
        {
            "head": pipeline.current.head,
            "migrations": needed,
            "missing": [name for name in needed if name not in ledger],
            "count": len(ledger),
            "found": drill.recorder.journal.attachments.put(dict(ask(drill, pipeline.urls, rounds=1))),
        },
    )


def migrations_of(drill: Drill, folder: Path) -> list[Json]:
    """The migrations whose files a checkout holds, and files beside them that no known migration has."""
    bench = drill.use(Bench)
    root = (drill.system.root / bench.spec.migrations.path).resolve()
    known: dict[Path, str] = {}
    for migration in bench.templates.history.migrations:
        if migration.where.resolve().is_relative_to(root):
            known[migration.where.resolve().relative_to(root)] = migration.id
    for base in (folder, folder / bench.spec.migrations.path):
        there = [path for path in known if (base / path).exists()]
        if there:
            return [*(known[path] for path in there), *_strangers(base, there, set(known))]
    return []


def _strangers(base: Path, there: list[Path], known: set[Path]) -> list[str]:
    """Files beside migrations that are none of those known, where each has its way back in the same file."""
    places = {path.parent for path in there if path.suffix == ".py"}
    files = {file.relative_to(base) for place in places for file in (base / place).glob("[!_]*.py")}
    return sorted(path.as_posix() for path in files - known)
