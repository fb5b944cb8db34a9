"""Durations on the command line: "30s", "1h30m", "5"."""

from __future__ import annotations

import re

from .errors import KubectlError

_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds; a bare number is seconds.

    Raises: KubectlError.
    """
    if not text:
        return 0.0
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    if re.fullmatch(r"\d+", rest):
        return sign * float(rest)
    parts = _PART.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise KubectlError(f'time: invalid duration "{text}"')
    return sign * sum(float(number) * _UNITS_S[unit] for number, unit in parts)
