"""A schedule of one time zone for a scheduler that knows only UTC."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rollproof.errors import BadInput
from rollproof.model.cron import Cron
from rollproof.plans.emit.base import ranges

_DAY = 24 * 60
_YEARS_AHEAD = 2


@dataclass(frozen=True, slots=True)
class InUtc:
    """Cron expressions in UTC that hold while the zone is `offset` minutes ahead of UTC."""

    offset: int
    crons: tuple[str, ...]

    @property
    def said(self) -> str:
        """As `date +%z` writes it: `-0300`."""
        hours, minutes = divmod(abs(self.offset), 60)
        return f"{'-' if self.offset < 0 else '+'}{hours:02}{minutes:02}"


def in_utc(cron: Cron, zone: ZoneInfo, moment: datetime) -> list[InUtc]:
    """One entry for each offset that the zone has within two years from `moment`: one or two, as a rule.

    Raises BadInput when a day of the month or a month would have to be named for a time that falls on
    another day in UTC: cron cannot say "the day before the first".
    """
    return [InUtc(offset, _shifted(cron, offset)) for offset in _offsets(zone, moment)]


def _offsets(zone: ZoneInfo, moment: datetime) -> list[int]:
    days = (moment.astimezone(UTC) + timedelta(days=day) for day in range(366 * _YEARS_AHEAD))
    found = {day.astimezone(zone).utcoffset() or timedelta() for day in days}
    return sorted(int(offset.total_seconds()) // 60 for offset in found)


def _shifted(cron: Cron, offset: int) -> tuple[str, ...]:
    """Expressions that together name the same moments, `offset` minutes earlier."""
    minutes_by_hour: dict[tuple[int, int], set[int]] = defaultdict(set)
    for hour in cron.hours:
        for minute in cron.minutes:
            days, rest = divmod(hour * 60 + minute - offset, _DAY)
            minutes_by_hour[days, rest // 60].add(rest % 60)
    hours: dict[tuple[int, frozenset[int]], set[int]] = defaultdict(set)
    for (days, hour), minutes in minutes_by_hour.items():
        hours[days, frozenset(minutes)].add(hour)
    return tuple(sorted({_written(cron, key[0], key[1], frozenset(each)) for key, each in hours.items()}))


def _written(cron: Cron, days: int, minutes: frozenset[int], hours: frozenset[int]) -> str:
    month_days, months = ranges(cron.days, range(1, 32)), ranges(cron.months, range(1, 13))
    if days and (month_days != "*" or months != "*"):
        raise BadInput(
            "in UTC it falls on another day, and cron cannot name the day before or after a date",
            doing=f"putting the schedule {cron.text!r} into UTC",
            remedy="choose a time of day that is on the same day in UTC, or a scheduler with time zones",
        )
    weekdays = frozenset((day + days) % 7 for day in cron.weekdays)
    times = f"{ranges(minutes, range(60))} {ranges(hours, range(24))}"
    return f"{times} {month_days} {months} {ranges(weekdays, range(7))}"


def skipped_time(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first time that is named and that the zone's clocks leave out, within two years; local, if any."""
    midnight = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for day in (midnight + timedelta(days=number) for number in range(366 * _YEARS_AHEAD)):
        if _offset(day, zone) < _offset(day + timedelta(days=1), zone) and _names(cron, day):
            times = (day + timedelta(hours=hour, minutes=m) for hour in cron.hours for m in cron.minutes)
            if missing := sorted(time for time in times if not _exists(time, zone)):
                return missing[0]
    return None


def _offset(local: datetime, zone: ZoneInfo) -> timedelta:
    return local.replace(tzinfo=zone).utcoffset() or timedelta()


def _names(cron: Cron, day: datetime) -> bool:
    return day.day in cron.days and day.month in cron.months and day.isoweekday() % 7 in cron.weekdays


def _exists(local: datetime, zone: ZoneInfo) -> bool:
    there = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there.replace(tzinfo=None) == local
