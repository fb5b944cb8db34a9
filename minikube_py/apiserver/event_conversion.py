"""Events between events.k8s.io/v1 and core/v1, which is stored.

Source: pkg/apis/events/v1/conversion.go
"""

from __future__ import annotations

import msgspec

from minikube_py.apis import core_v1, events_v1


def event_to_core(event: events_v1.Event) -> core_v1.Event:
    """events.k8s.io/v1 to core/v1."""
    series = event.series
    return core_v1.Event(
        kind="Event", api_version="v1", metadata=event.metadata, involved_object=event.regarding,
        related=event.related, reason=event.reason, message=event.note, type=event.type, action=event.action,
        event_time=event.event_time, reporting_component=event.reporting_controller, reporting_instance=event.reporting_instance,
        source=event.deprecated_source, first_timestamp=event.deprecated_first_timestamp,
        last_timestamp=event.deprecated_last_timestamp, count=event.deprecated_count,
        series=core_v1.EventSeries(count=series.count or 0, last_observed_time=series.last_observed_time) if series else None,
    )


def event_from_core(event: core_v1.Event) -> events_v1.Event:
    """core/v1 to events.k8s.io/v1."""
    series = event.series
    return events_v1.Event(
        kind="Event", api_version="events.k8s.io/v1", metadata=msgspec.structs.replace(event.metadata), regarding=event.involved_object,
        related=event.related, reason=event.reason, note=event.message, type=event.type, action=event.action,
        event_time=event.event_time, reporting_controller=event.reporting_component, reporting_instance=event.reporting_instance,
        deprecated_source=event.source, deprecated_first_timestamp=event.first_timestamp,
        deprecated_last_timestamp=event.last_timestamp, deprecated_count=event.count,
        series=events_v1.EventSeries(count=series.count or 0, last_observed_time=series.last_observed_time) if series else None,
    )
