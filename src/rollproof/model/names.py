"""Qualified names of tables: as the catalog has them, quoted where that is needed to tell parts apart."""

from __future__ import annotations

import re

PART = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"\x00]|"")+")'
"""One part: a plain name, or any name in double quotes, a double quote in it doubled."""
QUALIFIED = rf"^{PART}\.{PART}$"

_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')


def split_name(name: str) -> tuple[str, ...]:
    """The parts of a name, unquoted: `"Ops"."Schema History"` is `("Ops", "Schema History")`.

    Quotes only tell parts apart: a plain part stands for itself too and is not folded to small
    letters, for names are written here as the catalog has them.
    """
    return tuple(quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(name))


def same_name(one: str, other: str) -> bool:
    """Whether two names are of one table: `public.order` is `public."order"`."""
    return split_name(one) == split_name(other)
