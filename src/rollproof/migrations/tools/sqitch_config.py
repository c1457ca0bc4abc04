"""`sqitch.conf`: a file in the form of Git's configuration, and what Sqitch makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollproof.errors import MigrationError

_SECTION = re.compile(
    r'\[\s*(?P<name>[^\s"\]]+)\s*(?:"(?P<sub>(?:[^"\\]|\\.)*)")?\s*\]\s*(?P<rest>.*)', re.DOTALL
)
_KEY = re.compile(r"(?P<key>[A-Za-z_][\w.-]*)\s*(?:=\s*(?P<value>.*))?$", re.DOTALL)
_PIECE = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<comment>[#;].*)|(?P<plain>[^"\\#;]+)', re.DOTALL
)
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}
_DIRECTIONS = ("deploy", "revert", "verify")
_YES = frozenset({"1", "true", "yes", "on"})


class ConfigError(ValueError):
    """A line that is no configuration; `line` is from 1."""

    def __init__(self, line: int, found: str) -> None:
        self.line = line
        super().__init__(found)


def parse_config(text: str) -> dict[str, dict[str, str]]:
    """Sections with their keys: `engine.pg` -> `target` -> value. The last of several values counts.

    Names of sections are in lower case, up to a quoted part; keys are as written. Raises ConfigError.
    """
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for number, line in _logical_lines(text):
        rest = line.strip()
        if found := _SECTION.match(rest):
            name = ".".join(filter(None, [found["name"].lower(), _unescape(found["sub"] or "")]))
            current = sections.setdefault(name, {})
            rest = found["rest"].strip()
        if not rest or rest[0] in "#;":
            continue
        pair = _KEY.match(rest)
        if pair is None or current is None:
            raise ConfigError(number, "this line is neither a section nor a key with its value")
        current[pair["key"]] = "true" if pair["value"] is None else _value(pair["value"])
    return sections


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers; one that ends with a backslash goes on in the next."""
    found: list[tuple[int, str]] = []
    pending, start = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        start = start or number
        if line.endswith("\\") and not line.endswith("\\\\"):
            pending += line[:-1]
            continue
        found.append((start, pending + line))
        pending, start = "", 0
    return [*found, (start, pending)] if pending else found


def _value(text: str) -> str:
    pieces = []
    for found in _PIECE.finditer(text):
        if found["comment"] is not None:
            break
        if found["quoted"] is not None:
            pieces.append(_unescape(found["quoted"]))
        elif found["escaped"] is not None:
            pieces.append(_ESCAPES.get(found["escaped"], found["escaped"]))
        else:
            pieces.append(found["plain"])
    whole = "".join(pieces)
    return whole.strip() if '"' not in text else whole.lstrip() if text.endswith('"') else whole.strip()


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


@dataclass(frozen=True, slots=True)
class SqitchConfig:
    """Where a project's files are, and how its scripts are run.

    Attributes:
        root: folder that Sqitch is called in; paths in the configuration are relative to it.
        engine: `pg` for PostgreSQL.
        plan: the plan file.
        folders: of the scripts, by `deploy`, `revert` and `verify`.
        reworked: of the older scripts of reworked changes, likewise.
        extension: of script files, without the dot.
        registry: schema of the ledger.
        variables: what psql is told with `--set`, by direction.
        verifies: True when the project has each deployment verified, and taken back when that fails.
    """

    root: Path
    engine: str
    plan: Path
    folders: Mapping[str, Path]
    reworked: Mapping[str, Path]
    extension: str = "sql"
    registry: str = "sqitch"
    variables: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    verifies: bool = False


def read_config(path: Path, *, target: str | None = None) -> SqitchConfig:
    """The configuration in a `sqitch.conf`, for its PostgreSQL engine.

    Args:
        target: name of one of its targets; None: the engine's own.

    Raises:
        MigrationError: the file cannot be read, or has no such target.
    """
    try:
        sections = parse_config(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        line = f":{error.line}" if isinstance(error, ConfigError) else ""
        raise _wrong(str(error), f"{path}{line}", "correct it, or name the plan file as PATH") from error
    if target and f"target.{target}" not in sections:
        named = (name.removeprefix("target.") for name in sections if name.startswith("target."))
        known = [name for name in named if not name.endswith(".variables")]
        raise _wrong(
            f"there is no target {target!r}", str(path), f"name one of: {', '.join(known) or 'none'}"
        )
    return _Settled(sections, path.parent, target).config()


def default_config(plan: Path) -> SqitchConfig:
    """What Sqitch would take for granted about a plan that has no `sqitch.conf` beside it."""
    return _Settled({"core": {"engine": "pg", "plan_file": plan.name}}, plan.parent, None).config()


class _Settled:
    """Looks a setting up: in the target, then the engine, then the core."""

    def __init__(self, sections: Mapping[str, Mapping[str, str]], root: Path, target: str | None) -> None:
        self.sections = sections
        self.root = root
        core = sections.get("core", {})
        self.engine = _engine(sections)
        engine = f"engine.{self.engine}"
        named = target or sections.get(engine, {}).get("target") or core.get("target") or ""
        self.places = [f"target.{named}", engine, "core"]

    def get(self, key: str) -> str | None:
        found = (self.sections.get(place, {}).get(key) for place in self.places)
        return next((value for value in found if value), None)

    def path(self, key: str, default: Path) -> Path:
        value = self.get(key)
        return self.root / value if value else default

    def config(self) -> SqitchConfig:
        top = self.path("top_dir", self.root)
        folders = {way: self.path(f"{way}_dir", top / way) for way in _DIRECTIONS}
        again = self.get("reworked_dir")
        reworked = {
            way: self.path(f"reworked_{way}_dir", self.root / again / way if again else folders[way])
            for way in _DIRECTIONS
        }
        return SqitchConfig(
            root=self.root,
            engine=self.engine,
            plan=self.path("plan_file", top / "sqitch.plan"),
            folders=folders,
            reworked=reworked,
            extension=self.get("extension") or "sql",
            registry=self.get("registry") or "sqitch",
            variables={way: self.variables(way) for way in _DIRECTIONS},
            verifies=self.sections.get("deploy", {}).get("verify", "").lower() in _YES,
        )

    def variables(self, way: str) -> tuple[tuple[str, str], ...]:
        """The core's, those of deploying, the direction's own, the engine's, the target's; later ones win."""
        target, engine, core = self.places
        found: dict[str, str] = {}
        for place in dict.fromkeys([core, "deploy", way, engine, target]):
            found |= self.sections.get(f"{place}.variables", {})
        return tuple(sorted(found.items()))


def _engine(sections: Mapping[str, Mapping[str, str]]) -> str:
    """PostgreSQL where the project has it, be it one of several."""
    core = sections.get("core", {})
    if "engine.pg" in sections or core.get("engine") == "pg":
        return "pg"
    uri = re.match(r"db:(\w+):", core.get("target", ""))
    return core.get("engine") or (
        "pg" if uri and uri[1] in ("pg", "postgres", "postgresql") else uri[1] if uri else ""
    )


def _wrong(found: str, where: str, remedy: str) -> MigrationError:
    return MigrationError(found, doing="reading Sqitch's configuration", where=where, remedy=remedy)
