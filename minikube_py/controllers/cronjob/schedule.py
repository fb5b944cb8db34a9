"""Cron schedules: reading them, and the moments that they name.

The five fields are minute, hour, day of month, month and day of week, with lists, ranges, steps and English names; a day matches if
either of its two fields does, when both are restricted. `@hourly` and the like, and `@every 1h30m`, are understood too. Times are wall
times of a zone: a moment that a change of clocks skips does not occur.
Source: kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax (robfig/cron v3, standard parser).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from minikube_py.core.duration import parse_duration

_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}
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

    Raises: ValueError if it does not read.
    """
    text = text.strip()
    if text.startswith("@every "):
        return Schedule(every=_duration(text.removeprefix("@every ").strip()))
    fields = _DESCRIPTORS.get(text.lower(), text).split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours = sorted(_field(fields[0], 0, 59)), sorted(_field(fields[1], 0, 23))
    restricted = [not field.startswith(("*", "?")) for field in (fields[2], fields[4])]
    return Schedule(
        tuple(minutes), tuple(hours), frozenset(_field(fields[2], 1, 31)), frozenset(_field(fields[3], 1, 12, _MONTHS)),
        frozenset(_field(fields[4], 0, 6, _DAYS)), all(restricted),
    )


def _duration(text: str) -> timedelta:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ValueError(f"failed to parse duration @every {text}") from error
    return timedelta(seconds=max(1, int(seconds)))


def _field(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        first_text, dash, last_text = span.partition("-")
        if span in ("*", "?"):
            first, last = low, high
        else:
            first = _number(first_text, names)
            last = _number(last_text, names) if dash else high if slash else first
        step = _number(step_text, None) if slash else 1
        if first < low or last > high or first > last or step < 1:
            raise ValueError(f"value out of range ({low} - {high}): {part}")
        values.update(range(first, last + 1, step))
    return values


def _number(text: str, names: dict[str, int] | None) -> int:
    named = (names or {}).get(text.lower())
    if named is not None:
        return named
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"failed to parse int from {text}")
    return int(text)
