"""Asking first: nothing is drilled in a place that outlives the drill unless somebody has said yes.

A plan that was approved says it, or a person at the terminal who has seen what would be touched.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rollproof.errors import RollproofError, WrongPlace
from rollproof.plugin.options import ENVIRONMENTS, settings
from rollproof.plugin.plans import plan_of
from rollproof.plugin.systems import FIXTURE, declared_systems

if TYPE_CHECKING:
    from rollproof.model.plan import Plan
    from rollproof.model.system import System

_PERMITTED = pytest.StashKey[dict[str, str]]()
_WORKER = "rollproof_permitted"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rollproof")
    group.addoption(
        "--rollproof-preview",
        action="store_true",
        default=False,
        help="verify the environment, print what the selected scenarios would touch there, run nothing",
    )


def expect_permitted(config: pytest.Config) -> dict[str, str]:
    """How this run was permitted, for the record; empty for an environment of the run's own.

    Raises WrongPlace when nobody has said yes, or the plan is not what was approved.
    """
    from rollproof.environments.choice import is_private

    if is_private(settings(config).environment):
        return {}
    _expect_declared(config)
    worker: dict[str, dict[str, str]] | None = getattr(config, "workerinput", None)
    if worker is not None:
        return worker[_WORKER]
    if _PERMITTED not in config.stash:
        plan = plan_of(config)
        approved = plan is not None and plan.approval is not None
        config.stash[_PERMITTED] = _by_plan(config, plan) if plan and approved else _by_hand(config)
    return config.stash[_PERMITTED]


def _expect_declared(config: pytest.Config) -> None:
    """Raises WrongPlace for a name that is neither an environment of the run's own nor declared."""
    from rollproof.environments.choice import PRIVATE, environment_named
    from rollproof.model.mistakes import suggestion

    name = settings(config).environment
    for system in declared_systems(config):
        if obstacles := environment_named(name).preflight(system):
            known = [*PRIVATE, *system.environments]
            raise WrongPlace(
                "; ".join(one.found for one in obstacles) + suggestion(name, known),
                remedy="; ".join(one.remedy for one in obstacles),
            )


def _by_plan(config: pytest.Config, plan: Plan) -> dict[str, str]:
    from rollproof.environments.staging.sources import operator
    from rollproof.model.approval import why_not_approved

    name, assumed = settings(config).environment, []
    for system in declared_systems(config):
        assumed += [e.approver_differs for key, e in system.environments.items() if key == name]
    differs = any(assumed) or not assumed
    found = why_not_approved(plan, Path.cwd(), operator=operator(), differs=differs)
    found += _strays(config, plan)
    if found:
        raise WrongPlace(
            "; ".join(found),
            doing=f"looking whether the drill may run on {name}",
            where=str(plan.source),
            remedy=f"have it looked at, then run `rollproof drill approve {plan.source.name} --by NAME`",
        )
    assert plan.approval is not None
    return {"kind": "approved", "name": plan.approval.by, "digest": plan.approval.digest}


def _strays(config: pytest.Config, plan: Plan) -> list[str]:
    """What this run does that the approved plan does not say."""
    asked, found = settings(config), []
    if asked.environment != plan.plan.environment:
        found.append(f"it is to run on {asked.environment}, and {plan.plan.environment} was approved")
    meant = {_file(Path(name)) for name in plan.system_files}
    found += [f"system {path} is not in the plan" for path in asked.systems if _file(path) not in meant]
    from rollproof.model.covered import feature_files

    features = {path.resolve() for path in feature_files(plan, Path.cwd())}
    for path in _features_asked(config):
        if path not in features:
            found.append(f"feature {path} is not in the plan")
    if plan.plan.tags and config.option.markexpr != plan.plan.tags:
        found.append(f"the plan's tags are {plan.plan.tags!r}, and {config.option.markexpr!r} was asked for")
    tenants = set(config.option.rollproof_tenants or ()) - set(plan.fleet.tenants)
    found += [f"tenant {name} is not in the plan" for name in sorted(tenants)]
    return found


def _file(path: Path) -> Path:
    return (path / "system.toml" if path.is_dir() else path).resolve()


def _features_asked(config: pytest.Config) -> list[Path]:
    found: list[Path] = []
    for argument in config.args:
        path = (config.invocation_params.dir / argument.partition("::")[0]).resolve()
        found += sorted(path.rglob("*.feature")) if path.is_dir() else [path]
    return found


def _by_hand(config: pytest.Config) -> dict[str, str]:
    name = settings(config).environment
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend_global_capture(in_=True)  # meanwhile standard input is nobody's
    try:
        answer = _answer(config, name)
    finally:
        if capture is not None:
            capture.resume_global_capture()
    if answer.strip() != name:
        raise WrongPlace("it was not confirmed", doing=f"asking whether {name} may be drilled")
    return {"kind": "confirmed", "name": _operator()}


def _answer(config: pytest.Config, name: str) -> str:
    if not (sys.__stdin__ and sys.__stdin__.isatty()):
        raise WrongPlace(
            f"nobody has said that {name} may be drilled",
            doing="looking whether the drill may run",
            remedy="run it at a terminal, which asks; or run an approved plan: "
            "`rollproof drill approve PLAN --by NAME`, then `rollproof drill run PLAN`",
        )
    _print(["", *_touched_lines(config, declared_systems(config)), ""])
    _print([f"Drill on {name}? Type its name to go on:"])
    return sys.__stdin__.readline()


def _operator() -> str:
    from rollproof.environments.staging.sources import operator

    return operator()


def _touched_lines(config: pytest.Config, systems: Sequence[System]) -> list[str]:
    """What would be touched, from a verification that writes nothing. Raises WrongPlace."""
    from rollproof.environments.choice import is_private

    name = settings(config).environment
    if is_private(name):
        return [
            f"{system.name}: nothing that was there before; {name} is made for the run" for system in systems
        ]
    from rollproof.environments.staging.guard import Guard
    from rollproof.environments.staging.touched import say

    lines: list[str] = []
    _expect_declared(config)
    for system in systems:
        lines += say(system, Guard(system, name).verify())
    return lines


def _print(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """A name that nobody declares is a slip of the pen, said before anything is collected."""
    name = settings(session.config).environment
    if name in ENVIRONMENTS or not settings(session.config).in_use:
        return
    systems = declared_systems(session.config)
    known = [*ENVIRONMENTS, *(key for system in systems for key in system.environments)]
    if name not in known:
        from rollproof.model.mistakes import suggestion

        said = f"--environment {name}: no system declares [environments.{name}]{suggestion(name, known)}"
        raise pytest.UsageError(said)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With --rollproof-preview: what the selected scenarios would touch, and nothing more."""
    config = session.config
    if not config.option.rollproof_preview or session.testsfailed:
        return None
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    write = reporter.write_line if reporter is not None else (lambda line: _print([line]))
    try:
        for line in _touched_lines(config, _selected(session) or declared_systems(config)):
            write(line)
    except RollproofError as error:
        raise pytest.UsageError(str(error)) from None
    write(f"{len(session.items)} scenarios selected; none was run")
    for item in session.items:
        write(f"  {item.nodeid}")
    return True


def _selected(session: pytest.Session) -> list[System]:
    found: dict[str, System] = {}
    for item in session.items:
        system = getattr(item, "callspec", None) and item.callspec.params.get(FIXTURE)  # type: ignore[attr-defined]
        if system is not None:
            found[system.name] = system
    return list(found.values())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """A worker of pytest-xdist has no terminal: it is told what its controller was told."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist's WorkerController
    if settings(config).in_use:
        try:
            node.workerinput[_WORKER] = expect_permitted(config)  # type: ignore[attr-defined]
        except RollproofError as error:
            raise pytest.UsageError(str(error)) from None
