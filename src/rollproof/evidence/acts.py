"""Turning begin and end events back into acts inside acts inside steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rollproof.evidence import reading
from rollproof.evidence.facts import ActResult
from rollproof.journal import Event, Kind
from rollproof.model.verdict import Outcome, worst

_ENDS = (Kind.OK, Kind.FAIL, Kind.UNKNOWN)
_NOT_FOR_READERS = frozenset({"undo", "of"})


@dataclass(eq=False)
class _Node:
    begun: Event
    ended: Event | None = None
    inside: list[_Node] = field(default_factory=list)
    verdicts: list[Outcome] = field(default_factory=list)


def act_tree(events: Iterable[Event], *, start_ns: int) -> tuple[ActResult, ...]:
    """The acts that no other act contains, each with what it contains; times since `start_ns`."""
    roots: list[_Node] = []
    nodes: dict[int, _Node] = {}
    running: list[_Node] = []
    for event in events:
        if event.kind is Kind.BEGIN:
            node = nodes[event.seq] = _Node(event)
            (running[-1].inside if running else roots).append(node)
            running.append(node)
        elif event.act == "verify" and running:
            running[-1].verdicts.append(reading.outcome(event.data.get("outcome")))
        elif event.kind in _ENDS:
            _end(event, nodes, running)
    return tuple(_result(node, start_ns) for node in roots)


def _end(event: Event, nodes: dict[int, _Node], running: list[_Node]) -> None:
    of = event.data.get("of")
    node = nodes.get(of) if isinstance(of, int) else None
    if node is None or node.ended is not None:
        return
    node.ended = event
    if node in running:
        del running[running.index(node) :]  # what began inside it and never ended is over with it


def _result(node: _Node, start_ns: int) -> ActResult:
    begun, ended = node.begun, node.ended
    data = {**begun.data, **(ended.data if ended else {})}
    return ActResult(
        act=begun.act,
        status=ended.kind.value if ended else "open",
        started=since(start_ns, begun.mono_ns),
        seconds=since(begun.mono_ns, ended.mono_ns) if ended else None,
        data={name: value for name, value in data.items() if name not in _NOT_FOR_READERS},
        acts=tuple(_result(child, start_ns) for child in node.inside),
        verdict=worst(node.verdicts) if node.verdicts else None,
    )


def since(start_ns: int, then_ns: int) -> float:
    """Seconds between two monotonic stamps, to the microsecond; never negative."""
    return round(max(0, then_ns - start_ns) / 1e9, 6)


def unfinished(acts: Sequence[ActResult]) -> ActResult | None:
    """The innermost act that never ended: where a killed run was."""
    for act in reversed(acts):
        if act.status == "open":
            return unfinished(act.acts) or act
    return None
