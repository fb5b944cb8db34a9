"""Completion indexes of Indexed Jobs: their text form ("0-2,5") and what pods say about them.

Source: pkg/controller/job/indexed_job_utils.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from minikube_py.apis.core_v1 import Pod

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"


def parse(text: str | None, completions: int) -> set[int]:
    """The indexes below `completions` that a text names; parts that are no interval are skipped."""
    return {index for first, last in intervals(text, completions) for index in range(first, last + 1)}


def intervals(text: str | None, completions: int) -> list[tuple[int, int]]:
    """First and last index of each part of a text, in its order: a Job may have more indexes than can be counted one by one."""
    found: list[tuple[int, int]] = []
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (not last or last.isdigit()) and int(first) < completions:
            found.append((int(first), min(int(last or first), completions - 1)))
    return found


def render(indexes: Iterable[int]) -> str:
    """Sorted indexes as text, three and more in a row as an interval, two as a list."""
    parts: list[str] = []
    run: list[int] = []
    for index in [*sorted(indexes), None]:
        if run and (index is None or index != run[-1] + 1):
            parts.extend([str(run[0])] if len(run) == 1 else [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(run[0]), str(run[1])])
            run = []
        if index is not None:
            run.append(index)
    return ",".join(parts)


def index_of(pod: Pod) -> int | None:
    """The index that a pod works on, None if it has none."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else None


def count_annotation(pod: Pod, name: str) -> int:
    text = pod.metadata.annotations.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def pending(completions: int, taken: set[int]) -> Iterator[int]:
    """The indexes that are not taken, the lowest first."""
    return (index for index in range(completions) if index not in taken)
