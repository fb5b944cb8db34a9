"""The layout of descriptions: indented lines whose tab-separated cells are aligned block by block.

A column is as wide as its widest cell in the run of lines that have it, plus two.
Source: Go text/tabwriter, kubectl pkg/describe (PrefixWriter)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

PADDING = 2
ANNOTATION_MAX = 140
HIDDEN_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration",)


class Writer:
    """Collects lines; `level` is the depth of indentation, two spaces each."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, level: int, *cells: Any) -> None:
        self._lines.append("  " * level + "\t".join(str(cell) for cell in cells))

    def pairs(self, level: int, title: str, values: Mapping[str, str] | None, *, separator: str = "=") -> None:
        """A title and one line per pair, or <none>."""
        items = [f"{key}{separator}{value}" for key, value in sorted((values or {}).items())]
        self.items(level, title, items)

    def annotations(self, values: Mapping[str, str] | None) -> None:
        """The annotations: long ones on a line of their own, cut; what apply remembers is left out."""
        items: list[str] = []
        for key, value in sorted((values or {}).items()):
            if key in HIDDEN_ANNOTATIONS:
                continue
            if len(value) + len(key) + 2 <= ANNOTATION_MAX and "\n" not in value:
                items.append(f"{key}: {value}")
                continue
            items.append(f"{key}:")
            lines = value.rstrip("\n").split("\n")
            items += [f"  {line if len(line) <= ANNOTATION_MAX else line[:ANNOTATION_MAX] + '...'}" for line in lines]
        self.items(0, "Annotations", items)

    def items(self, level: int, title: str, items: Iterable[str]) -> None:
        """A title, the first item beside it and the others below; <none> if there are none."""
        listed = list(items) or ["<none>"]
        self.line(level, f"{title}:", listed[0])
        for item in listed[1:]:
            self.line(0, "", item)

    def raw(self) -> list[str]:
        """The lines with their tabs."""
        return [*self._lines]

    def text(self) -> str:
        return "\n".join(elastic(self._lines)) + "\n"


def elastic(lines: list[str], padding: int = PADDING) -> list[str]:
    """Align the cells of lines, each column in runs of lines that have it."""
    rows = [line.split("\t") for line in lines]
    widths: list[list[int]] = [[0] * len(row) for row in rows]
    for column in range(max((len(row) for row in rows), default=0)):
        start = 0
        while start < len(rows):
            if len(rows[start]) <= column + 1:
                start += 1
                continue
            end = start
            while end < len(rows) and len(rows[end]) > column + 1:
                end += 1
            width = max(len(rows[index][column]) for index in range(start, end)) + padding
            for index in range(start, end):
                widths[index][column] = width
            start = end
    return ["".join(cell.ljust(width) for cell, width in zip(row, widths[index], strict=True)) for index, row in enumerate(rows)]


def long_time(timestamp: str | None) -> str:
    """ "Sat, 21 Nov 2026 07:00:00 +0000" in local time."""
    if not timestamp:
        return "<unset>"
    return datetime.fromisoformat(timestamp).astimezone().strftime("%a, %d %b %Y %H:%M:%S %z")


def now() -> datetime:
    return datetime.now(UTC)
