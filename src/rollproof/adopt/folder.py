"""The repository: its folders, walked within bounds by the same survey that finds migrations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rollproof.errors import BadInput
from rollproof.migrations.tools import base

LARGEST_FILE = 2 * 1024 * 1024
"""bytes; what is larger is not read, and that is said"""
MOST_READ = 3000
"""files that are opened to see what they are"""
_DOING = "looking through the repository"


@dataclass
class Repository:
    """A folder and what was noted about it.

    Attributes:
        root: absolute; links in it are not followed to other folders.
    """

    root: Path
    notes: list[str] = field(default_factory=list)
    _opened: int = 0

    @classmethod
    def at(cls, folder: Path) -> Repository:
        """Raises BadInput: there is no such folder, or it cannot be listed."""
        root = folder.absolute()
        try:
            next(iter(root.iterdir()), None)
        except FileNotFoundError:
            found = "there is no such folder"
        except NotADirectoryError:
            found = "this is a file, a folder is expected"
        except OSError as error:
            found = f"the folder cannot be read ({error.strerror})"
        else:
            return cls(root)
        raise BadInput(found, doing=_DOING, where=str(folder), remedy="name the repository's folder")

    @cached_property
    def folders(self) -> tuple[base.Folder, ...]:
        """The folders from the top; says in the notes when there were more."""
        found = base.survey(self.root)
        if len(found) >= base.MOST_FOLDERS:
            self.note(f"only the first {base.MOST_FOLDERS} folders were looked at; name a smaller FOLDER")
        if deepest := [f for f in found if f.depth == base.DEPTH and f.folders]:
            where = self.shown(deepest[0].path)
            self.note(f"folders deeper than {base.DEPTH} were not looked at, such as those in {where}")
        return found

    def files(self, fits: Callable[[str], object]) -> Iterator[Path]:
        """Files whose name fits, those nearest to the top first; blanks for new projects are left out."""
        folders = (folder for folder in self.folders if "{{" not in self.shown(folder.path))
        return (folder.path / name for folder in folders for name in folder.files if fits(name))

    def shown(self, path: Path, line: int = 0) -> str:
        """A path as messages and comments have it: `deploy/compose.yml:12`."""
        name = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name
        name = re.sub(r"[^\x20-\x7e\u00a0-\U0010ffff]", "?", name)
        return f"{name}:{line}" if line else name

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def text(self, path: Path) -> str:
        """What a file says; empty, with a note, when it cannot be read. Other than plain files are left."""
        try:
            if not path.is_file():
                return ""
            if path.stat().st_size > LARGEST_FILE:
                self.note(f"{self.shown(path)}: larger than {LARGEST_FILE // 1024**2} MiB; not read")
                return ""
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self.note(f"{self.shown(path)}: cannot be read ({why}); left out")
            return ""

    def may_open(self) -> bool:
        """Whether one more file may be opened to see what it is."""
        self._opened += 1
        if self._opened == MOST_READ + 1:
            self.note(f"only {MOST_READ} YAML and JSON files were opened; name a smaller FOLDER")
        return self._opened <= MOST_READ


def slug(text: str, *, fallback: str = "system", most: int = 60) -> str:
    """A name for a key: small letters, digits and hyphens, a letter first."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", text)
    plain = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    return re.sub(r"^[^a-z]+", "", plain)[:most].rstrip("-") or fallback


def apart(name: str, taken: set[str]) -> str:
    """The name, with a number when something bears it already; it is taken from then on."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found
