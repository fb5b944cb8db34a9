"""Flow control in metrics, under upstream's names.

Source: k8s.io/apiserver/pkg/util/flowcontrol/metrics/metrics.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minikube_py.core.histogram import Histogram

from .flow_control import FlowControl
from .priority_levels import Counts, Level

PREFIX = "apiserver_flowcontrol_"
LABELS = ("priority_level", "flow_schema")
GAUGES: dict[str, tuple[str, Callable[[Counts], float]]] = {
    "current_inqueue_requests": (
        "Number of requests currently pending in queues of the API Priority and Fairness subsystem", lambda counts: counts.waiting),
    "current_executing_requests": (
        "Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem",
        lambda counts: counts.executing),
    "current_executing_seats": (
        "Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in "
        "the API Priority and Fairness subsystem", lambda counts: counts.seats_in_use),
}
COUNTERS: dict[str, tuple[str, Callable[[Counts], float]]] = {
    "dispatched_requests": (
        "Number of requests executed by API Priority and Fairness subsystem", lambda counts: counts.dispatched),
    "request_dispatch_no_accommodation": (
        "Number of times a dispatch attempt resulted in a non accommodation due to lack of available seats",
        lambda counts: counts.unaccommodated),
}
LEVELS: dict[str, tuple[str, Callable[[Level], float]]] = {
    "nominal_limit_seats": ("Nominal number of execution seats configured for each priority level", lambda level: level.nominal),
    "lower_limit_seats": ("Configured lower bound on number of execution seats available to each priority level",
                          lambda level: level.lower),
    "upper_limit_seats": ("Configured upper bound on number of execution seats available to each priority level",
                          lambda level: level.upper),
    "current_limit_seats": ("current derived number of execution seats available to each priority level",
                            lambda level: level.queue_set.limit if level.queue_set is not None else level.nominal),
    "target_seats": ("Seat allocation targets", lambda level: level.target),
    "demand_seats_high_watermark": ("High watermark, over last adjustment period, of demand_seats", lambda level: level.high),
    "demand_seats_smoothed": ("Smoothed seat demands", lambda level: level.smoothed),
}


def families(flow_control: FlowControl) -> Iterator[Any]:
    """For the Prometheus library."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    counts = [*flow_control.counts.values()]
    for name, (text, value) in GAUGES.items():
        gauge = GaugeMetricFamily(PREFIX + name, text, labels=LABELS)
        for each in counts:
            gauge.add_metric((each.level, each.schema), value(each))
        yield gauge
    for name, (text, value) in COUNTERS.items():
        counter = CounterMetricFamily(PREFIX + name, text, labels=LABELS)
        for each in counts:
            counter.add_metric((each.level, each.schema), value(each))
        yield counter
    rejected = CounterMetricFamily(
        PREFIX + "rejected_requests", "Number of requests rejected by API Priority and Fairness subsystem", labels=(*LABELS, "reason"))
    for each in counts:
        for reason, number in each.rejected.items():
            rejected.add_metric((each.level, each.schema, reason), number)
    yield rejected
    for name, (text, of_level) in LEVELS.items():
        gauge = GaugeMetricFamily(PREFIX + name, text, labels=LABELS[:1])
        for level in flow_control.levels.values():
            gauge.add_metric((level.name,), of_level(level))
        yield gauge
    yield from _histograms(counts)


def _histograms(counts: list[Counts]) -> Iterator[Any]:
    rows: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...], Callable[[Counts], Histogram]], ...] = (
        ("request_wait_duration_seconds", "Length of time a request spent waiting in its queue", ("execute",), ("true",),
         lambda each: each.waited),
        ("request_execution_seconds", "Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the "
         "API Priority and Fairness subsystem", ("type",), ("regular",), lambda each: each.execution),
        ("request_queue_length_after_enqueue", "Length of queue in the API Priority and Fairness subsystem, as seen by each request after "
         "it is enqueued", (), (), lambda each: each.queue_lengths),
        ("work_estimated_seats", "Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority "
         "and Fairness", (), (), lambda each: each.seats),
    )
    from prometheus_client.core import HistogramMetricFamily

    for name, text, labels, values, histogram in rows:
        family = HistogramMetricFamily(PREFIX + name, text, labels=(*LABELS, *labels))
        for each in counts:
            found = histogram(each)
            family.add_metric((each.level, each.schema, *values), [*found.cumulative()], found.total)
        yield family
