"""`/metrics` and `/metrics/slis`: the counters in Prometheus' form, under upstream's names and labels.

The Prometheus library is imported, and families are made, only when somebody asks.
Source: kubernetes.io/docs/reference/instrumentation/metrics/ (v1.36)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minikube_py.core.histogram import Histogram
from minikube_py.core.workqueue import QUEUES, WorkQueue
from minikube_py.store.interface import StoreStatistics

from ..discovery_documents import version_document
from .health import Health
from .metrics import DURATION_BUCKETS_S, EVENT_BUCKETS_POWERS, SLI_BUCKETS_S, Labels, Series, ServerMetrics

TARGET = Labels._fields
# Verbs of requests whose duration says nothing about the server.
NO_SLI = frozenset({"WATCH", "CONNECT"})
GROUP_RESOURCE = ("group", "resource")
# Label -> field of /version. Source: k8s.io/component-base/metrics/version.go
BUILD = {
    "major": "major", "minor": "minor", "git_version": "gitVersion", "git_commit": "gitCommit", "git_tree_state": "gitTreeState",
    "build_date": "buildDate", "go_version": "goVersion", "compiler": "compiler", "platform": "platform",
}


class Exposition:
    """Tells metrics.

    Args:
        store: what the store counts, read when asked.
        more: further families of components in this process.
    """

    def __init__(self, metrics: ServerMetrics, health: Health, store: StoreStatistics) -> None:
        self._metrics = metrics
        self._health = health
        self._store = store
        self._more: list[Callable[[], Iterable[Any]]] = []

    def add(self, families: Callable[[], Iterable[Any]]) -> None:
        """Let `families()` say more when somebody asks."""
        self._more.append(families)

    def reset(self) -> None:
        """Begin to count requests anew."""
        self._metrics.reset()

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """The text of `/metrics` and its content type."""
        from prometheus_client.gc_collector import GCCollector
        from prometheus_client.process_collector import ProcessCollector

        return _text(accept, self, (ProcessCollector, GCCollector))

    def slis(self, accept: str) -> tuple[bytes, str]:
        """The text of `/metrics/slis` and its content type."""
        return _text(accept, _Slis(self._health), ())

    def collect(self) -> Iterator[Any]:
        """All families, for the Prometheus library."""
        from prometheus_client.core import GaugeMetricFamily

        yield from self._requests()
        in_flight = GaugeMetricFamily(
            "apiserver_current_inflight_requests",
            "Maximal number of currently used inflight request limit of this apiserver per request kind in last second.",
            labels=("request_kind",),
        )
        now = time.monotonic()
        for kind, running in self._metrics.in_flight.items():
            in_flight.add_metric((kind,), running.recent(now))
        yield in_flight
        deprecated = GaugeMetricFamily(
            "apiserver_requested_deprecated_apis", "Gauge of deprecated APIs that have been requested, broken out by API group, version, "
            "resource, subresource, and removed_release.", labels=("group", "version", "resource", "subresource", "removed_release"))
        for what in self._metrics.deprecated:
            deprecated.add_metric((*what, ""), 1)
        yield deprecated
        build = GaugeMetricFamily(
            "kubernetes_build_info", "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, "
            "build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
            labels=tuple(BUILD),
        )
        version = version_document()
        build.add_metric([version[name] for name in BUILD.values()], 1)
        yield build
        yield from self._watches()
        yield from self._objects()
        yield from self._writes()
        yield from _work_queues()
        for families in self._more:
            yield from families()

    def _requests(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        total = CounterMetricFamily(
            "apiserver_request", "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, "
            "component, and HTTP response code.", labels=(*TARGET, "dry_run", "code"))
        aborts = CounterMetricFamily(
            "apiserver_request_aborts", "Number of requests which apiserver aborted possibly due to a timeout, for each group, version, "
            "verb, resource, subresource and scope.", labels=TARGET[:-1])
        running = GaugeMetricFamily(
            "apiserver_longrunning_requests", "Gauge of all active long-running apiserver requests broken out by verb, group, version, "
            "resource, scope and component. Not all requests are tracked this way.", labels=TARGET)
        duration = HistogramMetricFamily(
            "apiserver_request_duration_seconds", "Response latency distribution in seconds for each verb, dry run value, group, version, "
            "resource, subresource, scope and component.", labels=(*TARGET, "dry_run"))
        sli = HistogramMetricFamily(
            "apiserver_request_sli_duration_seconds", "Response latency distribution (not counting webhook duration and priority & "
            "fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.",
            labels=TARGET)
        sizes = HistogramMetricFamily(
            "apiserver_response_sizes", "Response size distribution in bytes for each group, version, verb, resource, subresource, scope "
            "and component.", labels=TARGET)
        for series in self._metrics.requests.values():
            labels = series.labels
            for code, count in series.codes.items():
                total.add_metric((*labels, series.dry_run, str(code)), count)
            if series.aborts:
                aborts.add_metric(labels[:-1], series.aborts)
            if series.long_running:
                running.add_metric(labels, series.running)
            if not series.codes:
                continue
            _add(duration, (*labels, series.dry_run), series.duration)
            if not series.dry_run:
                if labels.verb not in NO_SLI:
                    _add(sli, labels, _for_sli(series))
                if series.sizes is not None:
                    _add(sizes, labels, series.sizes)
        yield from (total, aborts, running, duration, sli, sizes)

    def _watches(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        events = CounterMetricFamily(
            "apiserver_watch_events", "Number of events sent in watch clients", labels=("group", "version", "resource"))
        sizes = HistogramMetricFamily(
            "apiserver_watch_events_sizes", "Watch event size distribution in bytes", labels=("group", "version", "resource"))
        watchers = GaugeMetricFamily(
            "apiserver_registered_watchers", "Number of currently registered watchers for a given resource.",
            labels=("group", "version", "kind"))
        initial = CounterMetricFamily(
            "apiserver_init_events", "Counter of init events processed in watch cache broken by resource type.", labels=GROUP_RESOURCE)
        terminated = CounterMetricFamily(
            "apiserver_terminated_watchers", "Counter of watchers closed due to unresponsiveness broken by resource type.",
            labels=GROUP_RESOURCE)
        by_resource: dict[tuple[str, str], list[int]] = {}
        for (group, version, plural), series in self._metrics.watches.items():
            labels = (group, version, plural)
            events.add_metric(labels, sum(series.sizes))
            counts = [(str(2**power), float(sum(series.sizes[: power + 1]))) for power in EVENT_BUCKETS_POWERS]
            sizes.add_metric(labels, buckets=[*counts, ("+Inf", float(sum(series.sizes)))], sum_value=series.total)
            watchers.add_metric((group, version, series.kind), series.running)
            both = by_resource.setdefault((group, plural), [0, 0])
            both[0] += series.initial
            both[1] += series.terminated
        for pair, (started, ended) in by_resource.items():
            initial.add_metric(pair, started)
            terminated.add_metric(pair, ended)
        yield from (events, sizes, watchers, initial, terminated)

    def _objects(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        text = "Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1."
        old = GaugeMetricFamily(
            "apiserver_storage_objects", f"[DEPRECATED, consider using apiserver_resource_objects instead] {text}", labels=("resource",))
        new = GaugeMetricFamily("apiserver_resource_objects", text, labels=GROUP_RESOURCE)
        for collection, count in self._store.objects().items():
            plural, _, group = collection.partition(".")
            old.add_metric((collection,), count)
            new.add_metric((group, plural), count)
        size = GaugeMetricFamily(
            "apiserver_storage_size_bytes", "Size of the storage database file physically allocated in bytes.",
            labels=("storage_cluster_id",))
        size.add_metric(("etcd-0",), self._store.size_bytes())
        yield from (old, new, size)

    def _writes(self) -> Iterator[Any]:
        """Of the store: under etcd's name what fits, the rest under names of ours."""
        from prometheus_client.core import HistogramMetricFamily

        requests = HistogramMetricFamily(
            "etcd_request_duration_seconds", "Etcd request latency in seconds for each operation and object type.",
            labels=("operation", *GROUP_RESOURCE))
        for (operation, collection), histogram in self._store.writes.items():
            plural, _, group = collection.partition(".")
            _add(requests, (operation, group, plural), histogram)
        commits = HistogramMetricFamily("minikube_store_commit_duration_seconds", "How long transactions took to reach the disk.")
        _add(commits, (), self._store.commits)
        batches = HistogramMetricFamily("minikube_store_batch_writes", "Writes per transaction.")
        _add(batches, (), self._store.batches)
        yield from (requests, commits, batches)


def _work_queues() -> Iterator[Any]:
    """Of all components in this process; queues of one name are told as one."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    adds = CounterMetricFamily("workqueue_adds", "Total number of adds handled by workqueue", labels=("name",))
    retries = CounterMetricFamily("workqueue_retries", "Total number of retries handled by workqueue", labels=("name",))
    depth = GaugeMetricFamily("workqueue_depth", "Current depth of workqueue", labels=("name",))
    unfinished = GaugeMetricFamily(
        "workqueue_unfinished_work_seconds", "How many seconds of work has done that is in progress and hasn't been observed by "
        "work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which "
        "this increases.", labels=("name",))
    longest = GaugeMetricFamily(
        "workqueue_longest_running_processor_seconds", "How many seconds has the longest running processor for workqueue been running.",
        labels=("name",))
    waits = HistogramMetricFamily(
        "workqueue_queue_duration_seconds", "How long in seconds an item stays in workqueue before being requested.", labels=("name",))
    works = HistogramMetricFamily(
        "workqueue_work_duration_seconds", "How long in seconds processing an item from workqueue takes.", labels=("name",))
    by_name: dict[str, list[WorkQueue[Any]]] = {}
    for queue in [*QUEUES]:
        by_name.setdefault(queue.name, []).append(queue)
    for name, queues in sorted(by_name.items()):
        working = [seconds for queue in queues for seconds in queue.working()]
        adds.add_metric((name,), sum(queue.adds for queue in queues))
        retries.add_metric((name,), sum(queue.retries for queue in queues))
        depth.add_metric((name,), sum(map(len, queues)))
        unfinished.add_metric((name,), sum(working))
        longest.add_metric((name,), max(working, default=0.0))
        _add(waits, (name,), *(queue.waits for queue in queues))
        _add(works, (name,), *(queue.works for queue in queues))
    yield from (adds, retries, depth, unfinished, longest, waits, works)


class _Slis:
    """The results of health checks, as a collector."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        last = GaugeMetricFamily(
            "kubernetes_healthcheck", "This metric records the result of a single healthcheck.", labels=("name", "type"))
        for labels, well in self._health.last.items():
            last.add_metric(labels, well)
        total = CounterMetricFamily(
            "kubernetes_healthchecks", "This metric records the results of all healthcheck.", labels=("name", "type", "status"))
        for key, count in self._health.counts.items():
            total.add_metric(key, count)
        yield from (last, total)


def _text(accept: str, collector: Any, process: Iterable[Any]) -> tuple[bytes, str]:
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(collector)
    for kind in process:
        kind(registry=registry)
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


def _add(family: Any, labels: tuple[str, ...], *histograms: Histogram) -> None:
    """Add the sum of histograms with the same bounds."""
    both = Histogram(histograms[0].bounds)
    for histogram in histograms:
        both.counts = [one + other for one, other in zip(both.counts, histogram.counts, strict=True)]
        both.total += histogram.total
    family.add_metric(labels, buckets=[*both.cumulative()], sum_value=both.total)


def _for_sli(series: Series) -> Histogram:
    """The same durations in the coarser buckets of the SLI, whose bounds are among the finer ones."""
    coarse = Histogram(SLI_BUCKETS_S)
    for number, count in enumerate(series.duration.counts):
        if number == len(DURATION_BUCKETS_S):
            coarse.counts[-1] += count
        else:
            coarse.counts[next(at for at, bound in enumerate(SLI_BUCKETS_S) if bound >= DURATION_BUCKETS_S[number])] += count
    coarse.total = series.duration.total
    return coarse
