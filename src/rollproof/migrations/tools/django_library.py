"""Apps of Django's that come without a project: which there are, and which others their migrations need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rollproof.migrations.tools.base import Folder, survey

_CONTRIB = frozenset("admin auth contenttypes flatpages redirects sessions sites".split())
_ALWAYS = ("django.contrib.contenttypes", "django.contrib.auth")
"""what nearly every app refers to; without them models that do cannot be imported"""
_MIGRATION = re.compile(r"(?m)^class Migration\(")
_DEPENDS = re.compile(r"""\(\s*["'](\w+)["']\s*,\s*["'](?:\d{4}_\w+|__first__|__latest__)["']\s*,?\s*\)""")
_ASIDE = frozenset(
    "test tests testing testapp testproject test_project example examples sample samples demo docs".split()
)


@dataclass(frozen=True, slots=True)
class Library:
    """Apps in a folder.

    Attributes:
        apps: what INSTALLED_APPS has to hold, Django's own first.
        own: those of them that are in the folder.
        paths: folders that they are imported from.
    """

    apps: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()


def library_in(root: Path) -> Library:
    """The apps below a folder that have migrations; those for show only when there are no others."""
    found = [folder.path for folder in survey(root) if _is_migrations(folder)]
    serious = [path for path in found if not _ASIDE & set(path.relative_to(root).parts)]
    packages = [path.parent for path in serious or found]
    if not packages:
        return Library()
    roots = {package: _import_root(package) for package in packages}
    own = tuple(".".join(package.relative_to(roots[package]).parts) for package in packages)
    needed = {label for package in packages for label in _depends(package / "migrations")}
    contrib = (f"django.contrib.{label}" for label in sorted(needed & _CONTRIB))
    apps = dict.fromkeys([*_ALWAYS, *contrib, *own])
    return Library(tuple(apps), own, tuple(dict.fromkeys(roots.values())))


def _is_migrations(folder: Folder) -> bool:
    """True for a package `migrations` in another package, with a migration of Django's."""
    if folder.path.name != "migrations" or "__init__.py" not in folder.files:
        return False
    if not (folder.path.parent / "__init__.py").is_file():
        return False
    return any(_MIGRATION.search(_text(folder.path / name)) for name in _modules(folder.files))


def _modules(files: tuple[str, ...]) -> list[str]:
    return [name for name in files if name.endswith(".py") and name[:1].isdecimal()]


def _depends(folder: Path) -> set[str]:
    return {label for path in folder.glob("[0-9]*.py") for label in _DEPENDS.findall(_text(path))}


def _import_root(package: Path) -> Path:
    """The folder above the outermost package."""
    folder = package.absolute()
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
