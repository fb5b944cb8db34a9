"""Cron schedules: reading them, and the moments that they name.

The five fields are minute, hour, day of month, month and day of week, with lists, ranges, steps and English names; a day matches if
either of its two fields does, when both are restricted. `@hourly` and the like, and `@every 1h30m`, are understood too. Times are wall
times of a zone: a moment that a change of clocks skips does not occur.

The libraries for cron are written after other programs. cronsim, the best of them, follows Debian's: it runs what a change of clocks skips
right after it, takes 7 for Sunday, "L" and "#", reads a step on a star as a star when two days are given, and knows neither "?" nor
"@every". Each of these would be another time of a job, or another answer to a schedule, than upstream's.
Source: kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax (robfig/cron v3, standard parser).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from ..core.duration import parse_duration

_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = ((0, 59, {}), (0, 23, {}), (1, 31, {}), (1, 12, _MONTHS), (0, 6, _DAYS))
_INTEGER = re.compile(r"[+-]?[0-9]+")
# Days looked through for the next moment. Source: robfig/cron, which gives up after five years.
_DAYS_MAX = 5 * 366
# How far back the last moment is looked for, in steps, so that each step has few moments.
_LOOK_BACK = (timedelta(minutes=2), timedelta(hours=2), timedelta(days=2), timedelta(days=32), timedelta(days=_DAYS_MAX))


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule: the values of each field, or an interval."""

    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    either_day: bool = False
    every: timedelta | None = None

    def after(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first moment later than `moment`, in UTC; None if there is none in five years."""
        if self.every is not None:
            return (moment + self.every).replace(microsecond=0)
        local = moment.astimezone(zone)
        for number in range(_DAYS_MAX):
            day = local.date() + timedelta(days=number)
            if day.month not in self.months or not self._is_day(day.day, (day.weekday() + 1) % 7):
                continue
            for found in self._moments(datetime(day.year, day.month, day.day, tzinfo=zone)):
                if found > moment:
                    return found
        return None

    def last(self, since: datetime, until: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The last moment later than `since` and not later than `until`, in UTC; None if there is none."""
        if self.every is not None:
            periods = (until - since) // self.every
            return (since + periods * self.every).replace(microsecond=0) if periods > 0 else None
        for span in _LOOK_BACK:
            start = max(since, until - span)
            found = None
            following = self.after(start, zone)
            while following is not None and following <= until:
                found, following = following, self.after(following, zone)
            if found is not None or start == since:
                return found
        return None

    def _is_day(self, day: int, weekday: int) -> bool:
        in_month, in_week = day in self.days, weekday in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week

    def _moments(self, midnight: datetime) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                wall = midnight.replace(hour=hour, minute=minute)
                found = wall.astimezone(UTC)
                if found.astimezone(midnight.tzinfo).replace(tzinfo=None) == wall.replace(tzinfo=None):
                    yield found


def parse(text: str) -> Schedule:
    """Read a schedule.

    Raises: ValueError if it does not read, in the words of upstream's parser.
    """
    if not text:
        raise ValueError("empty spec string")
    if text.startswith("@every "):
        return Schedule(every=_every(text))
    if text.startswith("@"):
        try:
            text = _DESCRIPTORS[text]
        except KeyError:
            raise ValueError(f"unrecognized descriptor: {text}") from None
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = (_field(field, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True))
    restricted = all(not _has_star(field) for field in (fields[2], fields[4]))
    return Schedule(tuple(sorted(minutes)), tuple(sorted(hours)), frozenset(days), frozenset(months), frozenset(weekdays), restricted)


def _every(text: str) -> timedelta:
    duration = text.removeprefix("@every ")
    try:
        seconds = parse_duration(duration.removeprefix("-"))
    except ValueError as error:
        raise ValueError(f"failed to parse duration {text}: {error}") from error
    return timedelta(seconds=1 if duration.startswith("-") else max(1, int(seconds)))


def _has_star(text: str) -> bool:
    """Whether a field lets every value in as it is written, so that it does not restrict days."""
    return any(part.partition("/")[0].partition("-")[0] in ("*", "?") and part.partition("/")[2] in ("", "1") for part in text.split(","))


def _field(text: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    values: set[int] = set()
    for part in filter(None, text.split(",")):
        values |= _range(part, low, high, names)
    return values


def _range(text: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    span, *steps = text.split("/")
    bounds = span.split("-")
    if bounds[0] in ("*", "?"):
        first, last = low, high
    else:
        first = last = _number(bounds[0], names)
        if len(bounds) == 2:
            last = _number(bounds[1], names)
        elif len(bounds) > 2:
            raise ValueError(f"too many hyphens: {text}")
    step = 1
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    if steps:
        step = _number(steps[0], {})
        if len(bounds) == 1:
            last = high
    if first < low:
        raise ValueError(f"beginning of range ({first}) below minimum ({low}): {text}")
    if last > high:
        raise ValueError(f"end of range ({last}) above maximum ({high}): {text}")
    if first > last:
        raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")
    return set(range(first, last + 1, step))


def _number(text: str, names: dict[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    if not _INTEGER.fullmatch(text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 0:
        raise ValueError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
