"""Rules of metav1.Condition lists.

Source: staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidateConditions)
"""

from __future__ import annotations

import re

from .. import meta_v1, syntax
from .causes import Causes, duplicate, invalid, not_supported, required, too_long
from .common import matches

_STATUSES = ("False", "True", "Unknown")
_REASON_BYTES_MAX, _MESSAGE_BYTES_MAX = 1024, 32 * 1024
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_match_reason = re.compile(_REASON).fullmatch
_BAD_REASON = syntax.pattern_complaint(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and "
    "must end with an alphanumeric character or '_'", _REASON, "my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")


def conditions(causes: Causes, path: str, items: list[meta_v1.Condition]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        if item.type in seen:
            causes.append(duplicate(f"{where}.type", item.type))
        seen.add(item.type)
        _condition(causes, where, item)


def _condition(causes: Causes, path: str, item: meta_v1.Condition) -> None:
    matches(causes, f"{path}.type", item.type, syntax.label_key)
    if item.status not in _STATUSES:
        causes.append(not_supported(f"{path}.status", item.status, _STATUSES))
    if (item.observed_generation or 0) < 0:
        causes.append(invalid(f"{path}.observedGeneration", item.observed_generation, "must be greater than or equal to zero"))
    if not item.last_transition_time:
        causes.append(required(f"{path}.lastTransitionTime", "must be set"))
    if not item.reason:
        causes.append(required(f"{path}.reason", "must be set"))
    else:
        if not _match_reason(item.reason):
            causes.append(invalid(f"{path}.reason", item.reason, _BAD_REASON))
        if len(item.reason.encode()) > _REASON_BYTES_MAX:
            causes.append(too_long(f"{path}.reason", _REASON_BYTES_MAX))
    if len(item.message.encode()) > _MESSAGE_BYTES_MAX:
        causes.append(too_long(f"{path}.message", _MESSAGE_BYTES_MAX))
