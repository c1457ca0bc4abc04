"""One stand-in for all tests of a session, and another server that nobody is allowed to touch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from standin import StandIn, stand_in

from rollproof.environments.staging import holding


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The stand-in, with an account."""
    with stand_in(tmp_path_factory.mktemp("elsewhere")) as found:
        yield found


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Another server with a database of the same name and the same content: production, say."""
    with stand_in(tmp_path_factory.mktemp("stranger"), with_aws=False) as found:
        yield found


@pytest.fixture(autouse=True)
def no_lock_is_kept() -> Iterator[None]:
    """What a test opened without healing holds nothing from the next one."""
    yield
    for held in holding._HELD.values():
        while held:
            held.pop().release()
