"""One contract for every environment: `place` is the kind, `environment` an open one of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import PLACES, Place, staging

from rollproof.components import healers
from rollproof.drill.healing import heal, outstanding
from rollproof.environments.base import OpenEnvironment
from rollproof.journal import Journal, Recorder

assert healers  # registered by being imported


@pytest.fixture(scope="session")
def standing_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server and an account that no drill has started; variables lead to them, as they do elsewhere."""
    from standin import SPEC, stand_in

    with stand_in(tmp_path_factory.mktemp("elsewhere")) as found, pytest.MonkeyPatch.context() as patch:
        found.run("CREATE ROLE contract_app LOGIN PASSWORD 'app'")
        patch.setenv("STANDIN_APP", "app")
        patch.setenv(SPEC, found.spec(passwords_env={"contract_app": "STANDIN_APP"}))
        for name, value in found.environ.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module", params=PLACES, ids=lambda make: make.__name__)
def place(request: pytest.FixtureRequest) -> Place:
    if request.param is staging:
        request.getfixturevalue("standing_in")
    found: Place = request.param()
    if found.missing:
        pytest.skip(found.missing)
    return found


@pytest.fixture(scope="module")
def contract_journal(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(place.name) / "journal.ndjson"


@pytest.fixture(scope="module")
def environment(place: Place, contract_journal: Path) -> Iterator[OpenEnvironment]:
    """An open environment of that kind, for one module; at its end all is undone."""
    with Journal(contract_journal, run="contract") as journal:
        with place.make().open(place.system, Recorder(journal, "run")) as opened:
            yield opened
        assert heal(outstanding(journal.events), Recorder(journal, "heal")) == []
