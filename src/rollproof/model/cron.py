"""Cron expressions as every scheduler understands them, and when they fall due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
_PORTABLE = re.compile(rf"^(?:[0-9*,/-]|\b(?:{_NAMES})\b)+$", re.IGNORECASE)
_NO_ZONES = frozenset(["localtime", "right", "posix", "posixrules", "Factory"])
"""What some machines have among their zones: another machine has it not, or means another place by it."""
_ANY_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cron:
    """Five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday).

    Only what crontab, GitHub, GitLab, Kubernetes, EventBridge and systemd agree on: numbers, names,
    `*`, lists, ranges and steps. A day of the month *and* a day of the week at once mean "or" to
    crontab and "and" to systemd, so one of them must be left open.
    """

    text: str
    _fields: CronSim = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises ValueError that says what is wrong with the expression."""
        parts = self.text.split()
        if len(parts) != 5:
            raise ValueError(
                f"found {self.text!r}, expected five fields: minute, hour, day of month, month, day of week"
            )
        if stray := next((part for part in parts if not _PORTABLE.match(part)), None):
            raise ValueError(
                f"found {stray!r} in {self.text!r}, expected numbers, names such as mon and jan, * , - and /"
            )
        try:
            object.__setattr__(self, "_fields", CronSim(self.text, _ANY_MOMENT))
        except CronSimError as error:
            name = str(error).removeprefix("Bad ").replace("-", " ")
            raise ValueError(f"the {name} of {self.text!r} is wrong or never comes") from None
        if self.days != frozenset(range(1, 32)) and self.weekdays != frozenset(range(7)):
            raise ValueError(
                f"{self.text!r} names a day of the month and a day of the week, which schedulers understand "
                "in different ways; leave one of them *"
            )

    @cached_property
    def minutes(self) -> frozenset[int]:
        return frozenset(self._fields.minutes)

    @cached_property
    def hours(self) -> frozenset[int]:
        return frozenset(self._fields.hours)

    @cached_property
    def days(self) -> frozenset[int]:
        """Of the month, from 1."""
        return frozenset(self._fields.days)

    @cached_property
    def months(self) -> frozenset[int]:
        return frozenset(self._fields.months)

    @cached_property
    def weekdays(self) -> frozenset[int]:
        """From 0, Sunday, to 6."""
        return frozenset(day % 7 for day in self._fields.weekdays if isinstance(day, int))

    def after(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """When it falls due after `moment`, in that zone, the next first; as in Debian's cron.

        What falls into the hour that the clocks leave out comes right after it, what falls into the
        hour that comes twice comes once.
        """
        return CronSim(self.text, moment.astimezone(zone))

    def before(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """When it fell due before `moment`, the newest first."""
        return CronSim(self.text, moment.astimezone(zone), reverse=True)


def zone_named(name: str) -> ZoneInfo:
    """Raises ValueError for a name that the IANA time zone database does not have."""
    try:
        if name.partition("/")[0] in _NO_ZONES:
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from rollproof.model.mistakes import suggestion  # which knows system files, and those know time zones

        close = suggestion(name, sorted(available_timezones() - _NO_ZONES))
        raise ValueError(
            f"found {name!r}, expected a time zone of the IANA database, such as America/Sao_Paulo{close}"
        ) from None
