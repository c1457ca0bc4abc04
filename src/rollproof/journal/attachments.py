"""Things too large for a journal line, kept by content: the name is the SHA-256 of the bytes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.errors import EnvironmentUnavailable, JournalError
from rollproof.model.json import Json, canonical

if TYPE_CHECKING:
    from rollproof.privacy.attached import Cleaner

FOLDER = "attachments"


def unwritable(path: Path, error: OSError) -> EnvironmentUnavailable:
    """The one error for a journal, or what belongs to it, that the disk does not take."""
    return EnvironmentUnavailable(
        f"the journal cannot be written ({error.strerror})",
        where=str(path),
        remedy="make room on the disk that holds the reports, or name another folder for them",
    )


class Attachments:
    """Content-addressed JSON files beside a journal."""

    def __init__(self, run_folder: Path) -> None:
        self.folder = run_folder / FOLDER
        self._cleaner: Cleaner | None = None

    def put(self, value: Json) -> str:
        """Writes `value` as canonical JSON and returns its digest (64 hex digits).

        Of secrets and personal data keyed digests are written, equal for equal ones; see `Cleaner`.

        Raises EnvironmentUnavailable when the disk is full or gone.
        """
        body = self._cleaned(value)
        name = hashlib.sha256(body).hexdigest()
        path = self.folder / f"{name}.json"
        try:
            if not path.exists():
                self._write(path, body)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return name

    def _cleaned(self, value: Json) -> bytes:
        from rollproof.privacy.attached import Cleaner  # its patterns take long to be made; readers need none

        if self._cleaner is None:
            self._cleaner = Cleaner()
        body = canonical(value)
        found = self._cleaner.clean(value, body)
        return body if found is value else canonical(found)

    def _write(self, path: Path, body: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            partial.write_bytes(body)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise

    def get(self, name: str) -> Json:
        """The value under a digest.

        Raises JournalError when it is missing or is not what its name says, ValueError when it is no JSON.
        """
        if not (len(name) == 64 and name.isalnum()):
            raise JournalError("the journal names an attachment by no digest", where=str(self.folder))
        path = self.folder / f"{name}.json"
        try:
            body = path.read_bytes()
        except OSError as error:
            raise JournalError(
                f"an attachment of the journal is missing ({error.strerror})", where=str(path)
            ) from error
        if hashlib.sha256(body).hexdigest() != name:
            raise JournalError("an attachment's content does not match its digest", where=str(path))
        try:
            value: Json = json.loads(body)
        except RecursionError as error:
            raise JournalError("an attachment nests too deeply to be read", where=str(path)) from error
        return value
