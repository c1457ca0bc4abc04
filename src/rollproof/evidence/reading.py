"""Reading fields of events that may be missing or of another type: evidence must not fail on old journals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rollproof.errors import JournalError
from rollproof.journal import History
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.json import Json, JsonObject
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome, Verdict


def text(data: JsonObject, name: str, default: str = "") -> str:
    value = data.get(name)
    return default if value is None else str(value)


def number(data: JsonObject, name: str) -> float | None:
    value = data.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(data: JsonObject, name: str) -> int:
    value = number(data, name)
    return int(value) if value is not None else 0


def mapping(data: JsonObject, name: str) -> JsonObject:
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}


def items(value: Json) -> Sequence[Json]:
    """A list as it is, nothing for None, anything else as the only item."""
    if value is None:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def texts(data: JsonObject, name: str) -> tuple[str, ...]:
    return tuple(str(item) for item in items(data.get(name)))


def outcome(value: Json) -> Outcome:
    """The outcome of that name; a name that nobody knows says nothing, so it is unknown."""
    try:
        return Outcome(str(value))
    except ValueError:
        return Outcome.UNKNOWN


def verdict(data: JsonObject) -> Verdict:
    return Verdict(
        outcome(data.get("outcome")),
        text(data, "reason"),
        mapping(data, "numbers"),
        texts(data, "findings"),
    )


def attached(history: History, reference: Json) -> tuple[Json, str]:
    """An attachment's value, and what is wrong with it when it cannot be had."""
    if reference is None:
        return None, ""
    if not isinstance(reference, str):  # small enough to be in the line itself
        return reference, ""
    try:
        return history.attachment(reference), ""
    except JournalError as error:
        return None, error.found
    except ValueError:  # its bytes are what they were, but they never were JSON
        return None, "an attachment is not JSON"


def differences(value: Json) -> tuple[Difference, ...]:
    return tuple(_difference(item) for item in items(value) if isinstance(item, Mapping))


def _difference(data: JsonObject) -> Difference:
    attribute = data.get("attribute")
    known = {klass.value for klass in DifferenceClass}
    klass = text(data, "class")
    return Difference(
        text(data, "kind"),
        text(data, "name"),
        None if attribute is None else str(attribute),
        data.get("before"),
        data.get("after"),
        DifferenceClass(klass) if klass in known else DifferenceClass.OBJECT,
    )


def row_changes(value: Json) -> tuple[RowChanges, ...]:
    return tuple(_changes(item) for item in items(value) if isinstance(item, Mapping))


def _changes(data: JsonObject) -> RowChanges:
    columns = mapping(data, "lost_columns")
    return RowChanges(
        table=text(data, "table"),
        lost=count(data, "lost"),
        changed=count(data, "changed"),
        added=count(data, "added"),
        lost_keys=texts(data, "lost_keys"),
        changed_keys=texts(data, "changed_keys"),
        added_keys=texts(data, "added_keys"),
        lost_columns={name: count(columns, name) for name in columns},
        missing_table=data.get("missing_table") is True,
    )
