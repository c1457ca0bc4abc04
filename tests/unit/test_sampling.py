"""The list of what is tested in part names files that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path

FOLDER = Path(__file__).parents[1]


def test_every_file_that_is_sampled_is_there_and_loses_tests() -> None:
    one_in = tomllib.loads((FOLDER / "sampling.toml").read_text())["one-in"]
    assert {name: (FOLDER / name).is_file() and often > 1 for name, often in one_in.items()} == dict.fromkeys(
        one_in, True
    )
