"""What clients did, one record an operation; and its compact form for the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from rollproof.errors import JournalError
from rollproof.model.json import Json

Kind = Literal["read", "write"]
Outcome = Literal["ok", "failed", "indeterminate"]
KINDS: tuple[Kind, ...] = ("read", "write")
OUTCOMES: tuple[Outcome, ...] = ("ok", "failed", "indeterminate")


@dataclass(frozen=True, slots=True)
class Operation:
    """One read or write of one client. Never repeated: a token is sent once.

    Attributes:
        client: who did it; one after another within a client, so its operations never overlap.
        name: the entry of the system file that it comes from.
        started_ns, ended_ns: monotonic nanoseconds before anything was sent and after the answer.
        outcome: `ok`, the server acknowledged it; `failed`, it surely did not happen;
            `indeterminate`, nobody can tell. A read that brought nothing is always `failed`.
        token: the random text that was sent; empty when the operation sends none.
        table: qualified name of the table that a write adds to.
        error: an exception's class, a SQLSTATE or `HTTP 503`; never a message or a value.
    """

    client: str
    name: str
    kind: Kind
    started_ns: int
    ended_ns: int
    outcome: Outcome
    token: str = ""
    table: str | None = None
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_ns - self.started_ns) / 1e9


def operations_to_json(operations: Iterable[Operation]) -> dict[str, Json]:
    """Columns instead of rows, so that thousands of operations stay small.

    Texts that repeat are numbered; tokens lose what all of them begin with; times count from the
    first start, which alone is a string because it passes JSON's 2^53.
    """
    done = sorted(operations, key=lambda operation: operation.started_ns)
    origin = done[0].started_ns if done else 0
    sources = list(dict.fromkeys(map(_source, done)))
    number = {source: index for index, source in enumerate(sources)}
    errors = sorted({operation.error for operation in done if operation.error is not None})
    tokens = [operation.token for operation in done]
    prefix = _common_start([token for token in tokens if token])
    return {
        "origin_ns": str(origin),
        "sources": [list(source) for source in sources],
        "errors": list(errors),
        "token_prefix": prefix,
        "source": [number[_source(operation)] for operation in done],
        "start": [operation.started_ns - origin for operation in done],
        "took": [operation.ended_ns - operation.started_ns for operation in done],
        "outcome": [OUTCOMES.index(operation.outcome) for operation in done],
        "error": [-1 if operation.error is None else errors.index(operation.error) for operation in done],
        "token": [token[len(prefix) :] if token else None for token in tokens],
    }


def operations_from_json(value: Json) -> tuple[Operation, ...]:
    """The inverse, in order of start. Raises JournalError when `value` is not that form."""
    try:
        return tuple(_rows(value))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise JournalError("the clients' operations are not in the form they are written in") from error


def _source(operation: Operation) -> tuple[str, str, Kind, str | None]:
    return operation.client, operation.name, operation.kind, operation.table


def _rows(value: Json) -> list[Operation]:
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    origin, prefix = int(_text(value["origin_ns"])), _text(value["token_prefix"])
    sources, errors = _list(value["sources"]), _list(value["errors"])
    columns = (_list(value[name]) for name in ("source", "start", "took", "outcome", "error", "token"))
    return [
        _operation(
            _list(sources[_index(source)]),
            started_ns=origin + _index(start),
            took=_index(took),
            outcome=OUTCOMES[_index(outcome)],
            error=_error(errors, error),
            token="" if token is None else prefix + _text(token),
        )
        for source, start, took, outcome, error, token in zip(*columns, strict=True)
    ]


def _operation(
    source: Sequence[Json], *, started_ns: int, took: int, outcome: Outcome, error: str | None, token: str
) -> Operation:
    client, name, kind, table = source
    return Operation(
        client=_text(client),
        name=_text(name),
        kind=KINDS[KINDS.index(_text(kind))],
        started_ns=started_ns,
        ended_ns=started_ns + took,
        outcome=outcome,
        token=token,
        table=None if table is None else _text(table),
        error=error,
    )


def _error(errors: Sequence[Json], index: Json) -> str | None:
    return None if index == -1 else _text(errors[_index(index)])


def _common_start(texts: Sequence[str]) -> str:
    """What all of them begin with: the least and the greatest share it with all between them."""
    least, greatest = min(texts, default=""), max(texts, default="")
    same = (one == other for one, other in zip(least, greatest, strict=False))
    return least[: sum(takewhile(bool, same))]


def _list(value: Json) -> Sequence[Json]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _index(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a whole number")
    return value
