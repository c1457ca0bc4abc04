"""A drafted rollback script, and the words that its parts are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json


@dataclass(frozen=True, slots=True)
class Undoing:
    """One difference taken back.

    Attributes:
        sql: statements, each with its semicolon; empty when it goes along with something else.
        rank: about when: small numbers first, see `draft_order`.
        name: of the object that goes away, None when none does. Whatever refers to it has to go before.
        mentions: texts that may refer to other objects.
        warning: what a person should know before running it.
    """

    sql: tuple[str, ...]
    rank: int
    name: str | None = None
    mentions: str = field(default="", repr=False)
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A rollback script that nobody has written.

    Attributes:
        statements: in order, each with its semicolon; empty when there is nothing to roll back.
        warnings: what goes along with it, and what may keep it from running, one sentence each.
        proven: True when it was run and everything was as before, and the migration could be applied again.
        unproven: why not, one sentence each; empty when it is proven, or was not tried.
    """

    statements: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    proven: bool = False
    unproven: tuple[str, ...] = ()

    def text(self, what: str = "the migration") -> str:
        """The script, with its warnings as comments at its head."""
        state = "proven on a scratch database" if self.proven else "NOT PROVEN"
        head = [f"-- Rolls {what} back. Drafted by Rollproof from what it changed; {state}."]
        head += [f"-- {line}" for line in self.unproven]
        head += [f"-- Note: {warning}." for warning in self.warnings]
        body = self.statements or ("-- There is nothing to roll back.",)
        return "\n".join([*head, "", *body, ""])


def own_name(fact: Fact) -> str:
    """Its name without that of what it belongs to: `c` of `c on s.t`, `a` of `s.t.a`; quoted as it was."""
    owner = of_parent(fact)
    if fact.name.endswith(f" on {owner}"):
        return fact.name.removesuffix(f" on {owner}")
    return fact.name.removeprefix(f"{owner}.")


def of_parent(fact: Fact) -> str:
    """The name of what it belongs to, without its kind."""
    kind = next((kind for kind in _TWO_WORDS if fact.parent.startswith(f"{kind} ")), "")
    return fact.parent.removeprefix(f"{kind} ") if kind else fact.parent.partition(" ")[2]


def kind_of_parent(fact: Fact) -> str:
    """The kind of what it belongs to: `foreign table`."""
    return fact.parent.removesuffix(f" {of_parent(fact)}")


_TWO_WORDS = (
    "foreign table",
    "materialized view",
    "composite type",
    "base type",
    "foreign data wrapper",
    "window function",
    "event trigger",
    "operator family",
    "operator class",
    "access method",
    "text search configuration",
    "text search dictionary",
    "text search parser",
    "text search template",
)


def literal(value: Json) -> str:
    """A text constant of SQL, whatever standard_conforming_strings says."""
    if value is None:
        return "NULL"
    text = str(value).replace("'", "''")
    return f" E'{text.replace(chr(92), chr(92) * 2)}'".strip() if "\\" in text else f"'{text}'"


def dollars(text: str) -> str:
    """A dollar-quoted constant, for bodies."""
    tag = "$$"
    number = 0
    while tag in text or text.endswith("$"):
        number += 1
        tag = f"$rollback{number}$"
        if tag not in text:
            break
    return f"{tag}{text}{tag}"
