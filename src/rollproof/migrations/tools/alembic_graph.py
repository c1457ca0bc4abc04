"""In the project's interpreter: a ScriptDirectory's revisions, in order, or one clear error.

Loaded beside `alembic_program.py`; Alembic 1.5 and later.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.migrations.tools.worker_program import Refused
else:
    from rollproof_worker import Refused

_ABSENT = re.compile(r"Revision (\S+) referenced from .*? -> (\S+?)[, ].* is not present")


def read_revisions(directory: Any) -> dict[str, Any]:
    """All revisions by their ids, each after those that it follows.

    What Alembic only warns of is an error: of two revisions with one id it would take the later one.
    """
    files: dict[str, list[str]] = {}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            _note_files(directory, files)
            directory.get_heads()
        except Exception as error:
            raise _unreadable(error, said, files) from error
    for revision, paths in files.items():
        if len(paths) > 1:
            raise Refused(
                f"revision {revision} is there more than once",
                where=", ".join(paths),
                remedy="give each revision an id of its own, and see to the down_revision of those after it",
            )
    return {revision.revision: revision for revision in _in_order(directory)}


def parents_of(revision: Any) -> list[str]:
    """Ids of those that it follows or depends on."""
    return list(dict.fromkeys(revision._all_down_revisions))


def plain(revision: Any) -> dict[str, Any]:
    """A revision as an answer has it."""
    return {
        "revision": revision.revision,
        "parents": parents_of(revision),
        "message": revision.doc,
        "path": str(revision.path),
        "has_downgrade": callable(getattr(revision.module, "downgrade", None)),
    }


def _note_files(directory: Any, files: dict[str, list[str]]) -> None:
    generator = directory.revision_map._generator

    def each() -> Iterator[Any]:
        for revision in generator():
            files.setdefault(revision.revision, []).append(revision.path)
            yield revision

    directory.revision_map._generator = each


def _unreadable(error: Any, said: Iterable[Any], files: dict[str, list[str]]) -> Any:
    """Alembic's own errors say it well, but for a parent that is not there: that is a KeyError."""
    for warning in said:
        absent = _ABSENT.search(str(warning.message))
        if absent:
            missing, child = absent[1], absent[2]
            return Refused(
                f"revision {child} follows {missing}, which is not there",
                where=", ".join(files.get(child, [])),
                remedy="bring the missing revision back, or let it follow one that is there",
            )
    if isinstance(error, KeyError):
        return Refused(f"a revision depends on {error}, which is not there", remedy="mend its depends_on")
    if type(error).__module__.startswith("alembic."):
        return Refused(str(error), remedy="mend the graph of revisions")
    return error


def _in_order(directory: Any) -> list[Any]:
    """Each after all that it follows or depends on; otherwise as `alembic upgrade heads` has them."""
    revisions = list(directory.walk_revisions())[::-1]
    by_id = {revision.revision: revision for revision in revisions}
    done: dict[str, Any] = {}
    for start in revisions:
        waiting = [start.revision]
        while waiting:
            ahead = [parent for parent in parents_of(by_id[waiting[-1]]) if parent not in done]
            if ahead:
                waiting.extend(reversed(ahead))
            else:
                last = waiting.pop()
                done.setdefault(last, by_id[last])
    return list(done.values())


class Applied:
    """Which revisions a ledger's heads stand for; found once, then followed step by step."""

    def __init__(self, revisions: dict[str, Any]) -> None:
        self.revisions = revisions
        self._heads: set[str] = set()
        self._found: set[str] = set()

    def of(self, heads: Iterable[str]) -> set[str]:
        """Heads and all that they rest on. Refuses a head that this history does not have."""
        if self._heads != set(heads):
            self._found = self._below(heads)
            self._heads = set(heads)
        return self._found

    def follow(self, *, step: Any, heads: set[str], **_: Any) -> None:
        """Alembic calls it when it has written the ledger: the graph need not be gone through again."""
        for revision in step.up_revision_ids:
            (self._found.add if step.is_upgrade else self._found.discard)(revision)
        self._heads = set(heads)

    def missing(self, revision: Any, applied: set[str]) -> list[str]:
        """What has to be applied before it and is not, in order."""
        wanted = self._below(parents_of(revision)) - applied
        return [name for name in self.revisions if name in wanted] if wanted else []

    def _below(self, heads: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(heads)
        while waiting:
            head = waiting.pop()
            if head not in self.revisions:
                raise Refused(f"the ledger lists {head}, which no revision of this history is")
            if head not in found:
                found.add(head)
                waiting.extend(parents_of(self.revisions[head]))
        return found
