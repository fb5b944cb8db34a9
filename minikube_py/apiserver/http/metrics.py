"""What the server counts, under upstream's metric names.

The request path adds to plain dictionaries; the Prometheus library is imported, and families are made, only when somebody asks.
Source: kubernetes.io/docs/reference/instrumentation/metrics/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minikube_py.apis.resources import BY_GVR

from .request_info import RequestInfo

# Seconds. Source: k8s.io/apiserver/pkg/endpoints/metrics (apiserver_request_duration_seconds)
DURATION_BUCKETS_S = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0
)
# RBAC's verb, or the method of a path that is no resource -> the verb in metrics.
# Source: k8s.io/apiserver/pkg/endpoints/metrics (cleanVerb)
VERBS = {
    "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETECOLLECTION", "get": "GET",
    "list": "LIST", "watch": "WATCH", "post": "POST", "put": "PUT", "head": "GET",
}
PATHS = frozenset({"/", "/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi", "/readyz", "/version"})
REQUEST_LABELS = ("verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component")


class Histogram:
    """Counts of observations per bucket."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BUCKETS_S) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(DURATION_BUCKETS_S, value)] += 1
        self.total += value


class ServerMetrics:
    """Requests by target and code, how long they took, and how many run.

    Args:
        objects: objects per resource, read when asked.
        watchers: open watches per resource, read when asked.
    """

    def __init__(self, objects: Callable[[], dict[str, int]], watchers: Callable[[], dict[str, int]]) -> None:
        self.requests: dict[tuple[RequestInfo, int], int] = {}
        self.durations: dict[str, Histogram] = {}
        self.in_flight = {"mutating": 0, "readOnly": 0}
        self._objects = objects
        self._watchers = watchers

    def observe(self, info: RequestInfo, code: int, seconds: float) -> None:
        """Count one request that has ended."""
        key = (_target(info), code)
        self.requests[key] = self.requests.get(key, 0) + 1
        if info.verb != "watch":
            verb = key[0].verb
            histogram = self.durations.get(verb)
            if histogram is None:
                histogram = self.durations[verb] = Histogram()
            histogram.observe(seconds)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text of `/metrics` and its content type."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.gc_collector import GCCollector
        from prometheus_client.process_collector import ProcessCollector

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        encoder, content_type = choose_encoder(accept)
        return encoder(registry), content_type

    def collect(self) -> Iterator[Any]:
        """Metric families, for the Prometheus library."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        total = CounterMetricFamily("apiserver_request", "Requests by target and code.", labels=(*REQUEST_LABELS, "code"))
        for (info, code), count in self.requests.items():
            scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
            labels = (info.verb, "", info.group, info.version, info.resource, info.subresource, scope, "apiserver", str(code))
            total.add_metric(labels, count)
        yield total
        durations = HistogramMetricFamily("apiserver_request_duration_seconds", "How long requests took.", labels=("verb",))
        for verb, histogram in self.durations.items():
            durations.add_metric((verb,), buckets=[*_cumulative(histogram)], sum_value=histogram.total)
        yield durations
        in_flight = GaugeMetricFamily("apiserver_current_inflight_requests", "Requests that run.", labels=("request_kind",))
        for kind, running in self.in_flight.items():
            in_flight.add_metric((kind,), running)
        yield in_flight
        for name, text, values in (
            ("apiserver_storage_objects", "Stored objects.", self._objects()),
            ("apiserver_longrunning_requests", "Open watches.", self._watchers()),
        ):
            family = GaugeMetricFamily(name, text, labels=("resource",))
            for resource, value in values.items():
                family.add_metric((resource,), value)
            yield family


def _target(info: RequestInfo) -> RequestInfo:
    """The request without what has no bound: names, paths, and whatever is not served."""
    found = _TARGETS.get(info)
    if found is None:
        if len(_TARGETS) > 8192:
            _TARGETS.clear()
        verb = VERBS.get(info.verb, "other")
        resource = BY_GVR.get((info.group, info.version, info.resource))
        if resource is None:
            first = "/" + info.path.strip("/").partition("/")[0]
            found = RequestInfo(False, "", verb, subresource=first if first in PATHS else "/other")
        else:
            name, namespace = "{name}" if info.name else "", "{namespace}" if info.namespace else ""
            subresource = info.subresource if not info.subresource or resource.subresource(info.subresource) else "other"
            found = RequestInfo(True, "", verb, info.group, info.version, namespace, info.resource, name, subresource)
        _TARGETS[info] = found
    return found


_TARGETS: dict[RequestInfo, RequestInfo] = {}


def _cumulative(histogram: Histogram) -> Iterable[tuple[str, float]]:
    count = 0
    for bound, bucket in zip((*DURATION_BUCKETS_S, float("inf")), histogram.counts, strict=True):
        count += bucket
        yield ("+Inf" if bound == float("inf") else str(bound)), count
