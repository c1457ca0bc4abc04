"""One contract for every environment: `place` is the kind, `environment` an open one of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import PLACES, Place

from rollproof.environments.base import OpenEnvironment
from rollproof.journal import Journal, Recorder


@pytest.fixture(scope="module", params=PLACES, ids=lambda make: make.__name__)
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.param()
    if found.missing:
        pytest.skip(found.missing)
    return found


@pytest.fixture(scope="module")
def contract_journal(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(place.name) / "journal.ndjson"


@pytest.fixture(scope="module")
def environment(place: Place, contract_journal: Path) -> Iterator[OpenEnvironment]:
    """An open environment of that kind, for the tests of one module."""
    with (
        Journal(contract_journal, run="contract") as journal,
        place.make().open(place.system, Recorder(journal, "run")) as opened,
    ):
        yield opened
