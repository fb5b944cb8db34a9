"""The indexes of indexed jobs, written as "1,3-5,7".

Source: pkg/apis/batch/validation/validation.go (validateIndexesFormat, parseIndexInterval, validateFailedIndexesNotOverlapCompleted)
"""

from __future__ import annotations

import re

from ..syntax import quote

_INTEGER = re.compile(r"[+-]?[0-9]+")
Interval = tuple[int, int]


def count(text: str, completions: int) -> int:
    """How many indexes a text names.

    Raises: ValueError if it does not read, or names an index that a job of so many completions does not have.
    """
    total = 0
    previous: int | None = None
    for part in text.split(",") if text else ():
        first, last = _interval(part, completions)
        if previous is not None and previous >= first:
            raise ValueError(f"non-increasing order, previous: {previous}, current: {first}")
        total += last - first + 1
        previous = last
    return total


def _interval(text: str, completions: int) -> Interval:
    parts = text.split("-")
    if len(parts) > 2:
        raise ValueError(f"the fragment {quote(text)} violates the requirement that an index interval can have at most two parts separated "
                         "by '-'")
    first = _index(parts[0], completions)
    if len(parts) == 1:
        return first, first
    last = _index(parts[1], completions)
    if first >= last:
        raise ValueError(f"non-increasing order, previous: {first}, current: {last}")
    return first, last


def _index(text: str, completions: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"cannot convert string to integer for index: {quote(text)}")
    if int(text) >= completions:
        raise ValueError(f"too large index: {quote(text)}")
    return int(text)


def overlap(one: str, other: str, completions: int) -> int | None:
    """The first index that both of two ordered texts name; None if there is none. Parts that do not read name none."""
    left, right = _readable(one, completions), _readable(other, completions)
    while left and right:
        if left[-1][0] <= right[-1][1] and right[-1][0] <= left[-1][1]:
            return max(left[-1][0], right[-1][0])
        (left if left[-1][0] <= right[-1][0] else right).pop()
    return None


def _readable(text: str, completions: int) -> list[Interval]:
    """The intervals of a text, the first last."""
    found: list[Interval] = []
    for part in text.split(",") if text else ():
        try:
            found.append(_interval(part, completions))
        except ValueError:
            continue
    return found[::-1]
