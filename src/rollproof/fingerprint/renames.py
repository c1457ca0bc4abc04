"""Objects that only got another name, one that the server made up: a rename, not a loss and a gain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollproof.fingerprint.meaning import same_meaning
from rollproof.fingerprint.names import made_by_server, shaped_by_server
from rollproof.model.fingerprint import Fact

Facts = Mapping[tuple[str, str], Fact]

_NAMED_BY_SERVER = ("sequence", "constraint", "index")


@dataclass(frozen=True, slots=True)
class Rename:
    """One object under its name before and its name after, both as facts bear them."""

    kind: str
    before: str
    after: str


def find_renames(old: Facts, new: Facts) -> list[Rename]:
    """Pairs of a missing and an added object that are the same but for a name made by the server.

    At least one of the two names must be the very one that the server makes for that table and
    those columns; the other may name another table in front, as one that was renamed since.
    """
    added = _candidates(new.keys() - old.keys(), new)
    renames = []
    for fact in _candidates(old.keys() - new.keys(), old):
        match = next((other for other in added if _same_but_named(fact, other)), None)
        if match is not None:
            added.remove(match)
            renames.append(Rename(fact.kind, fact.name, match.name))
    return renames


def _candidates(keys: Iterable[tuple[str, str]], facts: Facts) -> list[Fact]:
    chosen = [facts[key] for key in sorted(keys) if key[0] in _NAMED_BY_SERVER]
    return [fact for fact in chosen if made_by_server(fact) or shaped_by_server(fact)]


def _same_but_named(old: Fact, new: Fact) -> bool:
    return (
        (old.kind, old.parent) == (new.kind, new.parent)
        and (made_by_server(old) or made_by_server(new))
        and _same_attributes(old, new)
    )


def _same_attributes(old: Fact, new: Fact) -> bool:
    names = old.attributes.keys() | new.attributes.keys()
    return all(_same(old, new, name) for name in names)


def _same(old: Fact, new: Fact, name: str) -> bool:
    before, after = old.attributes.get(name), new.attributes.get(name)
    if isinstance(before, str) and isinstance(after, str):
        return before == after or same_meaning(old.kind, name, before, after)
    return before == after


def rename_back(facts: Facts, renames: Iterable[Rename]) -> Facts:
    """The facts under the old names: the objects, what belongs to them, and defaults that use them."""
    by_name = {f"{rename.kind} {rename.after}": rename for rename in renames}
    if not by_name:
        return facts
    back = [_rename_fact(fact, by_name) for fact in facts.values()]
    return {fact.key: fact for fact in back}


def _rename_fact(fact: Fact, by_name: Mapping[str, Rename]) -> Fact:
    if own := by_name.get(f"{fact.kind} {fact.name}"):
        return Fact(fact.kind, own.before, fact.attributes, fact.parent)
    if of := by_name.get(fact.parent):
        name = fact.name.replace(of.after, of.before, 1)
        return Fact(fact.kind, name, fact.attributes, f"{of.kind} {of.before}")
    if fact.kind == "column" and isinstance(default := fact.attributes.get("default"), str):
        return Fact(
            fact.kind, fact.name, {**fact.attributes, "default": _default(default, by_name)}, fact.parent
        )
    return fact


def _default(default: str, by_name: Mapping[str, Rename]) -> str:
    for rename in by_name.values():
        if rename.kind == "sequence":
            default = default.replace(_next_value(rename.after), _next_value(rename.before))
    return default


def _next_value(sequence: str) -> str:
    """The way that PostgreSQL writes `nextval` of a sequence in a default."""
    return "nextval('" + sequence.replace("'", "''") + "'::regclass)"
