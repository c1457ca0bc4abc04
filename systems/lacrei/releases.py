"""The releases, oldest first: what each lacks of app/, and in which one way a broken one is broken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """A release as data. Files that differ are in overlays/<name>/, laid over app/.

    Attributes:
        broken: the kind of its fault; empty for a healthy one.
        lacks: files of app/ that it has not got yet.
    """

    name: str
    broken: str = ""
    lacks: tuple[str, ...] = ()


RELEASES = (
    Release(
        "v1.0.0",
        lacks=(
            "professionals/migrations/0005_phones_in_e164.py",
            "professionals/migrations/0006_remove_legacy_code.py",
            "professionals/phones.py",
            "appointments/migrations/0004_reminder.py",
            "lacrei/flags.py",
        ),
    ),
    Release("v1.1.0"),
    Release("v1.2.0-handler-bug", "handler-bug"),
    Release("v1.2.0-wrong-variable", "wrong-variable"),
    Release("v1.2.0-unhealthy", "unhealthy"),
    Release("v1.2.0-missing-migration", "missing-migration"),
    Release("v1.2.0-slow", "slow"),
)
