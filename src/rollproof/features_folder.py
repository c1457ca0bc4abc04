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
