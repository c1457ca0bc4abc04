"""What a report says to do it again: a command that a person can type."""

from __future__ import annotations

import sys

import pytest

from rollproof.drill.session import command_line


@pytest.mark.parametrize(
    ("called", "typed"),
    [
        (["/usr/bin/pytest", "features", "-n", "2"], ["pytest", "features", "-n", "2"]),
        (["/venv/lib/python/site-packages/pytest/__main__.py", "-q"], ["python", "-m", "pytest", "-q"]),
        (
            ["/src/rollproof/__main__.py", "drill", "run", "p"],
            ["python", "-m", "rollproof", "drill", "run", "p"],
        ),
    ],
)
def test_the_program_is_named_as_it_is_typed(
    called: list[str], typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command_line(called) == typed
    monkeypatch.setattr(sys, "argv", called)
    assert command_line() == typed
