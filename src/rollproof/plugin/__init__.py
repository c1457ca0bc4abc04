"""The pytest plugin, one room for each job.

Each module named in `ROOMS` is a plugin of its own, with its own hooks. What pytest imports in every
session is kept light: pydantic, pytest-bdd's parser and the engine are imported when a scenario needs
them, so that a project that has Rollproof installed and does not use it pays next to nothing.
"""

from __future__ import annotations

from importlib import import_module

import pytest

ROOMS = (
    "options",
    "plans",
    "step_modules",
    "collector",
    "phrases",
    "systems",
    "revisions",
    "permission",
    "guarding",
    "workers",
    "session",
    "sealing",
    "output",
    "scenario",
    "outcomes",
    "allure",
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Registers the rooms. (`pytest_plugins` would warn of every module that is imported already.)"""
    pluginmanager.add_hookspecs(import_module(f"{__name__}.hookspecs"))
    for room in ROOMS:
        name = f"{__name__}.{room}"
        pluginmanager.register(import_module(name), name)
