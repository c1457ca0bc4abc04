"""docs/reference/system-file.md says what the models say: every table, key, type and default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from rollproof.model.durations import say_duration
from rollproof.model.placeholders import IN_COMMANDS, IN_SERVICES
from rollproof.model.shape import Hint, describe, keys_of, model_of, tables, written
from rollproof.model.system import System
from rollproof.model.systemfile import read_system

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "system-file.md"
TABLES = [(name, model) for name, model in tables(System) if name]


def section(name: str) -> str:
    parts = PAGE.read_text().split(f"## `{name}`\n")
    assert len(parts) == 2, f"{PAGE.name} needs one section ## `{name}`"
    return re.split(r"^## ", parts[1], flags=re.MULTILINE)[0]


def row(model: type[BaseModel], key: str, hint: Hint) -> str:
    """The row's first three cells, as the models would have them."""
    return f"| `{key}` | {describe(hint)} | {default_of(model, key)} | "


def default_of(model: type[BaseModel], key: str) -> str:
    field = model.model_fields[key]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if hint_says_duration(model, key) and value is not None:
        return say_duration(value)
    return f"`{value}`" if value else "none"


def hint_says_duration(model: type[BaseModel], key: str) -> bool:
    return describe(keys_of(model)[key]).startswith("a duration")


@pytest.mark.parametrize(("name", "model"), TABLES, ids=[name for name, _ in TABLES])
def test_every_key_is_documented_with_its_type_and_default(name: str, model: type[BaseModel]) -> None:
    text = section(name)
    rows = [row(model, key, hint) for key, hint in keys_of(model).items() if not model_of(hint)]
    documented = [line for line in text.split("\n") if line.startswith("| `")]
    assert [line[: len(start)] for line, start in zip(documented, rows, strict=True)] == rows
    assert all(len(line) > len(start) + 15 for line, start in zip(documented, rows, strict=True))


def test_every_placeholder_of_commands_is_documented() -> None:
    rows = dict(re.findall(r"^\| `\{(\w+)\}` \| .* \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE))
    assert list(rows) == list(IN_SERVICES)
    assert [name for name in rows if rows[name] == "every command"] == list(IN_COMMANDS)


def test_the_pages_whole_file_is_a_sound_system_file(tmp_path: Path) -> None:
    text = next(block for block in examples() if block.startswith("# a whole system file"))
    (tmp_path / "database" / "migrations").mkdir(parents=True)
    (tmp_path / "database" / "seed.sql").touch()
    (tmp_path / "system.toml").write_text(text)
    system = read_system(tmp_path / "system.toml")
    services = {"database", "service", "image", "traffic", "smoke"}
    in_aws = "release stack function api table site secret settings alarm notifications".split()
    assert system.components == {*services, *in_aws}


def test_the_pages_whole_file_shows_every_table() -> None:
    text = next(block for block in examples() if block.startswith("# a whole system file"))
    shown = {item.model for item in written(System, tomllib.loads(text)) if item.model}
    assert shown == {model for _, model in tables(System)}


def examples() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
