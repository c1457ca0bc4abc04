"""Each mistake of a user ends in one clear error: what, where, and what to do; nothing is left or lost."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from drilling import JOURNAL, Drilled, Ended, nothing_is_left

from rollproof.journal import read_journal

NO_ERROR_FOR_A_PERSON = ("Traceback", "INTERNALERROR", "site-packages", "/src/rollproof/")


@dataclass(frozen=True)
class Case:
    """A row of bad_input.toml."""

    name: str
    code: int
    said: list[str]
    unsaid: list[str] = field(default_factory=list)
    write: dict[str, str] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    edit: list[list[str]] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    rollproof: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, drilled: Drilled) -> Ended:
        for name, text in self.write.items():
            drilled.write(name, text.removeprefix("latin-1:").encode(_encoding(text)))
        for file, old, new in self.edit:
            drilled.edit(file, (old, new))
        for pattern in self.remove:
            for path in drilled.root.glob(pattern):
                drilled.remove(path)
        environ = {name: value.replace("{P}", str(drilled.root)) for name, value in self.environ.items()}
        if self.rollproof:
            return drilled.rollproof(*self.rollproof, **environ)
        return drilled.drill("-q", *self.arguments, **environ)


def _encoding(text: str) -> str:
    return "latin-1" if text.startswith("latin-1:") else "utf-8"


def cases() -> list[Any]:
    """Every second in each run of the tests; the others are left to `make kill`."""
    rows = tomllib.loads((Path(__file__).parent / "bad_input.toml").read_text())["case"]
    return [
        pytest.param(
            Case(**row), id=row["name"].replace(" ", "-"), marks=pytest.mark.slow if number % 2 else ()
        )
        for number, row in enumerate(rows)
    ]


def one_clear_error(ended: Ended, texts: list[str], root: Path) -> None:
    """The texts come in this order, and nothing that only a developer could read."""
    rest = ended.said
    for text in texts:
        wanted = text.replace("{P}", str(root))
        assert wanted in rest, f"not said, or not in this order: {wanted}\n{ended.said}"
        rest = rest.partition(wanted)[2]
    assert [text for text in NO_ERROR_FOR_A_PERSON if text in ended.said] == [], ended.said


def all_is_well(drilled: Drilled) -> None:
    """Every run there was has come to its end by itself, and has left nothing."""
    for run in drilled.runs():
        nothing_is_left(run / JOURNAL, within=0.001)
        assert read_journal(run / JOURNAL).events[-1].act == "run.finished"
    assert drilled.rollproof("heal").said.startswith("nothing to heal")


@pytest.mark.parametrize("case", cases())
def test_a_mistake_ends_in_one_clear_error(case: Case, mini: Drilled) -> None:
    ended = case.run(mini)
    assert ended.code == case.code, ended.said
    one_clear_error(ended, case.said, mini.root)
    assert ended.said.count("what to do:") <= 1, ended.said
    assert [text for text in case.unsaid if text in ended.said] == []
    all_is_well(mini)
