"""Verdicts, speed and growth of whole histories; writes history.md and verdicts.md.

Each part's section is kept below --venvs, so that parts can be run one by one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.history import report
from benchmarks.history.capture import Capture
from benchmarks.history.corpora import Corpus, chosen
from benchmarks.history.growth import generate, grow
from benchmarks.history.machine import describe
from benchmarks.history.native import measure_native
from benchmarks.history.rivals import liquibase, pytest_alembic
from benchmarks.history.timing import measure
from benchmarks.history.truth import compare, read_truth
from benchmarks.history.verdicts import by_key, judge
from rollproof.environments.base import OpenEnvironment
from rollproof.walk.place import scratch_environment

ROOT = Path(__file__).parents[2]
PARTS = ("verdicts", "speed", "growth")


def main() -> None:
    options = _options()
    corpora = chosen(options.only)
    for corpus in corpora:
        corpus.install(options.venvs)
    (options.venvs / "results").mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[argparse.Namespace, tuple[Corpus, ...], OpenEnvironment], bool]]
    parts = {"verdicts": verdicts, "speed": speed, "growth": growth}
    well = True
    for name in options.parts or PARTS:
        with scratch_environment() as opened:
            well = parts[name](options, corpora, opened) and well
    _assemble(options.venvs / "results")
    sys.exit(0 if well else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all of them if left out")
    parser.add_argument("--truth", type=Path, help="folder with the reference's verdicts, one JSON file each")
    parser.add_argument("--venvs", type=Path, default=ROOT / ".bench", help="where packages are installed")
    parser.add_argument("--only", nargs="+", default=[], help="histories by name")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way")
    parser.add_argument("--migrations", type=int, default=2000, help="how long the long history is")
    found = parser.parse_args()
    found.venvs = found.venvs.absolute()
    return found


def verdicts(options: argparse.Namespace, corpora: tuple[Corpus, ...], opened: OpenEnvironment) -> bool:
    """False when a disagreement is not explained."""
    server = opened.postgres()
    machine, found, other = describe(server), {}, []
    for corpus in corpora:
        found[corpus.name] = judge(corpus, options.venvs, server)
        _say(corpus.name, found[corpus.name].plain.totals, found[corpus.name].rows.totals)
        if options.truth:
            truth = read_truth(options.truth, corpus.name)
            other += compare(corpus.name, truth, by_key(corpus, found[corpus.name].plain))
    versions = {corpus.name: corpus.version(options.venvs) for corpus in corpora}
    _keep(options, "verdicts", report.verdict_section(machine, found, versions, other))
    report.write("verdicts.md", report.verdict_tables(found))
    for item in other:
        if not item.right:
            _say("UNEXPLAINED", item)
    return all(item.right for item in other)


def speed(options: argparse.Namespace, corpora: tuple[Corpus, ...], opened: OpenEnvironment) -> bool:
    """Bare, verified, dumped, and the others."""
    server = opened.postgres()
    scratch = options.venvs / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    machine, pairs, natively, rivals = describe(server), {}, {}, {}
    for corpus in corpora:
        folder = _captured(corpus, options.venvs)
        pairs[corpus.name] = measure(folder, server, rounds=options.rounds)
        natively[corpus.name] = measure_native(
            corpus, options.venvs, server, rounds=max(options.rounds - 1, 1)
        )
        rivals[corpus.name] = [liquibase(folder, options.venvs, server, scratch)]
        if corpus.tool == "alembic":
            rivals[corpus.name] += pytest_alembic(corpus, options.venvs, server, scratch)
        _say(corpus.name, pairs[corpus.name].seconds, natively[corpus.name].seconds, rivals[corpus.name])
    _keep(options, "speed", report.speed_section(machine, pairs, natively, rivals))
    return True


def _captured(corpus: Corpus, venvs: Path) -> Path:
    """The history's SQL; captured by a server of its own, for logging slows it down."""
    folder = venvs / "sql" / corpus.name
    if not folder.exists():
        with scratch_environment() as opened:
            server, source = opened.postgres(), corpus.open(venvs)
            try:
                Capture(source, server, opened.scratch / "postgres.log").write(folder)
            finally:
                source.close()
    return folder


def growth(options: argparse.Namespace, corpora: tuple[Corpus, ...], opened: OpenEnvironment) -> bool:
    """A long history, without rows, with, and by two processes."""
    server, folder = opened.postgres(), options.venvs / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    generate(folder, options.migrations)
    machine, found = describe(server), {}
    for name, rows, workers in (("no rows", False, 1), ("rows", True, 1), ("rows, -n 2", True, 2)):
        found[name] = grow(folder, server, rows=rows, workers=workers)
        _say(name, found[name])
    _keep(options, "growth", report.growth_section(machine, found))
    return True


def _keep(options: argparse.Namespace, part: str, text: str) -> None:
    (options.venvs / "results" / f"{part}.md").write_text(text, "utf-8")


def _assemble(results: Path) -> None:
    sections = [file.read_text("utf-8") for part in PARTS if (file := results / f"{part}.md").exists()]
    intro = "# Whole histories of public projects\n\nWritten by `make bench-history`.\n"
    report.write("history.md", "\n".join([intro, *sections]))


def _say(*what: object) -> None:
    print(*what, flush=True)


if __name__ == "__main__":
    main()
