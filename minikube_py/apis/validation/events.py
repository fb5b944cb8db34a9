"""Rules of events that come by events.k8s.io. They are stored, and looked at here, in the form of core/v1.

Source: pkg/apis/core/validation/events.go
"""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter

from ...core.clock import parse_rfc3339
from ..core_v1 import Event, EventSource
from . import core
from .causes import Causes, invalid, required
from .common import immutable
from .metadata import validate_metadata, validate_metadata_update

# Attributes and wire names of what never changes, in upstream's order.
_FIXED = (
    ("involved_object", "involvedObject"), ("reason", "reason"), ("message", "message"), ("source", "source"),
    ("first_timestamp", "firstTimestamp"), ("last_timestamp", "lastTimestamp"), ("count", "count"), ("reason", "reason"), ("type", "type"),
    ("event_time", "eventTime"), ("action", "action"), ("related", "related"), ("reporting_component", "reportingController"),
    ("reporting_instance", "reportingInstance"),
)
_fixed = attrgetter(*(attribute for attribute, _ in _FIXED))
_CONTROLLER = "reportingController"


def create(obj: Event) -> Causes:
    """What is wrong with a new event of events.k8s.io; what only the old API has must be unset."""
    causes: Causes = []
    core.event(causes, obj, _CONTROLLER)
    causes += validate_metadata(obj.metadata, namespaced=True)
    _series(causes, obj)
    if not obj.event_time:
        causes.append(required("eventTime"))
    if obj.type not in ("Normal", "Warning"):
        causes.append(invalid("type", "", f"has invalid value: {obj.type}"))
    for is_set, wire in ((obj.first_timestamp, "firstTimestamp"), (obj.last_timestamp, "lastTimestamp"), (obj.count, "count"),
                         (obj.source not in (None, EventSource()), "source")):
        if is_set:
            causes.append(invalid(wire, "", "needs to be unset"))
    return causes


def update(new: Event, old: Event) -> Causes:
    """What is wrong with an event of events.k8s.io that replaces another: its series alone may change."""
    causes: Causes = []
    core.event(causes, new, _CONTROLLER)
    causes += validate_metadata_update(new.metadata, old.metadata)
    if new.series != old.series:
        _series(causes, new)
    now, was = _fixed(new), _fixed(old)
    if now != was:
        for (_, wire), value, before in zip(_FIXED, now, was, strict=True):
            if wire != "eventTime" or _moment(value) != _moment(before):
                immutable(causes, wire, value, before)
    return causes


def _moment(time: str) -> datetime | None:
    """What a time means to the microsecond; clients write it in several precisions."""
    return parse_rfc3339(time) if time else None


def _series(causes: Causes, obj: Event) -> None:
    if obj.series is None:
        return
    if (obj.series.count or 0) < 2:
        causes.append(invalid("series.count", "", "should be at least 2"))
    if not obj.series.last_observed_time:
        causes.append(required("series.lastObservedTime"))
