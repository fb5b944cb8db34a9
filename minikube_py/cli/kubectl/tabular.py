"""Columns as kubectl prints them, and ages as people read them.

Source: cli-runtime pkg/printers/tabwriter.go (width 6, padding 3), apimachinery pkg/util/duration (HumanDuration)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

CELL_MIN = 6
PADDING = 3


class Columns:
    """Aligns cells; widths are remembered, so that lines that come later stay aligned."""

    def __init__(self, *, padding: int = PADDING, cell_min: int = CELL_MIN) -> None:
        self._padding = padding
        self._cell_min = cell_min
        self._widths: list[int] = []

    def lines(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """The rows as lines; the last cell of a row is not padded."""
        widths = self._widths
        for row in rows:
            widths += [0] * (len(row) - 1 - len(widths))
            for index, cell in enumerate(row[:-1]):
                widths[index] = max(widths[index], self._cell_min, len(cell) + self._padding)
        return ["".join([*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), *row[-1:]]) for row in rows]


def columns(rows: Sequence[Sequence[str]], *, padding: int = PADDING, cell_min: int = CELL_MIN) -> list[str]:
    """Rows as lines with their cells aligned."""
    return Columns(padding=padding, cell_min=cell_min).lines(rows)


def age(timestamp: str, now: datetime | None = None) -> str:
    """ "5m", "<unknown>" for none."""
    if not timestamp:
        return "<unknown>"
    return human_duration(((now or datetime.now(UTC)) - parse_time(timestamp)).total_seconds())


def parse_time(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp)


def human_duration(seconds_exact: float) -> str:
    seconds = int(seconds_exact)
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = seconds // 3600
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 24 * 8:
        return _two(days, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = hours // 24 // 365
    if hours < 24 * 365 * 8:
        return _two(years, "y", days % 365, "d")
    return f"{years}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def joined(labels: dict[str, str] | None, separator: str = ",") -> str:
    """ "a=b,c=d" in the order of the keys; "<none>" for none."""
    return separator.join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def indent(lines: Iterable[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]
