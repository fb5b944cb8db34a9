"""How Go reads and writes RFC 3339 times, and what it says of a text that is none.

Source: go.dev/src/time/format.go (Parse, ParseError); k8s.io/apimachinery/pkg/apis/meta/v1/time.go, micro_time.go
"""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta

from minikube_py.apis.syntax import quote

RFC3339 = "2006-01-02T15:04:05Z07:00"
RFC3339_MICRO = "2006-01-02T15:04:05.000000Z07:00"
# Element of the layout, what it reads, and the range of the number that it reads.
ELEMENTS: tuple[tuple[str, str, tuple[int, int, str] | None], ...] = (
    ("2006", r"[0-9]{4}", None), ("-", "-", None), ("01", r"[0-9]{2}", (1, 12, "month")), ("-", "-", None), ("02", r"[0-9]{2}", None),
    ("T", "T", None), ("15", r"[0-9]{2}", (0, 23, "hour")), (":", ":", None), ("04", r"[0-9]{2}", (0, 59, "minute")), (":", ":", None),
    ("05", r"[0-9]{2}", (0, 59, "second")),
)
MICROS = (".000000", r"\.[0-9]{6}(?![0-9])")
ZONE = ("Z07:00", r"Z|[+-][0-9]{2}:[0-9]{2}")


def time_problem(text: str, *, micro: bool = False) -> str:
    """The message of the error, "" for a time."""
    layout = RFC3339_MICRO if micro else RFC3339
    head = f"parsing time {quote(text)}"
    position, day, month, year = 0, 1, 1, 1
    for element, pattern, bounds in (*ELEMENTS, (*(MICROS if micro else (".", r"(?:[.,][0-9]+)?")), None), (*ZONE, None)):
        match = re.compile(pattern, re.ASCII).match(text, position)
        if match is None:
            return f"{head} as {quote(layout)}: cannot parse {quote(text[position:])} as {quote(element)}"
        position = match.end()
        if bounds is not None and not bounds[0] <= int(match[0]) <= bounds[1]:
            return f"{head}: {bounds[2]} out of range"
        year, month, day = (
            int(match[0]) if element == "2006" else year, int(match[0]) if element == "01" else month,
            int(match[0]) if element == "02" else day,
        )
        if element == "Z07:00" and match[0] != "Z" and not (int(match[0][1:3]) <= 24 and int(match[0][4:]) < 60):
            return f"{head}: time zone offset {'hour' if int(match[0][1:3]) > 24 else 'minute'} out of range"
    if position < len(text):
        return f"{head}: extra text: {quote(text[position:])}"
    if not 1 <= day <= (calendar.monthrange(year, month)[1] if year else 31):
        return f"{head}: day out of range"
    return ""


def canonical_time(text: str, *, micro: bool = False) -> str:
    """A time as Go writes it: in UTC, without the fraction or with microseconds; "" for Go's zero time.

    Args:
        text: has no `time_problem`.
    Raises: ValueError if it is after the year 9999 in UTC.
    """
    if int(text[:4]) < 2:
        return ""
    clock, digits, zone = re.fullmatch(r"(.{19})(?:[.,]([0-9]+))?(.+)", text).groups("")  # type: ignore[union-attr]
    moment = datetime.fromisoformat(clock)
    if zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        try:
            moment = moment - offset if zone[0] == "+" else moment + offset
        except OverflowError as error:
            raise ValueError("Time.MarshalJSON: year outside of range [0,9999]") from error
    return moment.isoformat() + (f".{digits[:6]:0<6}Z" if micro else "Z")
