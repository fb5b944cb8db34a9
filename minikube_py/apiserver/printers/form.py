"""The form of a printer: its columns, and the cells that many kinds share.

Source: pkg/printers/tableprinter.go, k8s.io/apimachinery/pkg/util/duration/duration.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.labels import from_label_selector
from minikube_py.core.clock import parse_rfc3339
from minikube_py.core.errors import BadRequestError

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
WIDE = 1
_LONGEST_S = 2**63 // 10**9  # Go's time.Duration holds no more nanoseconds.
_MINUTE_S, _HOUR_S, _DAY_H, _YEAR_H = 60, 3600, 24, 24 * 365


class Column(NamedTuple):
    """One column. `priority` 0 is always shown, others only in wide output."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0

    def document(self) -> dict[str, Any]:
        return self._asdict()


class Printer(NamedTuple):
    """Columns of a kind, and the cells of one object in the same order.

    Attributes:
        conditions: TableRowCondition documents of a row; clients show finished objects differently.
        order: the key by which the rows of a list are sorted, if not as the list is.
    """

    columns: tuple[Column, ...]
    cells: Callable[[Any, datetime], list[Any]]
    conditions: Callable[[Any], list[dict[str, str]]] | None = None
    order: Callable[[Any], Any] | None = None


NAME = Column("Name", format="name")
AGE = Column("Age")


def strings(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def integers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "integer") for name in names)


def wide(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, priority=WIDE) for name in names)


TEMPLATE = wide("Containers", "Images", "Selector")


def duration(seconds: float) -> str:
    """A duration in two units at most: "5s", "2m30s", "3h", "4d2h", "2y30d"."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE_S:
        return f"{max(whole, 0)}s"
    minutes = whole // _MINUTE_S
    if minutes < 10:
        return _pair(minutes, "m", whole % _MINUTE_S, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // _HOUR_S
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < _DAY_H * 8:
        return _pair(hours // _DAY_H, "d", hours % _DAY_H, "h")
    if hours < _YEAR_H * 2:
        return f"{hours // _DAY_H}d"
    if hours < _YEAR_H * 8:
        return _pair(hours // _YEAR_H, "y", hours // _DAY_H % 365, "d")
    return f"{hours // _YEAR_H}y"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def since(timestamp: str | None, now: datetime, missing: str = UNKNOWN) -> str:
    """How long ago a Time or MicroTime was."""
    return duration(min((now - parse_rfc3339(timestamp)).total_seconds(), _LONGEST_S)) if timestamp else missing


def age(obj: Any, now: datetime) -> str:
    return since(obj.metadata.creation_timestamp, now)


def labels(values: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(values.items())) or NONE


def selector(item: meta_v1.LabelSelector | None) -> str:
    """A label selector in the text form of `kubectl get -l`."""
    if item is None:
        return NONE
    try:
        return str(from_label_selector(item)) or NONE
    except BadRequestError:
        return "<error>"


def selector_text(item: meta_v1.LabelSelector | None) -> str:
    """A label selector, where one that selects all or nothing is not shown."""
    if item is None:
        return ""
    try:
        return str(from_label_selector(item))
    except BadRequestError:
        return "<invalid>"


def more(texts: Sequence[str], shown: int, empty: str) -> str:
    """The first few, and how many are left out."""
    if len(texts) > shown:
        return f"{','.join(texts[:shown])} + {len(texts) - shown} more..."
    return ",".join(texts) or empty


def containers(spec: core_v1.PodSpec) -> tuple[str, str]:
    """Names and images, each joined by commas."""
    return ",".join(c.name for c in spec.containers), ",".join(c.image for c in spec.containers)


def boolean(value: bool | None) -> str:
    """A flag that may be unset, as upstream's printers show it."""
    return UNSET if value is None else "True" if value else "False"


def joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)
