"""How far one can go back by naming one migration, and what that takes along."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.migrations.back import farthest_back, without_way_back
from rollproof.migrations.model import Migration
from rollproof.migrations.script import Script


def made(name: str, *parents: str, back: bool = True) -> Migration:
    script = Script(Path(f"/m/{name}.py"), "")
    return Migration(name, 1, name, script, script if back else None, parents=parents)


def straight(*back: bool) -> list[Migration]:
    return [made(f"m{place}", back=one) for place, one in enumerate(back)]


def ids(migrations: tuple[Migration, ...]) -> list[str]:
    return [migration.id for migration in migrations]


def test_one_goes_back_as_far_as_to_the_newest_that_cannot_be_taken_back() -> None:
    back = farthest_back(straight(True, False, True, True, True))
    assert back is not None
    assert back.target is not None
    assert back.target.id == "m1"
    assert ids(back.plan) == ["m4", "m3", "m2"]


def test_without_any_such_the_first_one_is_named() -> None:
    back = farthest_back(straight(True, True, True))
    assert back is not None
    assert back.target is not None
    assert back.target.id == "m0"
    assert ids(back.plan) == ["m2", "m1"]


@pytest.mark.parametrize("ways", [(), (True,), (True, True), (True, True, False), (True, False, True)])
def test_fewer_than_two_are_not_several(ways: tuple[bool, ...]) -> None:
    assert farthest_back(straight(*ways)) is None


APPS = (
    made("shop.1"),
    made("bills.1", "shop.1"),
    made("shop.2", "shop.1", back=False),
    made("bills.2", "bills.1"),
    made("shop.3", "shop.2"),
    made("shop.4", "shop.3"),
    made("bills.3", "bills.2", "shop.4"),
)


def test_by_app_goes_what_the_app_has_newer_and_what_depends_on_that() -> None:
    back = farthest_back(APPS, by_app=True)
    assert back is not None
    assert back.target is not None
    assert back.target.id == "shop.2"
    assert ids(back.plan) == ["bills.3", "shop.4", "shop.3"]


def test_by_app_what_stays_is_always_a_release_that_there_was() -> None:
    tangled = [made("a.1"), made("b.1"), made("a.2", "a.1"), made("b.2", "b.1"), made("a.3", "a.2")]
    assert farthest_back(tangled, by_app=True) is None


@given(st.lists(st.booleans(), max_size=12))
def test_the_plan_is_the_end_of_the_history_and_all_of_it_has_a_way_back(ways: list[bool]) -> None:
    history = straight(*ways)
    back = farthest_back(history)
    if back is None:
        assert not all(ways[-2:]) or len(ways) < 3
        return
    assert list(reversed(back.plan)) == history[-len(back.plan) :]
    assert not without_way_back(back.plan)
    assert back.target == history[-len(back.plan) - 1]
