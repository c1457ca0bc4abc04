"""Secrets are recognised; what only looks a little like one is let through."""

from __future__ import annotations

import pytest

from rollproof.model.secrets import names_a_password, secret_in


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:hunter2@db.internal:5432/app",
        "https://user:pa%24s@proxy",
        "host=db password=hunter2",
        "password=hunter2 user=app",
        "ASIAABCDEFGHIJKLMNOP",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzz12",
        "-----BEGIN EC PRIVATE KEY-----",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    ],
)
def test_a_secret_is_recognised(text: str) -> None:
    assert secret_in(text)
    assert secret_in(f'key = "{text}" # note')


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app@db.internal/app",
        "postgresql://app:${PASSWORD}@db/app",
        "postgresql://app:{password}@db/app",
        "http://127.0.0.1:{port}/health?at=a@b",
        "UPDATE users SET password = 'x' WHERE host = 'y'",
        "SELECT 1 FROM users WHERE password={token} AND host='h'",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "database/migrations/Some/Long/Folder/Name/01",
        "arn:aws:iam::123456789012:role/deploy",
        "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    ],
)
def test_what_is_no_secret_is_let_through(text: str) -> None:
    assert secret_in(text) is None


def test_a_password_is_recognised_by_its_name() -> None:
    assert names_a_password("PGPASSWORD")
    assert names_a_password("SMTP_PASSWORD")
    assert not names_a_password("PASSWORD_FILE")
    assert not names_a_password("PGPASSFILE")
