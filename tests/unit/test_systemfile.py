"""Every mistake in a system file is named with its line. A case is a file in systemfile_cases/.

`#! message` at the end of a line expects `message` for that line; `#!7: message` anywhere, for line 7.
Several may follow each other; `…` stands for anything. Adding a case takes no Python.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path

import pytest

from rollproof.errors import SystemFileError
from rollproof.model.systemfile import read_system

CASES = Path(__file__).parent / "systemfile_cases"
_EXPECTED = re.compile(r"#!(?:(\d+):)? (.*)")


def expected_lines(path: Path) -> list[str]:
    """What the case's own comments expect."""
    found = [
        (int(match[1] or number), match[2].strip())
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for part in re.split(r"(?= #!)", " " + line)
        if (match := _EXPECTED.search(part))
    ]
    return [f"{path.name}:{number}: {text}" for number, text in sorted(found)]


def fits(line: str | None, pattern: str | None) -> bool:
    """Whether a line is what a case expects."""
    if line is None or pattern is None:
        return False
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), line))


@pytest.mark.parametrize("case", sorted(CASES.glob("*.toml")), ids=lambda path: path.stem)
def test_each_mistake_is_named_with_its_line_in_one_error(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES)
    with pytest.raises(SystemFileError) as caught:
        read_system(Path(case.name))
    said = str(caught.value).split("\n")
    wanted = expected_lines(case)
    assert [one if fits(one, other) else other for one, other in zip_longest(said, wanted)] == said


def test_there_are_cases_and_each_expects_something() -> None:
    cases = list(CASES.glob("*.toml"))
    assert len(cases) > 40
    assert all(expected_lines(case) for case in cases)


def test_no_message_speaks_the_validators_jargon() -> None:
    said = "\n".join(line for case in CASES.glob("*.toml") for line in expected_lines(case)).lower()
    assert not re.search(r"pydantic|https?://(?!127)|valid_|_type|none(?!:| or)\b.*type|traceback", said)


@pytest.mark.parametrize("case", sorted(CASES.glob("*.toml")), ids=lambda path: path.stem)
def test_no_message_repeats_a_secret(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    with pytest.raises(SystemFileError) as caught:
        read_system(Path(case.name))
    assert "hunter2" not in str(caught.value)
    assert "abcdEFGH" not in str(caught.value)
