"""A system file to be: tables with what each value was told by, before it is text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

Value = str | int | bool | list[str] | dict[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key.

    Attributes:
        where: file and line that it was guessed from; empty when it is no guess.
        note: what a person should know, in place of where it comes from.
    """

    key: str
    value: Value
    where: str = ""
    note: str = ""

    @property
    def comment(self) -> str:
        return f"guessed from {self.where}" if self.where else self.note


@dataclass(frozen=True, slots=True)
class Block:
    """One table of the file.

    Attributes:
        header: its keys from the top: `("service", "api")`.
        remarks: comment lines above it; they never hold a value of the project's.
        off: why it is written as a comment; empty when it counts.
        listed: whether it is an entry of an array of tables.
    """

    header: tuple[str, ...]
    entries: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()
    off: str = ""
    listed: bool = False

    @property
    def shown(self) -> str:
        name = ".".join(self.header)
        return f"[[{name}]]" if self.listed else f"[{name}]"

    def without(self, why: str) -> Self:
        """The same as a comment; the first reason stays."""
        return replace(self, off=self.off or why)


@dataclass(slots=True)
class Survey:
    """What a repository was found to hold.

    Attributes:
        name: what the system is to be called.
        found: kind, place and details of each thing that was recognised, for a person.
        notes: what could not be read or was cut, and which of several candidates was taken.
    """

    name: str
    found: list[tuple[str, str]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
