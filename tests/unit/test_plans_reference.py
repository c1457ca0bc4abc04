"""docs/reference/plans.md says what the models say: every table, key, type and default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from rollproof.model.durations import say_duration
from rollproof.model.mistakes import validated
from rollproof.model.plan import Plan
from rollproof.model.planfile import plan_mistakes, read_plan
from rollproof.model.shape import Hint, describe, keys_of, model_of, tables, written

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "plans.md"
TABLES = [(name, model) for name, model in tables(Plan) if name]


def section(name: str) -> str:
    parts = PAGE.read_text().split(f"## `{name}`\n")
    assert len(parts) == 2, f"{PAGE.name} needs one section ## `{name}`"
    return re.split(r"^## ", parts[1], flags=re.MULTILINE)[0]


def row(model: type[BaseModel], key: str, hint: Hint) -> str:
    return f"| `{key}` | {describe(hint)} | {default_of(model, key)} | "


def default_of(model: type[BaseModel], key: str) -> str:
    field = model.model_fields[key]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if describe(keys_of(model)[key]).startswith("a duration") and value is not None:
        return say_duration(value)
    return f"`{value}`" if value else "none"


@pytest.mark.parametrize(("name", "model"), TABLES, ids=[name for name, _ in TABLES])
def test_every_key_is_documented_with_its_type_and_default(name: str, model: type[BaseModel]) -> None:
    rows = [row(model, key, hint) for key, hint in keys_of(model).items() if not model_of(hint)]
    documented = [line for line in section(name).split("\n") if line.startswith("| `")]
    assert [line[: len(start)] for line, start in zip(documented, rows, strict=True)] == rows
    assert all(len(line) > len(start) + 5 for line, start in zip(documented, rows, strict=True))


def test_the_pages_whole_plan_is_sound_and_shows_every_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = re.findall(r"```toml\n(# a whole plan\n.*?)```", PAGE.read_text(), flags=re.DOTALL)[0]
    (tmp_path / "systems" / "shop").mkdir(parents=True)
    (tmp_path / "systems" / "shop" / "system.toml").touch()
    monkeypatch.chdir(tmp_path)
    plan = validated(Plan, tomllib.loads(text))
    assert isinstance(plan, Plan)
    assert list(plan_mistakes(plan)) == []
    shown = {item.model for item in written(Plan, tomllib.loads(text)) if item.model}
    assert shown == {model for _, model in tables(Plan)}


@pytest.mark.parametrize("path", sorted((ROOT / "drills").glob("*.toml")), ids=lambda path: path.stem)
def test_the_plans_that_ship_are_sound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert read_plan(path).name == path.stem
