"""What filling tables came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollproof.walk.model import NoRows


@dataclass(frozen=True, slots=True)
class FillReport:
    """What one `top_up` came to.

    Attributes:
        made: qualified name -> number of rows made, or filled in where a column came. Only tables with some.
        not_made: every table that holds no generated row now, and why; also those of earlier calls.
        notes: qualified name -> what else a person should know, such as triggers that had to be left out.
    """

    made: Mapping[str, int] = field(default_factory=dict)
    not_made: tuple[NoRows, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
