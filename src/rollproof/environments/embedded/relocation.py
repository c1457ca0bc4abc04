"""Postgres' programs where their user can read them: what is below /root is closed to others."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from rollproof.errors import EnvironmentUnavailable

_FOLDERS = ("bin", "lib", "lib64", "share")
_NEVER_RUN = ("doc", "man", "locale", "include", "pkgconfig")


def readable_copy(bin_dir: Path, target: Path) -> Path:
    """Copies an installation to `target`, readable by everyone who can get there; its new bin folder.

    Files that everyone may read are linked instead where the file system allows it. Postgres looks
    for its libraries and its share folder beside its bin folder, so they go along.

    Raises:
        EnvironmentUnavailable: it cannot be copied.
    """
    try:
        for name in _FOLDERS:
            source = bin_dir.parent / name
            if source.is_dir():
                shutil.copytree(
                    source,
                    target / name,
                    symlinks=True,
                    copy_function=link_or_copy,
                    ignore=shutil.ignore_patterns(*_NEVER_RUN),
                )
        _let_everyone_in(target)
    except (OSError, shutil.Error) as error:
        raise EnvironmentUnavailable(
            f"PostgreSQL's programs cannot be copied to where its user can read them: {error}",
            where=str(bin_dir.parent),
            remedy="name a bin folder that everyone can read in ROLLPROOF_PG_BIN",
        ) from error
    return target / bin_dir.name


def link_or_copy(source: str, target: str) -> None:
    """Links a file that everyone may read where that can be done, and copies it elsewhere."""
    mode = stat.S_IMODE(os.stat(source).st_mode)  # noqa: PTH116  # copytree hands over strings
    if mode & 0o004:
        try:
            os.link(source, target)
        except OSError:
            pass  # another file system, or one without links
        else:
            return
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if mode & 0o100 else 0o644)


def _let_everyone_in(target: Path) -> None:
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)
