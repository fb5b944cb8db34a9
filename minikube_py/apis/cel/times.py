"""Durations and timestamps.

Both are whole nanoseconds: a Duration within 64 bits (292 years), a Timestamp since 1970 within the years 1 to 9999.

Source: cel-go common/types/duration.go, timestamp.go; Go time.ParseDuration
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from .errors import CelError

SECOND = 10**9
_DURATION_MAX = 2**63 - 1
# The zero of Go's time.Time, too.
TIMESTAMP_MIN = -62135596800 * SECOND
_TIMESTAMP_MAX = 253402300799 * SECOND + SECOND - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_UNITS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND,
}
_DURATION = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])(\d{2}):(\d{2}))", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d{2})", re.ASCII)


class Duration:
    """A span of time."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        if not -_DURATION_MAX - 1 <= ns <= _DURATION_MAX:
            raise CelError("duration overflow")
        self.ns = ns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(("duration", self.ns))

    def __lt__(self, other: Duration) -> bool:
        return self.ns < other.ns

    def text(self) -> str:
        """ "3600s", "1.5s"."""
        seconds, rest = divmod(abs(self.ns), SECOND)
        fraction = f".{rest:09}".rstrip("0") if rest else ""
        return f"{'-' if self.ns < 0 else ''}{seconds}{fraction}s"


class Timestamp:
    """A moment, and how far east of UTC the clock was that told it, in seconds: that shows in its text and nowhere else."""

    __slots__ = ("ns", "offset_s")

    def __init__(self, ns: int, offset_s: int = 0) -> None:
        if not TIMESTAMP_MIN <= ns <= _TIMESTAMP_MAX:
            raise CelError("timestamp overflow")
        self.ns = ns
        self.offset_s = offset_s

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(("timestamp", self.ns))

    def __lt__(self, other: Timestamp) -> bool:
        return self.ns < other.ns

    def moment(self, zone: tzinfo = UTC) -> datetime:
        """With microseconds at most; the rest is in `ns`."""
        try:
            return (_EPOCH + timedelta(microseconds=self.ns // 1000)).astimezone(zone)
        except OverflowError as error:
            raise CelError("timestamp overflow") from error

    def after(self, ns: int) -> Timestamp:
        """The moment so much later, by the same clock."""
        return Timestamp(self.ns + ns, self.offset_s)

    def text(self) -> str:
        """RFC 3339 by the clock that told it."""
        local = self.moment(timezone(timedelta(seconds=self.offset_s))).replace(microsecond=0, tzinfo=None).isoformat()
        rest = self.ns % SECOND
        minutes = abs(self.offset_s) // 60
        zone = f"{'-' if self.offset_s < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}" if self.offset_s else "Z"
        return local + (f".{rest:09}".rstrip("0") if rest else "") + zone


def parse_duration(text: str) -> Duration:
    """A duration as Go writes it: "1h30m", "-1.5s", "0".

    Raises: CelError.
    """
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return Duration(0)
    total = at = 0
    while at < len(rest):
        match = _DURATION.match(rest, at)
        if match is None or not (match[1] or match[2]) or len(match[0]) > 64:
            break
        unit = _UNITS[match[3]]
        fraction = match[2] or ""
        total += int(match[1] or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        at = match.end()
    if not rest or at < len(rest) or total > _DURATION_MAX:
        raise CelError(f'time: invalid duration "{text}"')
    return Duration(-total if text[0] == "-" else total)


def parse_timestamp(text: str) -> Timestamp:
    """A moment as RFC 3339 writes it.

    Raises: CelError.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise CelError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}" as "2006"')
    year, month, day, hour, minute, second = (int(match[number]) for number in range(1, 7))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
        if offset >= timedelta(hours=24):
            raise ValueError("offset out of range")
    except ValueError as error:
        raise CelError(f'parsing time "{text}": {error}') from error
    offset_s = (offset // timedelta(seconds=1)) * (-1 if match[8] == "-" else 1)
    fraction = int((match[7] or "0")[:9].ljust(9, "0"))
    return Timestamp(((moment - _EPOCH) // timedelta(seconds=1) - offset_s) * SECOND + fraction, offset_s)


def int_to_duration(amount: int) -> Duration:
    """Declared, but integers do not convert: upstream says so when the expression runs.

    Raises: CelError.
    """
    raise CelError("type conversion error from 'int' to 'google.protobuf.Duration'")


def int_to_timestamp(seconds: int) -> Timestamp:
    """The moment so long after 1970. Raises: CelError."""
    return Timestamp(seconds * SECOND)


def parse_date(text: str) -> Timestamp:
    """The first moment of a day ("2006-01-02") in UTC.

    Raises: CelError.
    """
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise CelError(f'parsing time "{text}" as "2006-01-02": cannot parse "{text}" as "2006"')
    return Timestamp((datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) * SECOND)


@lru_cache(128)
def zone(name: str) -> tzinfo:
    """A time zone by its name ("Europe/Berlin") or its offset ("02:00", "-05:30").

    Raises: CelError.
    """
    match = _OFFSET.fullmatch(name)
    if match is not None:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if offset >= timedelta(hours=24):
            raise CelError(f"unknown time zone {name}")
        return timezone(-offset if match[1] == "-" else offset)
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise CelError(f"unknown time zone {name}") from error
