"""Personal data and secrets: recognised in text, cut out of it, and searched for before a run is sealed."""

from rollproof.privacy.detect import Hit, Kind, find, without
from rollproof.privacy.files import Leak, search_folder

__all__ = ["Hit", "Kind", "Leak", "find", "search_folder", "without"]
