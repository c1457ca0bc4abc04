"""Step definitions: Rollproof's own, and those in a project's steps folder.

A step definition is a fixture, so a module of them is registered as a plugin. Who comes later wins:
Rollproof's first, then the project's steps folders, then its conftests, then a test module's own.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from rollproof.plugin.options import asked_early, explicit_features, settings, table

_BROKEN = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> Iterator[None]:
    """Rollproof's own go before every conftest, so that a conftest overrides them."""
    if asked_early(early_config, args):
        _register_all(early_config, _own_modules(early_config))
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """The project's come after its first conftests, which often make its own code importable."""
    if settings(session.config).in_use:
        _register_all(session.config, _project_modules(session.config))


def broken_modules(config: pytest.Config) -> list[str]:
    """What to say of each module of steps that cannot be imported.

    Told only where a feature file is collected: tests without scenarios run on.
    """
    return config.stash.setdefault(_BROKEN, [])


def _register_all(config: pytest.Config, modules: Iterable[ModuleType | None]) -> None:
    manager = config.pluginmanager
    for module in filter(None, modules):
        if not manager.is_registered(module) and not manager.has_plugin(module.__name__):
            manager.register(module, module.__name__)


def _own_modules(config: pytest.Config) -> Iterator[ModuleType | None]:
    """Every public module of `rollproof.steps`."""
    package = importlib.import_module("rollproof.steps")
    for found in pkgutil.walk_packages(package.__path__, "rollproof.steps."):
        if not found.name.rpartition(".")[2].startswith("_"):
            yield _import(config, found.name, found.name)


def _project_modules(config: pytest.Config) -> Iterator[ModuleType | None]:
    given = table(config)
    for entry in given.steps if given else ():
        yield from _named(config, entry)
    for folder in _folders_beside_features(config):
        yield from _import_folder(config, folder, (path for path in _sources(folder) if _defines_steps(path)))


def _named(config: pytest.Config, entry: str) -> Iterator[ModuleType | None]:
    """The modules of an entry of `steps`: a folder, a file, or a module's dotted name."""
    path = config.rootpath / entry
    if path.is_dir():
        yield from _import_folder(config, path, _sources(path))
    elif path.is_file():
        yield from _import_folder(config, path.parent, [path])
    else:
        yield from _import_tree(config, entry)


def _import_tree(config: pytest.Config, name: str) -> Iterator[ModuleType | None]:
    if _spec(name) is None:
        found = f"steps names {name!r}, which is no folder, no file and no module"
        raise pytest.UsageError(f"{config.rootpath / 'pyproject.toml'}: [tool.rollproof] {found}")
    module = _import(config, name, name)
    yield module
    for info in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
        yield _import(config, info.name, info.name)


def _folders_beside_features(config: pytest.Config) -> Iterator[Path]:
    """Every `steps` folder between a features folder and the rootdir."""
    explicit = {path.parent for path in explicit_features(config, config.args)}
    seen = set[Path]()
    for start in (*settings(config).features, *sorted(explicit)):
        for folder in (start, *start.parents):
            if folder.is_relative_to(config.rootpath) and (folder / "steps").is_dir():
                seen.add(folder / "steps")
    yield from sorted(seen, key=lambda folder: (len(folder.parts), folder))


def _sources(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*.py") if path.name not in ("__init__.py", "conftest.py"))
    return sorted(path for path in found if path.is_file())


def _defines_steps(path: Path) -> bool:
    """Only modules that import pytest-bdd are imported: a folder of scripts may bear the same name."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text) if "pytest_bdd" in text else None
    except (OSError, ValueError):
        return False
    except SyntaxError:
        return True
    return tree is not None and any("pytest_bdd" in name for name in _imported(tree))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _import_folder(config: pytest.Config, folder: Path, paths: Iterable[Path]) -> Iterator[ModuleType | None]:
    package = ""
    for path in paths:
        module = _loaded(path)
        if module is None:
            package = package or _package_for(folder)
            name = ".".join((package, *path.relative_to(folder).with_suffix("").parts))
            module = _import(config, name, str(path))
        yield module


def _loaded(path: Path) -> ModuleType | None:
    """The module that was made from this file already, under whatever name."""
    real = os.path.realpath(path)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(path.name) and os.path.realpath(file) == real:
            return module
    return None


def _package_for(folder: Path) -> str:
    """The name under which the folder's modules are imported: its own where Python can find it.

    Otherwise a package made for it, so that two projects' `steps`, or a `steps/json.py`, hide nothing.
    """
    for entry in map(Path, filter(None, sys.path)):
        if folder.is_relative_to(entry) and folder != entry:
            name = ".".join(folder.relative_to(entry).parts)
            if folder in _locations(name):
                return name
    name = f"rollproof_project_steps_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"
    package = ModuleType(name, f"The modules of {folder}.")
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    return name


def _locations(package: str) -> list[Path]:
    spec = _spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _import(config: pytest.Config, name: str, shown: str) -> ModuleType | None:
    if name not in sys.modules:
        pytest.register_assert_rewrite(name)
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  # whatever a module raises, it is told where
        broken_modules(config).append(f"{shown} cannot be imported: {_explain(error, config)}")
        return None


def _explain(error: Exception, config: pytest.Config) -> str:
    """The error and the project's own lines that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(config.rootpath)]
    places = "".join(f"\n  {frame.filename}:{frame.lineno}: {frame.line}" for frame in own)
    place = f" ({error.filename}:{error.lineno})" if isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {getattr(error, 'msg', None) or error}{place}{places}"
