"""Healing by undo data: what it refuses to touch, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from embedded_support import NOBODY, passable, people

from rollproof.environments.leftovers import find_leftovers, folders_in, remove_leftovers, undo_data
from rollproof.errors import AttemptFailed, BadInput
from rollproof.model.json import JsonObject, canonical

__all__ = ["passable"]
NAME = "rollproof-0123456789ab"


def test_undo_data_goes_through_a_journal_unchanged(tmp_path: Path) -> None:
    undo = undo_data(tmp_path / NAME, tmp_path / "elsewhere" / NAME)
    assert json.loads(canonical(undo)) == undo
    assert folders_in(undo) == [tmp_path / NAME, tmp_path / "elsewhere" / NAME]


def test_where_nothing_is_left_nothing_is_done(tmp_path: Path) -> None:
    assert remove_leftovers(undo_data(tmp_path / NAME)) == []
    assert not find_leftovers(tmp_path / NAME)


def test_folders_are_removed_with_all_that_is_in_them(tmp_path: Path) -> None:
    (tmp_path / NAME / "deep" / "down").mkdir(parents=True)
    (tmp_path / "sockets" / NAME).mkdir(parents=True)
    undo = undo_data(tmp_path / NAME, tmp_path / "sockets" / NAME)
    assert remove_leftovers(undo) == [
        f"removed folder {tmp_path / NAME}",
        f"removed folder {tmp_path / 'sockets' / NAME}",
    ]
    assert remove_leftovers(undo) == []


@pytest.mark.parametrize(
    "undo",
    [
        {},
        {"scratch": "/"},
        {"scratch": "/home"},
        {"scratch": f"{NAME}"},
        {"scratch": f"/srv/{NAME}/.."},
        {"scratch": f"/srv/../{NAME}"},
        {"scratch": "/srv/rollproof-"},
        {"scratch": "/srv/rollproof-0123456789abc"},
        {"scratch": f"/srv/{NAME}/data"},
        {"scratch": f"/srv/{NAME}", "folders": ["/home"]},
        {"scratch": f"/srv/{NAME}", "folders": [f"/srv/{NAME}", 7]},
        {"scratch": None},
    ],
    ids=str,
)
def test_an_altered_journal_cannot_make_it_remove_anything_else(undo: JsonObject) -> None:
    with pytest.raises(BadInput, match="not the name of a scratch folder"):
        remove_leftovers(undo)


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / NAME).symlink_to(tmp_path / "precious")
    with pytest.raises(BadInput, match="belongs to somebody else"):
        remove_leftovers(undo_data(tmp_path / NAME))
    assert (tmp_path / "precious").exists()


@pytest.mark.skipif(len(people()) < 2, reason="needs root, and a Python that an ordinary user can run")
@pytest.mark.parametrize(
    ("owner", "inside", "error"),
    [(0, NOBODY, "BadInput"), (NOBODY, 0, "AttemptFailed")],
    ids=["the folder is another's", "what is in it is another's"],
)
def test_what_an_ordinary_user_may_not_remove_is_told(
    passable: Path, owner: int, inside: int, error: str
) -> None:
    folder = passable / NAME / "inside"
    folder.mkdir(parents=True)
    (folder / "file").touch()
    os.chown(passable / NAME, owner, owner)
    os.chown(folder, inside, inside)
    os.chown(passable, NOBODY, NOBODY)
    code = (
        "from pathlib import Path; from rollproof.environments.leftovers import remove_leftovers, undo_data;"
        f"remove_leftovers(undo_data(Path({str(passable / NAME)!r})))"
    )
    person = people()[1]
    done = subprocess.run(
        [person.python, "-c", code],
        env=person.environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **person.options,
    )
    assert f"rollproof.errors.{error}: {passable / NAME}" in done.stderr
    assert "what to do:" in done.stderr
    assert (folder / "file").exists()


def test_what_cannot_be_removed_is_told(tmp_path: Path) -> None:
    """A file instead of a folder: not made by us, and not removed as one."""
    (tmp_path / NAME).touch()
    with pytest.raises(AttemptFailed, match="cannot be removed"):
        remove_leftovers(undo_data(tmp_path / NAME))
