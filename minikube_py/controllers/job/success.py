"""Whether an Indexed Job meets its successPolicy before all indexes are done.

Source: pkg/controller/job/success_policy.go.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from minikube_py.apis.batch_v1 import Job

from . import indexes


def met(job: Job, done: set[int]) -> str:
    """The message of the first rule that the finished indexes meet; "" if none does."""
    completions = job.spec.completions or 0
    for number, rule in enumerate(job.spec.success_policy.rules if job.spec.success_policy else ()):
        wanted = indexes.intervals(rule.succeeded_indexes, completions) if rule.succeeded_indexes else [(0, completions - 1)]
        needed = rule.succeeded_count
        if needed is None:
            needed = sum(last - first + 1 for first, last in wanted)
        if _count_in(wanted, done) >= needed:
            return f"Matched rules at index {number}"
    return ""


def _count_in(intervals: Sequence[tuple[int, int]], done: set[int]) -> int:
    """How many indexes lie in one of several intervals, which are in order."""
    firsts = [first for first, _ in intervals]
    return sum(1 for index in done if (place := bisect_right(firsts, index)) and index <= intervals[place - 1][1])
