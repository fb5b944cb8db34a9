"""Go's notation of durations: "1h30m", "250ms", "0".

Source: pkg.go.dev/time#ParseDuration, #Duration.String
"""

from __future__ import annotations

import re

UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_AMOUNT, _UNIT = r"(?:\d+(?:\.\d*)?|\.\d+)", "ns|us|µs|ms|s|m|h"
_READABLE = re.compile(rf"(?:{_AMOUNT}(?:{_UNIT}))*{_AMOUNT}([^0-9.]*)")
_PART = re.compile(rf"({_AMOUNT})({_UNIT})")


def parse_duration(text: str) -> float:
    """The seconds of a duration that is not negative.

    Raises: ValueError, in Go's words.
    """
    if text == "0":
        return 0.0
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(_wrong(text))
    return sum(float(number) * UNITS_S[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """A duration of whole milliseconds as Go shows it: "10s", "1m20s", "1h0m0s", "1.5s", "250ms"."""
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    shown = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    if not minutes:
        return shown
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}h{minutes}m{shown}" if hours else f"{minutes}m{shown}"


def _wrong(text: str) -> str:
    readable = _READABLE.match(text)
    if readable is None:
        return f'time: invalid duration "{text}"'
    unit = readable.group(1)
    return f'time: unknown unit "{unit}" in duration "{text}"' if unit else f'time: missing unit in duration "{text}"'
