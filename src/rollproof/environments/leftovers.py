"""What a run that died left behind, although its keepers were there: found and removed by its scratch folder.

Needed when the keepers were killed too (a whole container or session was), and after a crash of the machine.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from rollproof.environments import keeper_program
from rollproof.environments.keeper import MARKER, end_processes
from rollproof.environments.keeper_program import PREFIX, remove_folder, remove_shared_memory
from rollproof.errors import AttemptFailed, BadInput
from rollproof.model.json import JsonObject
from rollproof.waiting import eventually

UNDO = "embedded"
"""`kind` of the undo data."""

_PROGRAM = Path(keeper_program.__file__).name
_NAME = re.compile(re.escape(PREFIX) + r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What there still is of a scratch folder's run."""

    processes: Sequence[psutil.Process]
    folders: Sequence[Path]

    def __bool__(self) -> bool:
        return bool(self.processes or self.folders)


def undo_data(scratch: Path, *others: Path) -> JsonObject:
    """What a journal must say before `scratch` (and other folders of the same name) is made."""
    return {"kind": UNDO, "scratch": str(scratch), "folders": [str(path) for path in (scratch, *others)]}


def find_leftovers(scratch: Path, *others: Path) -> Leftovers:
    """Processes that belong to a scratch folder and the folders that still exist.

    A process belongs when its environment bears the marker, when it is a keeper of that folder, or
    when it is a Postgres whose data folder is in it. One that merely has the folder's name among its
    arguments (an editor, a `tail -f`) does not.
    """
    folders = [path for path in (scratch, *others) if os.path.lexists(path)]
    return Leftovers(list(_processes_of(scratch)), folders)


def is_kept(scratch: Path) -> bool:
    """Whether a keeper looks after a scratch folder: then its run goes on, or is being cleared away."""
    return any(_is_keeper(process, scratch) for process in psutil.process_iter())


def kept_names() -> frozenset[str]:
    """Names of the scratch folders that keepers look after now, wherever the folders are."""
    return frozenset(
        name
        for process in psutil.process_iter()
        for argument in _keeper_arguments(process)
        if _NAME.fullmatch(name := Path(argument).name)
    )


def _processes_of(scratch: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        if process.pid != os.getpid() and _belongs(process, scratch):
            yield process


def _belongs(process: psutil.Process, scratch: Path) -> bool:
    return _is_marked(process, scratch) or _is_keeper(process, scratch) or _is_postgres(process, scratch)


def _is_marked(process: psutil.Process, scratch: Path) -> bool:
    try:
        return process.environ().get(MARKER) == str(scratch)
    except (psutil.Error, OSError):
        return False


def _is_keeper(process: psutil.Process, scratch: Path) -> bool:
    return str(scratch) in _keeper_arguments(process)


def _keeper_arguments(process: psutil.Process) -> list[str]:
    """What a keeper was called with; empty for any other program."""
    try:
        argv = process.cmdline()
    except (psutil.Error, OSError):
        return []
    return argv if any(Path(text).name == _PROGRAM for text in argv) else []


def _is_postgres(process: psutil.Process, scratch: Path) -> bool:
    """Backends overwrite their arguments and their environment, but they work in the data folder."""
    try:
        named = process.name() in ("postgres", "initdb")
        return named and any(_inside(text, scratch) for text in (process.cwd(), *process.cmdline()))
    except (psutil.Error, OSError):
        return False


def _inside(text: str, scratch: Path) -> bool:
    return text.startswith(f"{scratch}/")


def remove_leftovers(undo: JsonObject, *, patience: float = 15.0) -> list[str]:
    """Ends the processes and removes the folders that undo data names; says what there was, a line each.

    Keepers that are still at it are given `patience` seconds to finish by themselves. Idempotent.

    Raises:
        BadInput: the undo data names something that is no scratch folder; nothing is touched.
        AttemptFailed: something is still there.
    """
    scratch, *others = folders_in(undo)
    _let_keepers_finish(scratch, patience)
    done = [f"ended process {say}" for say in _end_all(scratch)]
    for folder in find_leftovers(scratch, *others).folders:
        if not remove_folder(str(folder)):
            raise AttemptFailed(
                "a folder that a killed run left cannot be removed",
                where=str(folder),
                remedy="remove it by hand",
            )
        done.append(f"removed folder {folder}")
    return done


def folders_in(undo: JsonObject) -> list[Path]:
    """The folders that undo data names, the scratch folder first.

    Raises:
        BadInput: one of them could not have been made by this module's users. A journal is a file
            that others may have written: what it names is removed only if it looks like ours.
    """
    named = undo.get("folders")
    folders = [Path(str(item)) for item in named] if isinstance(named, list | tuple) else []
    scratch = Path(str(undo.get("scratch")))
    for folder in (scratch, *folders):
        _must_be_ours(folder)
    return list(dict.fromkeys([scratch, *folders]))


def _must_be_ours(folder: Path) -> None:
    if not folder.is_absolute() or ".." in folder.parts or not _NAME.fullmatch(folder.name):
        raise BadInput(
            "this is not the name of a scratch folder, so nothing of it is removed",
            where=str(folder),
            remedy="look at the journal that names it: it was altered, or written by another version",
        )
    if folder.is_symlink() or (folder.exists() and os.geteuid() not in (0, folder.stat().st_uid)):
        raise BadInput(
            "this scratch folder belongs to somebody else, so nothing of it is removed",
            where=str(folder),
            remedy="heal as the user whose run it was",
        )


def _let_keepers_finish(scratch: Path, patience: float) -> None:
    def none_at_work() -> bool:
        return not any(_is_keeper(process, scratch) for process in psutil.process_iter())

    try:
        eventually(none_at_work, within=patience, what="the keepers have finished")
    except AttemptFailed:
        return  # then they hang, and are ended like the rest


def _end_all(scratch: Path) -> list[str]:
    """Again and again until none is found, for one may start another while it is being ended."""
    ended: dict[int, str] = {}

    def gone() -> bool:
        found = find_leftovers(scratch).processes
        ended.update({process.pid: f"{process.pid} ({_name(process)})" for process in found})
        began = [_began(process) for process in found]
        end_processes(found)
        remove_shared_memory({process.pid for process in found}, since=min(began, default=0))
        return not found

    try:
        eventually(gone, within=30, what="they are gone")
    except AttemptFailed as error:
        raise AttemptFailed(
            "processes that a killed run left cannot be ended",
            where=str(scratch),
            remedy=f"end them by hand: {', '.join(ended.values())}",
        ) from error
    return list(ended.values())


def _began(process: psutil.Process) -> float:
    try:
        return float(process.create_time()) - 1  # a second is as exact as the times of segments are
    except psutil.Error:
        return time.time()


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "gone meanwhile"
