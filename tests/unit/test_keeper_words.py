"""What a keeper says of a program that cannot be started."""

from __future__ import annotations

import errno

import pytest

from rollproof.environments.keeper_program import _why

DENIED = "Permission denied"
MISSING = "No such file or directory"


@pytest.mark.parametrize(
    ("name", "said"), [("no-such-program", MISSING), ("sh", DENIED), ("/etc/no-such-program", DENIED)]
)
def test_a_name_that_is_nowhere_on_the_path_is_missing_whoever_may_look_there(name: str, said: str) -> None:
    assert _why(PermissionError(errno.EACCES, DENIED, name)) == said


def test_anything_else_is_said_as_it_came() -> None:
    assert _why(ValueError("embedded null byte")) == "embedded null byte"
