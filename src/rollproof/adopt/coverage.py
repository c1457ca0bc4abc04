"""Which of the features that ship apply to a system, and what it would have to declare for the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollproof.features_folder import shipped_features
from rollproof.plugin.gherkin import read_feature, tags_of
from rollproof.plugin.options import COMPONENTS

_TABLES = {
    "database": "[database]",
    "smoke": "[smoke]",
    "notifications": "[notifications]",
    "image": "`runner`, `name` and `repository` to a [service.*]",
    "pipeline": "two healthy releases whose {path} a service's `command` names",
    "runnable": "`path` to two releases, and {path} to a service's `command`",
    "variables": "[settings.*] of the kind `service-environment`",
}
_LISTED = ("release", "traffic")


@dataclass(frozen=True, slots=True)
class Coverage:
    """One feature.

    Attributes:
        scenarios: how many it has.
        applying: how many of them need nothing that the system lacks, by their tags.
        missing: kinds of component that the least demanding of the others asks for, or all together
            when some apply already.
        needy: whether any scenario asks for a component at all.
    """

    name: str
    scenarios: int
    applying: int
    missing: tuple[str, ...]
    needy: bool

    @property
    def said(self) -> str:
        """`12 of 13 scenarios apply; add [smoke] to drill the rest`."""
        add = ", ".join(map(table_of, self.missing))
        if not self.applying:
            return f"add {add} to drill it"
        said = f"{self.applying} of {self.scenarios} scenarios apply"
        return f"{said}; add {add} to drill the rest" if add else said


def table_of(component: str) -> str:
    """How a system file declares a component: `[api.*]`, `[[release]]`, `[database]`."""
    return f"[[{component}]]" if component in _LISTED else _TABLES.get(component, f"[{component}.*]")


def coverage(components: Collection[str]) -> list[Coverage]:
    """Every shipped feature, held against what a system declares."""
    return [_covered(path, frozenset(components)) for path in shipped_features()]


def _covered(path: Path, components: frozenset[str]) -> Coverage:
    scenarios = read_feature(path, shown=path.name).scenarios.values()
    lacking = [(tags_of(scenario) & COMPONENTS) - components for scenario in scenarios]
    needy = any(tags_of(scenario) & COMPONENTS for scenario in scenarios)
    wanting = [one for one in lacking if one]
    applying = len(lacking) - len(wanting)
    missing = frozenset().union(*wanting) if applying else min(wanting, key=len, default=frozenset())
    return Coverage(path.stem, len(lacking), applying, tuple(sorted(missing)), needy)


def worth_drilling(found: Sequence[Coverage]) -> list[str]:
    """Features for a first plan: those that drill a component; where there is none, all that apply."""
    applying = [one for one in found if one.applying]
    return [one.name for one in applying if one.needy] or [one.name for one in applying]
