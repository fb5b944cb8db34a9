"""Counting observations in buckets, cheaply: what metrics are made of when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Histogram:
    """Counts of observations per bucket.

    Args:
        bounds: the largest value of each bucket, ascending; one more bucket takes what is greater.

    Attributes:
        counts: observations per bucket.
        total: the sum of all observations.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> Iterator[tuple[str, float]]:
        """Each bound as text, "+Inf" for the last, and how many observations are not greater."""
        count = 0
        for number, bucket in enumerate(self.counts):
            count += bucket
            yield (str(self.bounds[number]) if number < len(self.bounds) else "+Inf"), count
