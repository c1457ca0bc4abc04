"""Checks and the checklist speak of acts and checks by name: each name must be one that there is."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import rollproof
from rollproof.checks import all_checks, diagnosing, releasehistory, rollbacks, service
from rollproof.checks.backup import ROLLBACKS
from rollproof.checks.checklist import default_items
from rollproof.checks.procedure import SAFE_ROLLBACK
from rollproof.drill.act import Act


def act_names() -> set[str]:
    """Names of all classes of act, once every module that could define one has been imported."""
    for module in pkgutil.walk_packages(rollproof.__path__, "rollproof."):
        if module.name.startswith(("rollproof.components", "rollproof.faults", "rollproof.decision")):
            importlib.import_module(module.name)
    return {name for cls in subclasses(Act) if isinstance(name := vars(cls).get("name"), str)}


def subclasses(cls: type) -> Iterator[type]:
    for one in cls.__subclasses__():
        yield one
        yield from subclasses(one)


def test_no_list_of_acts_names_one_that_does_not_exist() -> None:
    named = {
        *rollbacks.TAKES_BACK,
        *rollbacks.CHANGES_CODE,
        *ROLLBACKS,
        *SAFE_ROLLBACK,
        *releasehistory.HOTFIX,
        *diagnosing.REMEDIES,
        *service.CHANGES,
        *(act for item in default_items() for act in (*item.act, *item.concerns)),
        *(act for check in all_checks().values() for act in check.answers),
    }
    assert named - act_names() == set()


def test_every_act_whose_end_takes_something_back_counts_as_a_rollback() -> None:
    ends = ("roll_back", "restore", "take_back", "restore_versions", "switch_origin", "continue_rollback")
    back = {name for name in act_names() if name.rpartition(".")[2] in ends}
    assert back == {name for name in act_names() if rollbacks.is_rollback(name)}


def test_the_checklist_names_checks_that_exist() -> None:
    named = {check for item in default_items() for check in item.verdicts}
    assert named - set(all_checks()) == set()
