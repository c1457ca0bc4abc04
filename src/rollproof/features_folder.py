"""The features that ship with Rollproof: in the package once installed, in `features/` in a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rollproof.errors import BadInput

_HERE = Path(__file__).resolve()
_PLACES = (_HERE.parent / "features", _HERE.parents[2] / "features")


def shipped_features(names: Sequence[str] = ()) -> list[Path]:
    """The feature files of those names (`migration`), all of them when none is named.

    Raises BadInput for a name that no feature bears.
    """
    found = {path.stem: path for place in _PLACES for path in sorted(place.glob("*.feature"))}
    if unknown := sorted(set(names) - set(found)):
        raise BadInput(
            f"no feature is called {', '.join(unknown)}", remedy=f"name one of: {', '.join(sorted(found))}"
        )
    return [path for name, path in found.items() if not names or name in names]


def feature_path(name: str) -> str | None:
    """What a plan means by a feature: a file or folder of that path, else the shipped feature of that name.

    None when there is neither. A test id's part after `::` stays.
    """
    path, colons, rest = name.partition("::")
    if Path(path).exists():
        return name
    shipped = [found for found in shipped_features() if found.stem == path]
    return f"{shipped[0]}{colons}{rest}" if shipped else None
