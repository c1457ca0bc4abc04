"""A bundle that came as a ZIP file: unpacked where nothing in it can reach anything else."""

from __future__ import annotations

import lzma
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rollproof.errors import BadInput
from rollproof.seal.layout import SEAL

_MOST_BYTES = 4 << 30
_MOST_FILES = 100_000
_DAMAGED = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError)
"""What `zipfile` raises for bytes that somebody else made; NotImplementedError is a RuntimeError."""
_REMEDY = "ask for the folder itself, or for an archive of plain files"


@contextmanager
def opened(bundle: Path) -> Iterator[Path]:
    """The bundle's folder: itself, or what the archive holds, removed afterwards.

    Raises BadInput for what is neither, and for an archive that is damaged, or holds a name twice, one that
    leads out of it or that others may unpack elsewhere, a link, or more than 4 GiB or 100,000 files.
    """
    if bundle.is_dir():
        yield bundle
        return
    if not bundle.exists():
        raise BadInput("there is no such bundle", where=str(bundle), remedy="name the folder of a run")
    if not zipfile.is_zipfile(bundle):
        raise BadInput("this is no folder and no ZIP file", where=str(bundle), remedy="name a run's folder")
    with tempfile.TemporaryDirectory(prefix="rollproof-verify-") as scratch:
        try:
            with zipfile.ZipFile(bundle) as archive:
                _refuse(archive, bundle)
                archive.extractall(scratch)
        except _DAMAGED as error:
            raise BadInput(f"the archive is damaged ({error})", where=str(bundle), remedy=_REMEDY) from error
        yield _inside(Path(scratch))


def _refuse(archive: zipfile.ZipFile, bundle: Path) -> None:
    names = archive.namelist()
    why = ""
    if len(set(names)) != len(names):
        why = "a name is in the archive twice"
    elif any(name.startswith(("/", "\\")) or ".." in Path(name).parts for name in names):
        why = "a name in the archive leads out of it"
    elif any(not _plain(name) for name in names):
        why = "a name in the archive is written in a way that others may unpack elsewhere"
    elif len(names) > _MOST_FILES:
        why = f"the archive holds more than {_MOST_FILES:,} files"
    elif any(stat.S_ISLNK(entry.external_attr >> 16) for entry in archive.infolist()):
        why = "there is a symbolic link in the archive"
    elif sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
        why = "the archive holds more than 4 GiB"
    if why:
        raise BadInput(why, where=str(bundle), remedy=_REMEDY)


def _plain(name: str) -> bool:
    return "\\" not in name and all(part not in {"", "."} for part in name.removesuffix("/").split("/"))


def _inside(scratch: Path) -> Path:
    """The folder with the seal: the archive's own, or the only one in it."""
    entries = list(scratch.iterdir())
    if not (scratch / SEAL).exists() and len(entries) == 1 and entries[0].is_dir():
        return entries[0]
    return scratch
