"""Rules of events.k8s.io events.

They are stored as core/v1 events, which have rules of their own for what comes by this group (`core.event`).

Source: pkg/apis/core/validation/events.go
"""

from __future__ import annotations

from ..events_v1 import Event
from . import core
from .causes import Causes, required
from .rules import KindRules, Rules


def event(causes: Causes, obj: Event) -> None:
    if not obj.event_time:
        causes.append(required("eventTime"))
    core.strict_event(causes, obj.reporting_controller, obj.reporting_instance, obj.action, obj.reason, obj.note, obj.type,
                      ("reportingController", "note"))


RULES: Rules = {Event: KindRules(event)}
