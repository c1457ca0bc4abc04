"""Extensions that a server's build came without, in a private folder of its extensions.

A server finds its extensions beside its own program. So a folder of links to an installation, with a
server program of its own, has its extensions and more, while the installation stays as it is.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rollproof.environments.embedded.account import Account
from rollproof.environments.embedded.relocation import link_or_copy
from rollproof.errors import EnvironmentUnavailable

UUID_OSSP = "uuid-ossp"
MARKER = "rollproof-standins"
"""A file of this name stands in an extension folder that is Rollproof's own, and goes with the server."""

_SHARES = (("share",), ("share", "postgresql"))
"""Where wheels keep what `extension` is in, beside `bin` and `lib`."""
_DEBIAN = ("lib", "postgresql")
"""Debian has `lib/postgresql/15/bin` and `share/postgresql/15`; a server finds the one from the other."""
_CONTROL = """\
comment = '{comment}'
default_version = '{version}'
relocatable = true
trusted = true
"""
_COMMENT = "generate universally unique identifiers (UUIDs)"


def can_be_given_more(bin_dir: Path) -> bool:
    """True for an installation whose extensions are found from where the server program is."""
    return _Layout.of(bin_dir) is not None


def lacks_uuid_ossp(bin_dir: Path) -> bool:
    """True for such an installation when it comes without that extension."""
    layout = _Layout.of(bin_dir)
    return layout is not None and not (layout.extensions / f"{UUID_OSSP}.control").exists()


def with_standins(bin_dir: Path, target: Path, account: Account | None) -> Path:
    """A bin folder below `target` with the same server, whose folder of extensions is Rollproof's own.

    It has uuid-ossp too; only `postgres` is in it.

    Args:
        target: when it is there already, it is left as it is; nobody but the account can look into it.
        account: who the server runs as, when not oneself.

    Raises:
        EnvironmentUnavailable: it cannot be made.
    """
    layout = _Layout.of(bin_dir)
    assert layout is not None
    own = target / bin_dir.relative_to(layout.root)
    if target.exists():
        return own
    try:
        _link(bin_dir, layout, target)
        target.chmod(0o700)
        if account is not None:
            os.chown(target, account.uid, account.gid)
    except (OSError, shutil.Error) as error:
        raise EnvironmentUnavailable(
            f"the server cannot be given a folder of extensions: {error}",
            where=str(target),
            remedy="make room there",
        ) from error
    return own


def stand_in(extensions: Path, name: str, *, script: str, comment: str = "", version: str = "1.0") -> None:
    """Gives a folder of extensions another one. It is trusted: whoever may create objects may create it."""
    # A comment of none is one, too; quotes and line ends would end it.
    said = comment.replace("'", "").replace("\n", " ")
    control = _CONTROL.format(comment=said, version=version)
    for file, text in ((f"{name}--{version}.sql", script), (f"{name}.control", control)):
        (extensions / file).write_text(text, encoding="utf-8")
        (extensions / file).chmod(0o644)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How an installation is laid out.

    Attributes:
        root: the folder that both programs and extensions are below.
        extensions: the folder of the extensions.
        linked: folders whose entries the server needs to find where it expects them.
    """

    root: Path
    extensions: Path
    linked: tuple[Path, ...]

    @classmethod
    def of(cls, bin_dir: Path) -> _Layout | None:
        """That of the installation with these programs; None when it is another one."""
        for share in _SHARES:
            if (place := bin_dir.parent.joinpath(*share, "extension")).is_dir():
                between = [folder for folder in place.parents if folder.is_relative_to(bin_dir.parent)]
                return cls(bin_dir.parent, place, (place, *between))
        *above, major, _ = bin_dir.parts
        if tuple(above[-2:]) == _DEBIAN:
            root = bin_dir.parents[3]
            place = root / "share" / "postgresql" / major / "extension"
            return cls(root, place, (place, place.parent, bin_dir.parent)) if place.is_dir() else None
        return None


def _link(bin_dir: Path, layout: _Layout, target: Path) -> None:
    root, extensions = layout.root, layout.extensions
    own, programs = (target / folder.relative_to(root) for folder in (extensions, bin_dir))
    programs.mkdir(parents=True, mode=0o755)
    link_or_copy(str(bin_dir / "postgres"), str(programs / "postgres"))
    own.mkdir(parents=True, mode=0o755)
    for folder in layout.linked:
        _link_what_is_in(folder, target / folder.relative_to(root))
    (own / MARKER).touch(mode=0o644)
    if lacks_uuid_ossp(bin_dir):
        script = files(__package__).joinpath("sql/uuid_ossp.sql").read_text(encoding="utf-8")
        stand_in(own, UUID_OSSP, script=script, comment=_COMMENT, version="1.1")
    for folder in (programs, own, *programs.parents, *own.parents):
        if folder.is_relative_to(target):
            folder.chmod(0o755)  # whoever the server runs as; umask may have it otherwise


def _link_what_is_in(source: Path, target: Path) -> None:
    for entry in source.iterdir():
        place = target / entry.name
        if not place.exists():
            place.symlink_to(entry)
