"""What a drill may touch at most, asked before each thing is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from rollproof.drill.aborting import is_healing
from rollproof.errors import OutOfBounds
from rollproof.model.limits import Limits

OWN = "rollproof-"
"""Of the names of what drills make for themselves: buckets for files of releases, the table of locks."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Limits, with what their placeholders stand for and where they stand.

    Attributes:
        where: `[environments.staging.limits] of system.toml`.
    """

    limits: Limits
    where: str
    values: Mapping[str, str] = field(default_factory=dict)

    def allows(self, kind: str, name: str) -> bool:
        """Whether a thing of a kind may be touched."""
        patterns: Sequence[str] | None = getattr(self.limits, f"{kind}s")
        if patterns is None or (kind in ("bucket", "table") and name.startswith(OWN)):
            return True
        return any(fnmatchcase(name, self._filled(pattern)) for pattern in patterns)

    def _filled(self, pattern: str) -> str:
        for name, value in self.values.items():
            pattern = pattern.replace(f"{{{name}}}", value)
        return pattern


class Bounds:
    """All limits of a run: what one of them does not allow is refused.

    Attributes:
        refused: what was, one sentence each; a scenario in which that happened proves nothing.
    """

    def __init__(self) -> None:
        self.declared: list[Declared] = []
        self.refused: list[str] = []

    def expect(self, kind: str, names: Iterable[str], *, doing: str) -> None:
        """Raises OutOfBounds for the first that some limit does not allow. Healing is never refused."""
        for name in () if is_healing() else names:
            for one in self.declared:
                if not one.allows(kind, name):
                    raise self._refusal(kind, name, one.where, doing)

    def _refusal(self, kind: str, name: str, where: str, doing: str) -> OutOfBounds:
        found = f"{kind} {name} is outside of the limits"
        self.refused.append(f"{found} ({where}), while {doing}")
        return OutOfBounds(
            found,
            doing=doing,
            where=where,
            remedy=f"add it to `{kind}s` there if the drill may touch it, or leave the scenario out",
        )

    def refuse(self, found: str, *, doing: str, where: str, remedy: str) -> OutOfBounds:
        """The error for what no drill may do, whatever is declared; the scenario proves nothing then."""
        self.refused.append(f"{found}, while {doing}")
        return OutOfBounds(found, doing=doing, where=where, remedy=remedy)

    def expect_tenants(self, count: int) -> None:
        """Raises OutOfBounds when a run is to drill more systems than a limit allows."""
        for one in self.declared:
            if one.limits.tenants is not None and count > one.limits.tenants:
                raise OutOfBounds(
                    f"{count} systems are to be drilled, and {one.limits.tenants} may be",
                    doing="beginning a run",
                    where=one.where,
                    remedy="drill fewer at a time, or raise `tenants` there",
                )

    @property
    def seconds(self) -> float | None:
        """The shortest time that a run may take; None when none is limited."""
        return min((one.limits.time for one in self.declared if one.limits.time is not None), default=None)
