"""What Flyway is told: flyway.conf or flyway.toml, a script's own .conf, and the user's options over both."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rollproof.migrations.tools.files import refusal

CONFIGS = ("flyway.toml", "flyway.conf", "conf/flyway.toml", "conf/flyway.conf")
_LEVELS = 6
"""how many folders above the migrations a configuration is looked for; never above a .git"""


@dataclass(frozen=True)
class FlywaySettings:
    """Keys as Flyway has them, without `flyway.` in front.

    Attributes:
        values: by key, in small letters: Flyway does not tell them apart.
        source: the file that they come from; None when there is none.
    """

    values: Mapping[str, str]
    source: Path | None = None

    def get(self, key: str, default: str = "") -> str:
        return self.values.get(key.lower(), default)

    def on(self, key: str, default: bool) -> bool:
        """A switch. Anything but `true` is off."""
        return self.get(key, str(default)).strip().lower() == "true"

    @property
    def placeholders(self) -> dict[str, str]:
        """Values by name, names in small letters."""
        prefix = "placeholders."
        return {k.removeprefix(prefix): v for k, v in self.values.items() if k.startswith(prefix)}

    @property
    def schema(self) -> str:
        """The schema that unqualified names and the ledger are in."""
        return self.get("defaultSchema") or self.get("schemas").partition(",")[0].strip() or "public"

    @property
    def table(self) -> str:
        return self.get("table", "flyway_schema_history")

    def locations(self) -> list[Path]:
        """The folders that it names; those on a class path are below src/main/resources."""
        named = [name.strip() for name in self.get("locations").split(",") if name.strip()]
        base = self.source.parent if self.source else Path()
        # A file in conf/ is for a program that is started beside that folder.
        start = base.parent if base.name == "conf" else base
        return [start / _plain(name) for name in named]


def _plain(location: str) -> str:
    kind, _, path = location.rpartition(":")
    return f"src/main/resources/{path}" if kind == "classpath" else path


def read_settings(
    near: Path, *, config: Path | None = None, options: Mapping[str, str] | None = None
) -> FlywaySettings:
    """The configuration that holds for a folder.

    Args:
        config: the file; None: the nearest one at the folder or above it.
        options: the user's, which win.

    Raises:
        MigrationError: the file cannot be read.
    """
    source = config or next(_above(near), None)
    found = read_config(source) if source else {}
    wanted = {_key(key): value for key, value in (options or {}).items()}
    return FlywaySettings({**found, **wanted}, source)


def _above(folder: Path) -> Iterator[Path]:
    for place in [folder, *folder.parents][:_LEVELS]:
        yield from (place / name for name in CONFIGS if (place / name).is_file())
        if (place / ".git").exists():
            return


def read_config(path: Path) -> dict[str, str]:
    """A configuration file as keys and values. Raises MigrationError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return _toml(text) if path.suffix == ".toml" else dict(_lines(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise refusal(
            f"Flyway's configuration cannot be read: {error}",
            where=str(path),
            remedy="correct it, or name another with --config",
        ) from error


def _toml(text: str) -> dict[str, str]:
    table = tomllib.loads(text).get("flyway", {})
    return dict(_flat("", table if isinstance(table, dict) else {}))


def _flat(prefix: str, table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        match value:
            case dict():
                yield from _flat(f"{prefix}{key}.", value)
            case list():
                yield _key(prefix + key), ",".join(map(str, value))
            case bool():
                yield _key(prefix + key), str(value).lower()
            case _:
                yield _key(prefix + key), str(value)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.replace("\\\n", "").splitlines():
        key, sign, value = line.partition("=")
        if sign and not key.lstrip().startswith(("#", "!")):
            yield _key(key.strip()), value.strip()


def _key(key: str) -> str:
    return key.lower().removeprefix("flyway.")
