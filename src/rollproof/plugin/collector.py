"""Collecting feature files: pytest-bdd has no collector of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

import pytest

from rollproof.errors import BadInput
from rollproof.plugin.options import COMPONENTS, explicit_features, settings
from rollproof.plugin.step_modules import broken_modules

if TYPE_CHECKING:
    from pytest_bdd.parser import Feature, ScenarioTemplate

_EXPLICIT = pytest.StashKey[frozenset[Path]]()
_TAGS = pytest.StashKey[set[str]]()
_TAG_LINE = re.compile(r"^\s*(@.*)$", re.MULTILINE)


class FeatureFile(pytest.Module):
    """A feature file as a module that holds one test function for each scenario."""

    _built: ModuleType | None = None

    def _getobj(self) -> ModuleType:
        if self._built is None:
            self._built = self._build()
        return self._built

    def _build(self) -> ModuleType:
        if not hasattr(self.config.hook, "pytest_bdd_apply_tag"):
            raise self.CollectError(f"{self.shown}: feature files need the plugin pytest-bdd")
        for problem in broken_modules(self.config):
            raise self.CollectError(problem)
        from rollproof.plugin import gherkin

        try:
            feature = gherkin.read_feature(self.path, shown=self.shown)
        except BadInput as error:
            raise self.CollectError(str(error)) from None
        _register_tags(self.config, gherkin.all_tags(feature))
        return _module_of(feature, self.path)

    @property
    def shown(self) -> str:
        """The path as messages show it: from where pytest was started, if it lies below."""
        return shown_path(self.config, self.path)


def shown_path(config: pytest.Config, path: Path) -> str:
    start = config.invocation_params.dir
    return str(path.relative_to(start)) if path.is_relative_to(start) else str(path)


def template_of(function: object) -> ScenarioTemplate | None:
    """The scenario behind a test function, whoever bound it; None for every other function."""
    from pytest_bdd.scenario import scenario_wrapper_template_registry
    from pytest_bdd.utils import registry_get_safe

    return registry_get_safe(scenario_wrapper_template_registry, function)


def pytest_sessionstart(session: pytest.Session) -> None:
    """With --strict-markers, `-m "not slow"` is refused unless somebody knows the marker."""
    config = session.config
    if settings(config).in_use:
        _register_tags(config, COMPONENTS)
        if config.option.markexpr:
            _register_tags(config, frozenset(_tags_in(settings(config).features)))


def _tags_in(folders: tuple[Path, ...]) -> Iterator[str]:
    """What looks like a tag in any feature file, whether or not this session collects it."""
    for folder in folders:
        for path in folder.rglob("*.feature"):
            text = path.read_text(encoding="utf-8", errors="replace")
            for line in _TAG_LINE.findall(text):
                yield from (word[1:] for word in line.split() if word.startswith("@") and word[1:])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> FeatureFile | None:
    if file_path.suffix == ".feature" and _wanted(file_path, parent.config):
        return FeatureFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Steps back, after every other choice of tests, for scenarios that a test module binds itself."""
    if not any(isinstance(item.parent, FeatureFile) for item in items):
        return
    bound = {_place(item) for item in items if not isinstance(item.parent, FeatureFile)}
    twice = [item for item in items if isinstance(item.parent, FeatureFile) and _place(item) in bound]
    if twice:
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in twice]


def _place(item: pytest.Item) -> tuple[str, int] | None:
    """The feature file and line of an item's scenario."""
    template = template_of(getattr(item, "function", None))
    if template is None:
        return None
    return os.path.realpath(template.feature.filename), template.line_number


def _wanted(path: Path, config: pytest.Config) -> bool:
    if _EXPLICIT not in config.stash:
        config.stash[_EXPLICIT] = frozenset(explicit_features(config, config.args))
    places = (path, path.resolve())
    folders = settings(config).features
    return path in config.stash[_EXPLICIT] or any(
        place.is_relative_to(folder) for place in places for folder in folders
    )


def _register_tags(config: pytest.Config, tags: frozenset[str]) -> None:
    """A tag is a marker; without this, --strict-markers would refuse it."""
    known = config.stash.setdefault(_TAGS, set())
    for tag in sorted(tags - known):
        config.addinivalue_line("markers", f"{tag}: a tag in a feature file")
    # pytest cuts a marker's line at ":" and "(", which a tag such as @issue:42 may hold.
    pytest.mark._markers.update(tags)
    known |= tags


def _module_of(feature: Feature, path: Path) -> ModuleType:
    """A module that nobody can import, with the names that `pytest_bdd.scenarios()` would give."""
    from pytest_bdd.scenario import get_python_name_generator

    module = ModuleType(path.stem, feature.name)
    module.__file__ = str(path)
    for key, function in _functions(feature, path):
        name = next(name for name in get_python_name_generator(key) if not hasattr(module, name))
        _place_in(function, module, path, feature.scenarios[key].line_number)
        setattr(module, name, function)
    return module


def _functions(feature: Feature, path: Path) -> Iterator[tuple[str, FunctionType]]:
    from pytest_bdd import scenario
    from pytest_bdd.feature import features as cache

    base, full = str(path.parent), str(path)
    before = cache.get(full)
    cache[full] = feature
    try:
        for key in feature.scenarios:
            bind: Callable[..., object] = scenario(path.name, key, features_base_dir=base)
            function = bind(_steps_are_the_test)
            assert isinstance(function, FunctionType)
            yield key, function
    finally:
        cache.pop(full)
        if before is not None:
            cache[full] = before


def _steps_are_the_test() -> None:
    """What a scenario's function does after its last step."""


def _place_in(function: FunctionType, module: ModuleType, path: Path, line: int) -> None:
    """Reports name the scenario's own line, and no setting about Python tests hides it."""
    function.__code__ = function.__code__.replace(co_filename=str(path), co_firstlineno=line)
    function.__module__ = module.__name__
    function.__dict__["__test__"] = True
