"""Which fields a body may have, and what is acceptable in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alquimista_api.messages import Refusal

Accepts = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body."""

    accepts: Accepts
    required: bool = False


def text(*, at_most: int) -> Accepts:
    """A text that is not blank."""
    return lambda value: isinstance(value, str) and bool(value.strip()) and len(value) <= at_most


def whole_number(*, at_least: int, at_most: int) -> Accepts:
    """An integer in that range; JSON's true and false are none."""
    return lambda value: (
        isinstance(value, int) and not isinstance(value, bool) and at_least <= value <= at_most
    )


def texts(value: object) -> bool:
    """A list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def document(value: object) -> bool:
    """A JSON object."""
    return isinstance(value, dict)


def checked(body: Mapping[str, object], fields: Mapping[str, Field]) -> dict[str, object]:
    """The body, when it has all fields that it must and none that it may not.

    Raises:
        Refusal: names the fields, and does not repeat what was in them.
    """
    missing = [name for name, field in fields.items() if field.required and name not in body]
    unknown = [name for name in body if name not in fields]
    wrong = [name for name, value in body.items() if name in fields and not fields[name].accepts(value)]
    if missing or unknown or wrong:
        raise Refusal(
            422,
            "fields_refused",
            missing=", ".join(missing),
            unknown=f"{len(unknown)}" if unknown else None,
            wrong=", ".join(wrong),
        )
    return dict(body)


SMALLINT = 32_767
LEAD: Mapping[str, Field] = {
    "external_ref": Field(text(at_most=200), required=True),
    "company_name": Field(text(at_most=200), required=True),
    "contact_name": Field(text(at_most=200)),
    "email": Field(text(at_most=320)),
    "phone": Field(text(at_most=40)),
    "source": Field(text(at_most=40)),
    "score": Field(whole_number(at_least=0, at_most=SMALLINT)),
    "tags": Field(texts),
    "attributes": Field(document),
    "notes": Field(text(at_most=10_000)),
}
EVENT: Mapping[str, Field] = {
    "kind": Field(text(at_most=80), required=True),
    "agent_id": Field(whole_number(at_least=1, at_most=2**31 - 1)),
    "correlation_id": Field(text(at_most=200)),
    "payload": Field(document),
}
