"""Extensions that a server's build came without, in a private folder of its extensions.

A server finds its extensions beside its own program. So a folder of links to an installation, with a
server program of its own, has its extensions and more, while the installation stays as it is.
"""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from pathlib import Path

from rollproof.environments.embedded.account import Account
from rollproof.environments.embedded.relocation import link_or_copy
from rollproof.errors import EnvironmentUnavailable

UUID_OSSP = "uuid-ossp"
MARKER = "rollproof-standins"
"""A file of this name stands in an extension folder that is Rollproof's own, and goes with the server."""

_LAYOUTS = (("share",), ("share", "postgresql"))
"""Where wheels keep what `extension` is in, beside `bin` and `lib`."""
_CONTROL = """\
comment = '{comment}'
default_version = '{version}'
relocatable = true
trusted = true
"""
_COMMENT = "generate universally unique identifiers (UUIDs)"


def can_be_given_more(bin_dir: Path) -> bool:
    """True for an installation of a wheel's layout, whose extensions are found beside the server program."""
    return _extensions(bin_dir) is not None


def lacks_uuid_ossp(bin_dir: Path) -> bool:
    """True for such an installation when it comes without that extension."""
    folder = _extensions(bin_dir)
    return folder is not None and not (folder / f"{UUID_OSSP}.control").exists()


def with_standins(bin_dir: Path, target: Path, account: Account | None) -> Path:
    """A bin folder below `target` with the same server, whose folder of extensions is Rollproof's own.

    It has uuid-ossp too; only `postgres` is in it.

    Args:
        target: does not exist yet; nobody but the account can look into it.
        account: who the server runs as, when not oneself.

    Raises:
        EnvironmentUnavailable: it cannot be made.
    """
    extensions = _extensions(bin_dir)
    assert extensions is not None
    try:
        _link(bin_dir, extensions, target)
        target.chmod(0o700)
        if account is not None:
            os.chown(target, account.uid, account.gid)
    except (OSError, shutil.Error) as error:
        raise EnvironmentUnavailable(
            f"the server cannot be given a folder of extensions: {error}",
            where=str(target),
            remedy="make room there",
        ) from error
    return target / "bin"


def stand_in(extensions: Path, name: str, *, script: str, comment: str = "", version: str = "1.0") -> None:
    """Gives a folder of extensions another one. It is trusted: whoever may create objects may create it."""
    # A comment of none is one, too; quotes and line ends would end it.
    said = comment.replace("'", "").replace("\n", " ")
    control = _CONTROL.format(comment=said, version=version)
    for file, text in ((f"{name}--{version}.sql", script), (f"{name}.control", control)):
        (extensions / file).write_text(text, encoding="utf-8")
        (extensions / file).chmod(0o644)


def _extensions(bin_dir: Path) -> Path | None:
    places = (bin_dir.parent.joinpath(*layout, "extension") for layout in _LAYOUTS)
    return next((place for place in places if place.is_dir()), None)


def _link(bin_dir: Path, extensions: Path, target: Path) -> None:
    root, own = bin_dir.parent, target / extensions.relative_to(bin_dir.parent)
    (target / "bin").mkdir(parents=True, mode=0o755)
    link_or_copy(str(bin_dir / "postgres"), str(target / "bin" / "postgres"))
    own.mkdir(parents=True, mode=0o755)
    for folder in (extensions, *extensions.parents):
        if not folder.is_relative_to(root):
            break
        _link_what_is_in(folder, target / folder.relative_to(root))
    (own / MARKER).touch(mode=0o644)
    if lacks_uuid_ossp(bin_dir):
        script = files(__package__).joinpath("sql/uuid_ossp.sql").read_text(encoding="utf-8")
        stand_in(own, UUID_OSSP, script=script, comment=_COMMENT, version="1.1")
    for folder in (target / "bin", own, *own.parents):
        if folder.is_relative_to(target):
            folder.chmod(0o755)  # whoever the server runs as; umask may have it otherwise


def _link_what_is_in(source: Path, target: Path) -> None:
    for entry in source.iterdir():
        place = target / entry.name
        if not place.exists():
            place.symlink_to(entry)
