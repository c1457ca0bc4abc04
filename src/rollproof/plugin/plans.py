"""What a run knows of the plan and the fleet that it belongs to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rollproof.errors import RollproofError

if TYPE_CHECKING:
    from rollproof.model.json import Json
    from rollproof.model.plan import Plan
    from rollproof.model.system import System

_PLAN = pytest.StashKey["Plan | None"]()
LANGUAGES = ("en", "pt", "pt-BR")
"""those of `rollproof.model.language`, which is not loaded where nothing asks for Rollproof"""
_EMPTIED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rollproof")
    group.addoption("--rollproof-plan", metavar="FILE", help="the plan that this run belongs to")
    group.addoption(
        "--rollproof-tenant",
        dest="rollproof_tenants",
        action="append",
        metavar="NAME",
        help="drill each system as this tenant's, who stands for {tenant} in its file; repeatable",
    )
    group.addoption(
        "--rollproof-metrics", metavar="FILE", help="write metrics for Prometheus' textfile reader"
    )
    group.addoption(
        "--rollproof-language",
        choices=LANGUAGES,
        help="of this run's reports: html, pdf, markdown (default: the plan's, pyproject.toml's, English)",
    )
    group.addoption("--rollproof-due", metavar="TIME", help="when the plan fell due, UTC, ISO 8601")
    group.addoption("--rollproof-override", metavar="REASON", help="why it runs though the plan forbids it")
    group.addoption("--rollproof-shards", type=int, metavar="N", help="in how many parts the run is split")
    group.addoption("--rollproof-shard", type=int, metavar="K", help="which part this is, from 0")


def write_metrics(config: pytest.Config) -> None:
    """The file that --rollproof-metrics names, of all the runs in the folder of the reports."""
    path = config.option.rollproof_metrics
    if path is None or hasattr(config, "workerinput"):
        return
    from rollproof.plugin.options import settings
    from rollproof.telemetry.prometheus import metrics_of, write_file

    write_file(Path(path), metrics_of(settings(config).reports))


def plan_of(config: pytest.Config) -> Plan | None:
    """The plan that this run belongs to. Raises pytest.UsageError when it cannot be read."""
    if _PLAN not in config.stash:
        config.stash[_PLAN] = _read(config.option.rollproof_plan)
    return config.stash[_PLAN]


def _read(path: str | None) -> Plan | None:
    if path is None:
        return None
    from rollproof.model.planfile import read_plan

    try:
        return read_plan(Path(path))
    except RollproofError as error:
        raise pytest.UsageError(str(error)) from None


def about_reports(config: pytest.Config) -> dict[str, Json]:
    """What `run.started` says of the language of the reports; nothing where nobody chose one."""
    from rollproof.model.language import TAGS, language_code
    from rollproof.plugin.options import table

    plan, given = plan_of(config), table(config)
    chosen = config.option.rollproof_language or (plan and plan.report.language) or (given and given.language)
    return {"language": TAGS[language_code(chosen)]} if chosen else {}


def about_plan(config: pytest.Config) -> dict[str, Json]:
    """What `run.started` says of the plan and of the part of it that this run is."""
    from rollproof.plugin.permission import expect_permitted

    option, said = config.option, about_reports(config)
    if permitted := expect_permitted(config):
        said["approval"] = {**permitted}
    if plan := plan_of(config):
        from rollproof.plans.interval import interval_of

        body = plan.source.read_bytes()
        said["plan"] = {
            "name": plan.name,
            "file": plan.source.name,
            "digest": hashlib.sha256(body).hexdigest(),
            "interval": interval_of(plan),
            "due": option.rollproof_due,
            "override": option.rollproof_override,
        }
    if left_out := _picked(config):
        said["left_out"] = left_out
    if option.rollproof_shards:
        said["shard"] = {"index": option.rollproof_shard, "of": option.rollproof_shards}
    return said


def _picked(config: pytest.Config) -> list[Json]:
    """By what scenarios were left out that the features hold, as options of pytest; tags are not among them.

    What a plan's tags choose is the plan's own; what a person picks is one scenario of many.
    """
    option = config.option
    said = [f"-k {option.keyword}"] if option.keyword else []
    said += [f"--deselect {name}" for name in option.deselect or ()]
    said += ["--last-failed"] if getattr(option, "lf", False) else []
    return [*said, *(argument for argument in config.args if "::" in argument)]


def tenants_of(config: pytest.Config) -> tuple[str, ...]:
    return tuple(dict.fromkeys(config.option.rollproof_tenants or ()))


def as_planned(system: System, plan: Plan | None) -> System:
    """The system with the plan's objectives in place of its own, where the plan has any."""
    if plan is None:
        return system
    asked = plan.objectives
    said = {"rto": asked.rto, "rpo": asked.rpo, "source": asked.source or f"plan {plan.name}"}
    if asked.rto is None and asked.rpo is None:
        return system
    objectives = system.objectives.model_copy(update={k: v for k, v in said.items() if v is not None})
    return system.model_copy(update={"objectives": objectives})


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """A plan or a part that makes no sense ends the run before anything is collected."""
    option = session.config.option
    plan_of(session.config)
    if option.rollproof_shards is not None or option.rollproof_shard is not None:
        from rollproof.fleet.shards import Shard

        try:
            Shard.of(option.rollproof_shard, option.rollproof_shards)
        except RollproofError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps what is this part's. Every part sees the same list, so each test is in exactly one."""
    if not config.option.rollproof_shards or not items:
        return
    from rollproof.fleet.shards import Shard

    shard = Shard.of(config.option.rollproof_shard, config.option.rollproof_shards)
    mine = shard.choose({item.nodeid: _system_of(item) for item in items})
    others = [item for item in items if item.nodeid not in mine]
    items[:] = [item for item in items if item.nodeid in mine]
    config.hook.pytest_deselected(items=others)
    if not items:  # on record all the same: a part that is missing could not be told from it
        from rollproof.plugin.session import drill_session

        config.stash[_EMPTIED] = True
        drill_session(config)


def _system_of(item: pytest.Item) -> str:
    from rollproof.plugin.systems import FIXTURE

    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    system = params.get(FIXTURE)
    return str(getattr(system, "name", ""))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A part to which nothing fell has nothing to fail."""
    if session.config.stash.get(_EMPTIED, False) and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK
