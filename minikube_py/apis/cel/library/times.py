"""Parts of timestamps and durations.

Source: github.com/google/cel-spec doc/langdef.md (timestamps); cel-go common/types/timestamp.go, duration.go
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..times import SECOND, Duration, Timestamp, zone

_PARTS: dict[str, Callable[[datetime], int]] = {
    "FullYear": lambda moment: moment.year,
    "Month": lambda moment: moment.month - 1,
    "DayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "DayOfMonth": lambda moment: moment.day - 1,
    "Date": lambda moment: moment.day,
    "DayOfWeek": lambda moment: moment.isoweekday() % 7,
    "Hours": lambda moment: moment.hour,
    "Minutes": lambda moment: moment.minute,
    "Seconds": lambda moment: moment.second,
    "Milliseconds": lambda moment: moment.microsecond // 1000,
}


def _part(part: Callable[[datetime], int]) -> Callable[..., int]:
    def get(moment: Timestamp, zone_name: str = "UTC") -> int:
        return part(moment.moment(zone(zone_name)))

    return get


def _whole(unit_ns: int) -> Callable[[Duration], int]:
    def get(span: Duration) -> int:
        return abs(span.ns) // unit_ns * (-1 if span.ns < 0 else 1)

    return get


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    **{f"timestamp_to_{name}": _part(part) for name, part in _PARTS.items()},
    **{f"timestamp_to_{name}_with_tz": _part(part) for name, part in _PARTS.items()},
    "duration_to_hours": _whole(3600 * SECOND),
    "duration_to_minutes": _whole(60 * SECOND),
    "duration_to_seconds": _whole(SECOND),
    "duration_to_milliseconds": _whole(SECOND // 1000),
}
