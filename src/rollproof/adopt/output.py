"""Writing the files: never over one that is there, unless asked to, and then it is kept beside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rollproof.errors import BadInput

_DOING = "writing what was found"


def write_all(texts: Mapping[Path, str], *, force: bool) -> list[tuple[Path, Path | None]]:
    """Writes every file, or none when one may not be written.

    Args:
        force: a file that is there is moved aside first, to `name.bak`, `name.bak-2` and so on.

    Returns: each path with where the file that was there is now.

    Raises BadInput: a file is there and `force` is not given, or it cannot be written.
    """
    there = [path for path in texts if path.exists() or path.is_symlink()]
    if there and not force:
        raise BadInput(
            f"there is such a file already: {', '.join(path.name for path in there)}",
            doing=_DOING,
            where=", ".join(map(str, there)),
            remedy="look at --dry-run and take over what you miss, or give --force, which keeps the old "
            "file beside the new one as .bak",
        )
    if blocked := [path.parent for path in texts if path.parent.exists() and not path.parent.is_dir()]:
        raise BadInput("this is a file, a folder is needed", where=str(blocked[0]), remedy="move it away")
    try:
        return [(path, _write(path, text)) for path, text in texts.items()]
    except OSError as error:
        raise BadInput(
            f"it cannot be written ({error.strerror})",
            doing=_DOING,
            where=str(error.filename),
            remedy="make the folder writable, or take the text from --dry-run",
        ) from error


def _write(path: Path, text: str) -> Path | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if path.exists() or path.is_symlink():
        kept = _free(path)
        path.rename(kept)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return kept


def _free(path: Path) -> Path:
    number, found = 1, path.with_name(f"{path.name}.bak")
    while found.exists() or found.is_symlink():
        number += 1
        found = path.with_name(f"{path.name}.bak-{number}")
    return found
