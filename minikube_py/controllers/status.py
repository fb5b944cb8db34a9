"""Small rules that the status of many kinds shares: condition lists, counts left out at zero, times, and percentages.

Source: the `Set*Condition` functions beside each controller; intstr.GetScaledValueFromIntOrPercent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from minikube_py.core.clock import parse_rfc3339

C = TypeVar("C")


def condition_of(conditions: Sequence[C], condition_type: str) -> C | None:
    """The condition of a type, if there is one."""
    for row in conditions:
        if row.type == condition_type:  # type: ignore[attr-defined]
            return row
    return None


def without_condition(conditions: Sequence[C], condition_type: str) -> list[C]:
    return [row for row in conditions if _any(row).type != condition_type]


def with_condition(conditions: Sequence[C], new: C) -> list[C]:
    """The list with `new` in place of the condition of its type.

    An unchanged status keeps the transition time; an unchanged status and reason keep the old condition whole.
    """
    wanted = _any(new)
    current = _any(condition_of(conditions, wanted.type))
    if current is not None and current.status == wanted.status:
        if current.reason == wanted.reason:
            return list(conditions)
        wanted.last_transition_time = current.last_transition_time
    return [*without_condition(conditions, wanted.type), new]


def is_true(conditions: Sequence[Any], condition_type: str) -> bool:
    row = condition_of(conditions, condition_type)
    return row is not None and row.status == "True"


def age_s(now: datetime, time: str | None) -> float:
    """Seconds since a Time; 0 for an unset one."""
    return (now - parse_rfc3339(time)).total_seconds() if time else 0.0


def scaled(value: int | str | None, total: int, *, round_up: bool) -> int:
    """An absolute number, or a percentage ("25%") of `total`; None is 0.

    Raises: ValueError if a string is no percentage.
    """
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"invalid value for IntOrString: invalid type: string is not a percentage: {value!r}")
    share = int(value[:-1]) * total / 100
    return math.ceil(share) if round_up else math.floor(share)


def _any(obj: Any) -> Any:
    return obj
