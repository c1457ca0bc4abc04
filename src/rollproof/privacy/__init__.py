"""Personal data and secrets: recognised in text, cut out of it, and searched for before a run is sealed.

What is named here is imported when it is first asked for: its patterns take long to be made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.privacy.detect import Hit, Kind, find, without
    from rollproof.privacy.files import Leak, search_folder

__all__ = ["Hit", "Kind", "Leak", "find", "search_folder", "without"]
_ROOMS = {
    "Hit": "detect",
    "Kind": "detect",
    "Leak": "files",
    "find": "detect",
    "search_folder": "files",
    "without": "detect",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
