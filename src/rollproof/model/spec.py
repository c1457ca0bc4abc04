"""What every table of a system file is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rollproof.model.durations import parse_duration
from rollproof.model.names import QUALIFIED


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_duration), Field(ge=0)]
"""A duration: `15m` in files, seconds as a float inside."""
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$", max_length=63)]
QualifiedName = Annotated[str, Field(pattern=QUALIFIED, examples=["public.migrations"])]
"""As the catalog has it, parts in double quotes where they need them; see `rollproof.model.names`."""
TimeOfDay = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Command = Annotated[tuple[str, ...], Field(min_length=1)]
"""A list of arguments, never a shell string. `{python}`, `{env}`, `{port}` and `{dsn}` are filled in."""


class Spec(BaseModel):
    """Base of everything in a system file: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
