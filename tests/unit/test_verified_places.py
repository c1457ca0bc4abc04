"""What healers find of places that this process has verified: credentials that hold, and the right server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rollproof.environments import access
from rollproof.environments.base import AwsEndpoint, PostgresServer
from rollproof.errors import EnvironmentUnavailable

ACCOUNT = AwsEndpoint(
    url=None,
    region="eu-central-1",
    account="123456789012",
    access_key="first",
    secret_key="of-a-session",  # noqa: S106
    emulator="",
    private=False,
)
SERVER = PostgresServer(
    host="db", port=5432, user="drill", major=16, bin_dir=Path(), private=False, system_identifier="7400"
)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SERVERS", "_ENDPOINTS", "_RENEW"):
        monkeypatch.setattr(access, name, {})


def test_a_healer_that_comes_after_hours_gets_credentials_that_hold() -> None:
    renewed = replace(ACCOUNT, access_key="second")
    access.remember(endpoint=ACCOUNT, renew=lambda: renewed)
    assert access.verified_account(ACCOUNT.account) == renewed


def test_a_healer_tries_the_old_ones_where_none_can_be_had() -> None:
    def renew() -> AwsEndpoint:
        raise EnvironmentUnavailable("STS does not answer")

    access.remember(endpoint=ACCOUNT, renew=renew)
    assert access.verified_account(ACCOUNT.account) == ACCOUNT
    assert access.verified_account("210987654321") is None


def test_what_was_verified_last_counts() -> None:
    access.remember(endpoint=ACCOUNT, renew=lambda: replace(ACCOUNT, access_key="second"))
    access.remember(endpoint=replace(ACCOUNT, access_key="third"))
    found = access.verified_account(ACCOUNT.account)
    assert found is not None
    assert found.access_key == "third"


def test_a_copy_of_a_cluster_does_not_stand_for_its_source() -> None:
    """It may have the same system identifier: both begin as the same files."""
    copy = replace(SERVER, host="copy", cluster="rollproof-1")
    access.remember(server=SERVER)
    access.remember(server=copy)
    assert access.verified_server("7400") == SERVER
    assert access.verified_server("rollproof-1") == copy
