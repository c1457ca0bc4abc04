"""One test for each declared system: the fixture `rollproof_system` and its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from rollproof.errors import SystemFileError
from rollproof.plugin.collector import FeatureFile, shown_path, template_of
from rollproof.plugin.options import COMPONENTS, IN_WORDS, settings
from rollproof.plugin.plans import as_planned, plan_of, tenants_of
from rollproof.plugin.step_needs import fixtures_of_steps

if TYPE_CHECKING:
    from rollproof.model.system import System

FIXTURE = "rollproof_system"
_REMEDY = 'name its system file with --system PATH, or in pyproject.toml: [tool.rollproof] systems = ["PATH"]'
_Definition = tuple[pytest.Collector | None, str]
_SYSTEMS = pytest.StashKey["Sequence[System]"]()
_WITHOUT = pytest.StashKey[dict[_Definition, str]]()
_USAGE_ERROR = "rollproof_usage_error"


@pytest.fixture(scope="session")
def rollproof_system(request: pytest.FixtureRequest) -> System:
    """The system that this test is for: a test that needs it runs once for each declared system."""
    if hasattr(request, "param"):
        system: System = request.param
        return system
    systems = declared_systems(request.config)
    if len(systems) != 1:
        many = ", ".join(system.name for system in systems)
        pytest.fail(_asked_too_late(many) if many else f"no system is declared\n  {_REMEDY}", pytrace=False)
    return systems[0]


def _asked_too_late(many: str) -> str:
    return (
        f"there are several systems ({many}), and this test asks for one only while it runs\n"
        f"  what to do: let the test or a step name the fixture {FIXTURE!r} or 'drill' as an argument"
    )


def declared_systems(config: pytest.Config) -> Sequence[System]:
    """The systems of `--system` or `[tool.rollproof]`, read once a session.

    Raises pytest.UsageError for a file that is wrong, and for two systems of one name.
    """
    if _SYSTEMS not in config.stash:
        config.stash[_SYSTEMS] = _read_all(config)
    return config.stash[_SYSTEMS]


def _read_all(config: pytest.Config) -> Sequence[System]:
    found: dict[str, System] = {}
    for system in _each(config):
        if system.name in found:
            raise pytest.UsageError(_same_name(config, system, found[system.name]))
        found[system.name] = as_planned(system, plan_of(config))
    return tuple(found.values())


def _each(config: pytest.Config) -> Iterator[System]:
    """The system of each file; with tenants, one for each of them."""
    from rollproof.model.systemfile import read_system, read_tenant

    for path in settings(config).systems:
        file = path / "system.toml" if path.is_dir() else path
        try:
            if tenants := tenants_of(config):
                yield from (read_tenant(file, tenant) for tenant in tenants)
            else:
                yield read_system(file)
        except SystemFileError as error:
            raise pytest.UsageError(str(error)) from None


def _same_name(config: pytest.Config, one: System, other: System) -> str:
    paths = (shown_path(config, Path(system.source)) for system in (other, one))
    return f"two systems are called {one.name!r}: {' and '.join(paths)}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    reason = _why_needed(metafunc)
    if reason is None or _is_chosen_by_hand(metafunc.definition):
        return
    try:
        systems = declared_systems(metafunc.config)
    except pytest.UsageError as error:
        systems, reason = (), str(error)
    else:
        reason = f"{reason}, and no system is declared\n  what to do: {_REMEDY}"
    if systems:
        _run_for_each(metafunc, systems)
    else:
        without = metafunc.config.stash.setdefault(_WITHOUT, {})
        without[metafunc.definition.parent, metafunc.definition.name] = reason


def _run_for_each(metafunc: pytest.Metafunc, systems: Sequence[System]) -> None:
    if FIXTURE not in metafunc.fixturenames:
        # The steps of a scenario ask for it only as it runs.
        metafunc.fixturenames.append(FIXTURE)
    params = [pytest.param(system, id=system.name) for system in systems]
    metafunc.parametrize(FIXTURE, params, indirect=True, scope="session")


def _why_needed(metafunc: pytest.Metafunc) -> str | None:
    """Why a test needs a system, as the beginning of a message; None when it needs none."""
    asks = FIXTURE in metafunc.fixturenames
    if not asks and not settings(metafunc.config).in_use:
        return None
    template = template_of(metafunc.function)
    if template is None:
        return f"{metafunc.definition.nodeid} needs a system" if asks else None
    where = f"{shown_path(metafunc.config, Path(template.feature.filename))}:{template.line_number}"
    if asks or FIXTURE in fixtures_of_steps(metafunc.definition, template):
        return f"{where}: the scenario {template.name!r} needs a system"
    tags = sorted(COMPONENTS & {mark.name for mark in metafunc.definition.iter_markers()})
    if tags and isinstance(metafunc.definition.parent, FeatureFile):
        return f"{where}: the scenario {template.name!r} is tagged @{tags[0]}, a component of a system"
    return None


def _is_chosen_by_hand(node: pytest.Item) -> bool:
    """True when the test parametrises the fixture itself."""
    marks = node.iter_markers("parametrize")
    return any(mark.args and FIXTURE in str(mark.args[0]) for mark in marks)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """A system that lacks a component which the tags name is passed over, and says so."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return
    if FIXTURE not in item.callspec.params or _is_chosen_by_hand(item):
        return
    system = cast("System", item.callspec.params[FIXTURE])
    if FIXTURE not in item.fixturenames:
        # pytest drops names that no argument asks for; the steps of a scenario do.
        item.fixturenames.append(FIXTURE)
    tags = COMPONENTS & {mark.name for mark in item.iter_markers()}
    lacking = [IN_WORDS.get(tag, tag) for tag in sorted(tags - system.components)]
    if lacking:
        what = f"system {system.name} declares no {', no '.join(lacking)}"
        item.add_marker(pytest.mark.skip(reason=f"not applicable: {what}"))


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Only what is left to run, after every choice of tests, can be missing its system."""
    result = yield
    without = config.stash.get(_WITHOUT, {})
    for item in items:
        problem = without.get((item.parent, getattr(item, "originalname", item.name)))
        if problem is not None:
            getattr(config, "workeroutput", {})[_USAGE_ERROR] = problem
            raise pytest.UsageError(problem)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """A worker of pytest-xdist cannot end the run with a usage error; it hands it over."""
    problem = getattr(node, "workeroutput", {}).get(_USAGE_ERROR)
    if problem is not None:
        raise pytest.UsageError(problem)
