"""Where a Django project is, and which settings it has, told from its files without running them."""

from __future__ import annotations

import ast
import configparser
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rollproof.errors import MigrationError, RollproofError
from rollproof.migrations.tools.base import Certainty, Found, survey
from rollproof.migrations.tools.django_library import library_in
from rollproof.migrations.tools.settings import ToolSettings

TOOL = "django"
VARIABLE = "DJANGO_SETTINGS_MODULE"
_MANAGE = "manage.py"
_CONFIGS = {"pytest.ini": "pytest", "setup.cfg": "tool:pytest", "tox.ini": "pytest"}
_DOING = "looking for the Django project"


@dataclass(frozen=True, slots=True)
class Place:
    """How the project is to be brought up.

    Attributes:
        root: folder that Django would be run in.
        manage: manage.py, run up to where it hands over to Django; None: there is none.
        settings: dotted name of the settings module; empty: manage.py says it.
        installed_apps: apps without a project; their settings are made up.
        paths: folders that modules are imported from.
    """

    root: Path
    manage: Path | None = None
    settings: str = ""
    installed_apps: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()

    @property
    def where(self) -> Path:
        """The file or folder to name in an error."""
        return self.manage or self.root


def find_places(root: Path) -> list[Found]:
    """Every manage.py; where there is none, files that tell pytest the settings; else a library's root."""
    folders = [folder for folder in survey(root) if "{{" not in str(folder.path)]
    managed = [folder.path / _MANAGE for folder in folders if _MANAGE in folder.files]
    found = [Found(TOOL, path, "manage.py of Django", Certainty.SURE) for path in managed if _is_django(path)]
    if found:
        return found
    told = (
        (folder.path / name, _settings_for_pytest(folder.path / name))
        for folder in folders
        for name in folder.files
        if name in _CONFIGS or name == "pyproject.toml"
    )
    configured = [Found(TOOL, path, f"{VARIABLE} = {name}", Certainty.SURE) for path, name in told if name]
    return configured or _library(root)


def _library(root: Path) -> list[Found]:
    own = library_in(root).own
    why = f"migrations of Django's without a project: {', '.join(own)}"
    return [Found(TOOL, root, why, Certainty.SURE)] if own else []


def place_of(path: Path, settings: ToolSettings) -> Place:
    """The project that a path means: manage.py, a file that tells pytest the settings, or a folder.

    Raises:
        MigrationError: nothing there says what the settings are, and no option does.
    """
    apps = tuple(re.split(r"[\s,]+", settings.options.get("installed_apps", "").strip(" ,\n")))
    folder = path if path.is_dir() else path.parent
    if any(apps):
        return Place(folder.absolute(), installed_apps=apps, paths=_import_roots(folder))
    named = settings.django_settings or ""
    if path.name == _MANAGE or _is_django(folder / _MANAGE):
        manage = (path if path.name == _MANAGE else folder / _MANAGE).absolute()
        return Place(manage.parent, manage, named, paths=(manage.parent,))
    if name := named or _settings_in(path) or os.environ.get(VARIABLE, ""):
        return Place(folder.absolute(), None, name, paths=_import_roots(folder))
    if (library := library_in(folder.absolute())).own:
        return Place(folder.absolute(), installed_apps=library.apps, paths=library.paths)
    raise MigrationError(
        "there is no manage.py here, and nothing says which settings module is to be used",
        doing=_DOING,
        where=str(path),
        remedy="name the folder with manage.py, or the module with --django-settings, or the apps of a "
        "library with the option `installed_apps`",
    )


def _import_roots(folder: Path) -> tuple[Path, ...]:
    """The folder, and the conventional ones in it that packages lie in."""
    places = (folder, folder / "src", folder / "tests")
    return tuple(place.absolute() for place in places if place.is_dir())


def _settings_in(path: Path) -> str:
    if path.is_file():
        return _settings_for_pytest(path)
    return next((name for file in _config_files(path) if (name := _settings_for_pytest(file))), "")


def _config_files(folder: Path) -> Iterator[Path]:
    for name in ("pyproject.toml", *_CONFIGS):
        if (folder / name).is_file():
            yield folder / name


def _settings_for_pytest(path: Path) -> str:
    """What pytest-django, or the plugin of mypy, is told."""
    text = _text(path)
    if VARIABLE.lower() not in text.lower() and "django_settings_module" not in text:
        return ""
    return _of_toml(text) if path.suffix == ".toml" else _of_ini(text, _CONFIGS.get(path.name, ""))


def _of_toml(text: str) -> str:
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return ""
    pytest = tool.get("pytest", {})
    told = pytest.get("ini_options", pytest).get(VARIABLE)
    return str(told or tool.get("django-stubs", {}).get("django_settings_module") or "")


def _of_ini(text: str, section: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation has it
    try:
        parser.read_string(text)
    except configparser.Error:
        return ""
    return parser.get(section, VARIABLE, fallback="").strip()


def _is_django(path: Path) -> bool:
    """True for a manage.py that hands over to Django; other frameworks have files of that name."""
    text = _text(path)
    return "django" in text and _parses(text)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def in_project(where: str, place: Place) -> str:
    """A line of the project's; in place of one of Rollproof's own, which is of no use to anybody there."""
    own = f"{Path(__file__).parent}{os.sep}"
    return where if where and not where.startswith(own) else str(place.where)


def remedy_for(error: RollproofError, place: Place) -> str:
    """What to do when the project could not be brought up."""
    if place.settings and f"'{place.settings}'" in error.found:
        return f"name the settings module that there is; {place.settings!r} was given"
    return error.remedy or "see that `manage.py showmigrations` works with this interpreter"
