"""`sqitch.plan`: the changes of a project in the order in which they are deployed.

The syntax is that of `sqitchchanges(5)`, and a change's id is computed as Sqitch does, so that a registry
which Sqitch itself has written is understood.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from rollproof.errors import MigrationError

_PRAGMA = re.compile(r"\s*%\s*(?P<name>[\w-]+)(?:\s*=\s*(?P<value>.+?))?\s*$")
_ITEM = re.compile(
    r"""
    \s* (?: (?P<tag>@) | (?P<operator>[+-])[ \t]* )?
    (?P<name>[^\s:@#\\\[\]]+) [ \t]*
    (?: \[ (?P<needs>[^\]]*) \] [ \t]* )?
    (?P<date>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) [ \t]*
    (?P<planner>[^<]+) [ \t]+ <(?P<email>[^>]+)> [ \t]*
    """,
    re.VERBOSE,
)
_DEPENDENCY = re.compile(
    r"(?P<conflicts>!?)(?:(?P<project>[^\s:@#!]+):)?"
    r"(?:(?P<id>[0-9a-f]{40})|(?P<change>[^\s:@#!]+)?(?:@(?P<tag>[^\s:@#]+))?)"
)
_SIGNS = frozenset("-!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~")
_DIGITS_AFTER_SIGN = re.compile(r"[~/=%^]\d+$")
_ROOTS = frozenset({"ROOT", "HEAD", "FIRST", "LAST"})
_ESCAPED = {"\\n": "\n", "\\r": "\r", "\\\\": "\\"}


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a change needs to be there (or not to be there) before it.

    Attributes:
        conflicts: True when it must not be there.
        project: of another project; empty for this one.
        name: as it stands in the plan, without `!` and project: `change`, `change@tag`, `@tag` or an id.
    """

    name: str
    project: str = ""
    conflicts: bool = False

    def __str__(self) -> str:
        return f"{self.project}:{self.name}" if self.project else self.name


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a plan.

    Attributes:
        line: in the plan, from 1.
        id: Sqitch's own, 40 hexadecimal digits.
        tags: names without `@`, in order, that follow it before the next change.
        rework_tags: tags between it and the next change of the same name; empty for the newest of a name.
    """

    name: str
    line: int
    date: str
    planner: str
    email: str
    note: str = field(default="", repr=False)
    needs: tuple[Dependency, ...] = ()
    tags: tuple[str, ...] = ()
    rework_tags: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan file, taken apart."""

    project: str
    uri: str
    changes: tuple[Change, ...]


def read_plan(text: str, path: Path) -> Plan:
    """Takes a plan apart.

    Raises:
        MigrationError: it names the line that Sqitch would stop at.
    """
    return _Reader(path).read(text)


class _Reader:
    """One pass over the lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pragmas: dict[str, str] = {}
        self.changes: list[Change] = []
        self.since_tag: dict[str, int] = {}
        self.tags: dict[str, int] = {}

    def read(self, text: str) -> Plan:
        for number, line in enumerate(text.split("\n"), start=1):
            body, _, note = line.partition("#")
            if pragma := _PRAGMA.match(body) if not self.changes else None:
                self.pragmas[pragma["name"]] = pragma["value"] or "1"
            elif body.strip():
                self._item(number, body, note.strip())
        if not self.pragmas.get("project"):
            raise self._wrong(1, "the plan has no %project", "write %project=NAME under %syntax-version")
        return self._finish()

    def _item(self, number: int, body: str, note: str) -> None:
        found = _ITEM.fullmatch(body)
        if found is None or not _is_name(found["name"]) or not _is_date(found["date"]):
            raise self._wrong(
                number,
                "this is neither a change nor a tag, by its name, its date or its planner",
                "write NAME [NEEDED !CONFLICTING] 2024-01-31T12:00:00Z Planner <address> # note",
            )
        if found["tag"]:
            self._tag(number, found["name"])
        else:
            self._change(number, found, note)

    def _tag(self, number: int, name: str) -> None:
        if not self.changes:
            raise self._wrong(
                number, f"tag @{name} stands before any change", "put it behind the change it tags"
            )
        if name in self.tags:
            raise self._wrong(
                number, f"tag @{name} is there already, in line {self.tags[name]}", "rename one"
            )
        self.tags[name] = number
        self.since_tag.clear()
        last = self.changes[-1]
        self.changes[-1] = replace(last, tags=(*last.tags, name))

    def _change(self, number: int, found: re.Match[str], note: str) -> None:
        name = found["name"]
        if name in self.since_tag:
            raise self._wrong(
                number,
                f"change {name} is there already, in line {self.since_tag[name]}",
                "tag the plan before a change is reworked, or rename it",
            )
        self.since_tag[name] = number
        needed = (found["needs"] or "").split()
        if twice := next((text for text in needed if needed.count(text) > 1), None):
            raise self._wrong(number, f"{name} names {twice} twice among what it needs", "name it once")
        needs = tuple(self._dependency(number, text) for text in needed)
        self.changes.append(
            Change(
                name,
                number,
                found["date"],
                found["planner"],
                found["email"],
                re.sub(r"\\[nr\\]", lambda m: _ESCAPED[m[0]], note),
                needs,
            )
        )

    def _dependency(self, number: int, text: str) -> Dependency:
        found = _DEPENDENCY.fullmatch(text)
        name = text.lstrip("!").rpartition(":")[2]
        if found is None or not name:
            raise self._wrong(
                number, f"{text!r} names no change", "write change, change@tag, @tag or project:change"
            )
        project = found["project"] or ""
        own = project == self.pragmas.get("project")
        return Dependency(name, "" if own else project, bool(found["conflicts"]))

    def _finish(self) -> Plan:
        reworked = [_reworked(self.changes, place) for place in range(len(self.changes))]
        plan = Plan(self.pragmas["project"], self.pragmas.get("uri", ""), tuple(reworked))
        return replace(plan, changes=tuple(_with_ids(plan)))

    def _wrong(self, line: int, found: str, remedy: str) -> MigrationError:
        return MigrationError(
            found, doing="reading the plan", where=f"{self.path}:{line}", remedy=remedy, facts={"line": line}
        )


def _is_name(name: str) -> bool:
    return not (name[0] in _SIGNS or name[-1] in _SIGNS or _DIGITS_AFTER_SIGN.search(name) or name in _ROOTS)


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return False
    return True


def _reworked(changes: list[Change], place: int) -> Change:
    tags: list[str] = []
    for change in changes[place:]:
        if change is not changes[place] and change.name == changes[place].name:
            return replace(changes[place], rework_tags=tuple(tags))
        tags.extend(change.tags)
    return changes[place]


def _with_ids(plan: Plan) -> Iterator[Change]:
    parent = ""
    for change in plan.changes:
        parent = _id(plan, change, parent)
        yield replace(change, id=parent)


def _id(plan: Plan, change: Change, parent: str) -> str:
    """SHA-1 of what Sqitch shows of a change, the way Git names an object."""
    requires = [str(need) for need in change.needs if not need.conflicts]
    conflicts = [str(need) for need in change.needs if need.conflicts]
    said = [
        f"project {plan.project}",
        *([f"uri {_canonical(plan.uri)}"] if plan.uri else []),
        f"change {change.name}",
        *([f"parent {parent}"] if parent else []),
        f"planner {change.planner} <{change.email}>",
        f"date {change.date}",
        *(["requires", *(f"  + {need}" for need in requires)] if requires else []),
        *(["conflicts", *(f"  - {need}" for need in conflicts)] if conflicts else []),
        *(["", change.note] if change.note else []),
    ]
    content = "\n".join(said).encode()
    return hashlib.sha1(b"change %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def _canonical(uri: str) -> str:
    """A web address as Perl's URI module writes it: host in lower case, no usual port, never no path."""
    parts = urlsplit(uri)
    port = {"http": ":80", "https": ":443"}.get(parts.scheme)
    if port is None:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.lower().removesuffix(port), path=parts.path or "/"))


def resolve(plan: Plan, place: int, need: Dependency) -> Change | None:
    """The change before `place` that a dependency means; None when there is none in this project."""
    earlier = plan.changes[:place]
    if need.project:
        return None
    if re.fullmatch(r"[0-9a-f]{40}", need.name):
        return next((change for change in earlier if change.id == need.name), None)
    name, _, tag = need.name.partition("@")
    if tag in ("HEAD", "ROOT", "FIRST", "LAST"):
        tag = ""
    if tag:
        tagged = next((at for at, change in enumerate(earlier) if tag in change.tags), None)
        if tagged is None:
            return None
        earlier = earlier[: tagged + 1]
    wanted = [change for change in earlier if not name or change.name == name]
    return wanted[-1] if wanted else None


def labels(plan: Plan) -> Mapping[str, str]:
    """How each change is called, by its id: its name, with a tag behind it for a reworked one."""
    return {
        change.id: f"{change.name}@{change.rework_tags[0]}" if change.rework_tags else change.name
        for change in plan.changes
    }
