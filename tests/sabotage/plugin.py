"""Runs scenarios with saboteurs in them: `pytest -p tests.sabotage.plugin features`.

A saboteur is a row in a .toml file here: which scenario, around which act, what it does, and which
checks must say refuted because of it. The test passes when exactly these do.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rollproof.drill.act import Act
    from rollproof.drill.drill import Drill
    from rollproof.model.json import JsonObject
    from rollproof.model.verdict import Outcome

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Saboteur:
    """One row.

    Attributes:
        act: the act it steps in around: `migration.roll_back`.
        time: the first time that it comes, or a later one.
        when: `before` it, `after` it (also after its failure), or `instead` of it.
        sql: statements run in the scenario's database.
        hook: a function called with the drill and the act; see `hook_named`.
        refutes: ids of the checks that must say refuted; no other may.
    """

    name: str
    scenario: str
    act: str
    refutes: frozenset[str]
    when: str = "after"
    time: int = 1
    sql: tuple[str, ...] = ()
    hook: str = ""

    @classmethod
    def of(cls, row: dict[str, Any]) -> Saboteur:
        row = dict(row, refutes=frozenset(row["refutes"]), sql=tuple(row.get("sql", ())))
        return cls(**row)


def read_saboteurs(folder: Path = FOLDER) -> list[Saboteur]:
    """All rows of all .toml files of a folder."""
    rows = [
        row for path in sorted(folder.glob("*.toml")) for row in tomllib.loads(path.read_text())["saboteur"]
    ]
    return [Saboteur.of(row) for row in rows]


@dataclass
class Sabotage:
    """An intervention that does what its row says, once."""

    saboteur: Saboteur
    done: bool = field(default=False)
    met: int = field(default=0)

    def around(self, drill: Drill, act: Act, run: Callable[[], JsonObject]) -> JsonObject:
        self.met += act.name == self.saboteur.act
        if self.done or act.name != self.saboteur.act or self.met < self.saboteur.time:
            return run()
        self.done = True
        if self.saboteur.when == "instead":
            self._strike(drill, act)
            return {"count": 1, "seconds": 0.0}
        if self.saboteur.when == "before":
            self._strike(drill, act)
            return run()
        try:
            return run()
        finally:
            self._strike(drill, act)

    def _strike(self, drill: Drill, act: Act) -> None:
        if self.saboteur.sql:
            _run_sql(drill, self.saboteur.sql)
        if self.saboteur.hook:
            hook_named(self.saboteur.hook)(drill, act)


def hook_named(name: str) -> Callable[[Drill, Act], None]:
    """A function of tests.sabotage.hooks, or of another module here: `hooks_site:forget_an_asset`.

    Raises AttributeError or ImportError when there is none.
    """
    module, _, function = name.rpartition(":")
    found: Callable[[Drill, Act], None] = getattr(
        importlib.import_module(f"tests.sabotage.{module or 'hooks'}"), function
    )
    return found


def _run_sql(drill: Drill, statements: Sequence[str]) -> None:
    import psycopg

    from rollproof.components.postgres.bench import Bench

    bench = drill.use(Bench)
    with psycopg.connect(bench.server.conninfo(bench.name), autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def covering(saboteurs: Sequence[Saboteur]) -> list[Saboteur]:
    """A few of them by which every check that any of them refutes is refuted; the fullest first."""
    left = {check for saboteur in saboteurs for check in saboteur.refutes}
    chosen: list[Saboteur] = []
    for saboteur in sorted(saboteurs, key=lambda one: -len(one.refutes)):
        if saboteur.refutes & left:
            chosen.append(saboteur)
            left -= saboteur.refutes
    return chosen


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--covering", action="store_true", help="only as many as it takes to refute every check")
    parser.addoption("--saboteurs", type=Path, default=FOLDER, help="folder with the saboteurs' .toml files")
    parser.addoption("--saboteur", default="", help="only saboteurs with this text in their names")


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each scenario once for each of its saboteurs; an outline's row is told apart when it runs."""
    from rollproof.plugin.collector import template_of

    template = template_of(metafunc.function)
    wanted = metafunc.config.getoption("saboteur")
    every = read_saboteurs(metafunc.config.getoption("saboteurs"))
    chosen = [
        saboteur
        for saboteur in (covering(every) if metafunc.config.getoption("covering") else every)
        if template is not None
        and template.name == saboteur.scenario.partition(" | ")[0]
        and wanted in saboteur.name
    ]
    metafunc.fixturenames.append("saboteur")
    params = [pytest.param(item, id=item.name) for item in chosen] or [
        pytest.param(None, marks=pytest.mark.skip(reason="no saboteur"))
    ]
    metafunc.parametrize("saboteur", params, indirect=True)


@pytest.fixture
def saboteur(request: pytest.FixtureRequest) -> Saboteur:
    """The saboteur at work in this test."""
    found: Saboteur = request.param
    return found


def _saboteur_of(item: pytest.Item) -> Saboteur | None:
    found: Saboteur | None = item.callspec.params.get("saboteur") if hasattr(item, "callspec") else None
    return found


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    keep = [item for item in items if _belongs(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in keep])
    items[:] = keep


def _belongs(item: pytest.Item) -> bool:
    saboteur = _saboteur_of(item)
    if saboteur is None:
        return False
    _, _, row = saboteur.scenario.partition(" | ")
    return not row or row in item.name


def pytest_rollproof_interventions(item: pytest.Item) -> list[Sabotage]:
    saboteur = _saboteur_of(item)
    item.stash[_SABOTAGE] = Sabotage(saboteur) if saboteur else None
    sabotage = item.stash[_SABOTAGE]
    return [sabotage] if sabotage else []


_SABOTAGE = pytest.StashKey["Sabotage | None"]()


@pytest.hookimpl(tryfirst=True)
def pytest_rollproof_concluded(item: pytest.Item, drill: Drill, outcome: Outcome, reason: str) -> bool:
    """Caught when exactly the right checks said refuted, and the scenario as a whole as well."""
    from rollproof.model.verdict import Outcome as Outcomes

    sabotage = item.stash[_SABOTAGE]
    assert sabotage is not None
    refuted = {check.id for check, verdict in drill.verdicts if verdict.outcome is Outcomes.REFUTED}
    caught = sabotage.done and refuted == sabotage.saboteur.refutes and outcome is Outcomes.REFUTED
    if not caught:
        pytest.fail(_explain(drill, sabotage, refuted, outcome, reason), pytrace=False)
    return True


def _explain(drill: Drill, sabotage: Sabotage, refuted: set[str], outcome: Outcome, reason: str) -> str:
    lines = [
        f"{sabotage.saboteur.name}: {'struck' if sabotage.done else 'never struck'}",
        f"the scenario ended {outcome}: {reason}",
        f"expected refuted: {sorted(sabotage.saboteur.refutes)}, found: {sorted(refuted)}",
    ]
    for check, verdict in drill.verdicts:
        lines.append(f"  {verdict.outcome:8} {check.id}: {verdict.reason}")
        lines += [f"      - {finding}" for finding in verdict.findings[:4]]
    return "\n".join(lines)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    yield
    counted = {word: len(terminalreporter.stats.get(word, [])) for word in ("passed", "failed", "error")}
    terminalreporter.write_line(f"{sum(counted.values())} saboteurs, {counted['passed']} caught")
