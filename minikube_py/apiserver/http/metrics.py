"""What the server counts of requests and watches, in plain counters; `exposition.py` says it in Prometheus' form when somebody asks.

Invariant: labels are bounded. What a client can invent (names, paths, verbs, resources that are not served) is no label.
Source: k8s.io/apiserver/pkg/endpoints/metrics/metrics.go, kubernetes.io/docs/reference/instrumentation/metrics/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from minikube_py.apis.resources import ResourceType
from minikube_py.core.histogram import Histogram
from minikube_py.core.short_texts import LENGTH_MAX
from minikube_py.core.tunnel.handshake import CONNECT_PATH

from .request_info import RequestInfo, parse

# Seconds and bytes. Source: k8s.io/apiserver/pkg/endpoints/metrics
DURATION_BUCKETS_S = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0
)
SLI_BUCKETS_S = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0)
RESPONSE_BUCKETS_BYTES = tuple(10**power for power in range(3, 10))
# Watch events are counted by powers of two: 2**10 is the first bound that is told, 2**17 the last.
EVENT_BUCKETS_POWERS = range(10, 18)
# RBAC's verb, or the method of a path that is no resource -> the verb in metrics.
VERBS = {
    "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETECOLLECTION", "get": "GET",
    "list": "LIST", "watch": "WATCH", "post": "POST", "put": "PUT", "head": "GET",
}
# Subresources that hand the connection on.
CONNECTS = frozenset({"attach", "exec", "portforward", "proxy"})
# Source: k8s.io/apiserver/pkg/server/filters/longrunning.go, as kube-apiserver configures it
LONG_RUNNING = CONNECTS | {"log"}
LONG_RUNNING_PATHS = ("/debug/pprof/", CONNECT_PATH)
READ_ONLY = frozenset({"get", "list", "watch", "head"})
PATHS = frozenset({"/", "/api", "/apis", "/debug", "/healthz", "/livez", "/metrics", "/openapi", "/readyz", "/version"})
HEALTH_PATHS = ("/healthz", "/livez", "/readyz")
APPLY_TYPES = ("application/apply-patch+yaml", "application/apply-patch+cbor")
TARGETS_MAX = 8192

# Finds what is served: (group, version, plural) -> the resource, or None.
Find = Callable[[str, str, str], ResourceType | None]


class Labels(NamedTuple):
    """Of one series of requests, in upstream's words."""

    verb: str
    group: str
    version: str
    resource: str
    subresource: str
    scope: str
    component: str


class Series:
    """What is counted of requests with the same labels.

    Attributes:
        codes: answers by status code.
        aborts: requests whose client did not wait for the answer.
        running: requests that run now; only kept for those that may last.
        sizes: bytes of answers; only of those that read.
    """

    __slots__ = ("aborts", "codes", "dry_run", "duration", "labels", "long_running", "running", "sizes")

    def __init__(self, labels: Labels, dry_run: str, *, long_running: bool) -> None:
        self.labels = labels
        self.dry_run = dry_run
        self.long_running = long_running
        self.codes: dict[int, int] = {}
        self.aborts = 0
        self.running = 0
        self.duration = Histogram(DURATION_BUCKETS_S)
        self.sizes = Histogram(RESPONSE_BUCKETS_BYTES) if labels.verb in ("GET", "LIST") else None

    def reset(self) -> None:
        """Forget what was counted; what runs goes on running."""
        self.codes = {}
        self.aborts = 0
        self.duration = Histogram(DURATION_BUCKETS_S)
        self.sizes = Histogram(RESPONSE_BUCKETS_BYTES) if self.sizes is not None else None

    def observe(self, code: int, seconds: float, size: int) -> None:
        """Count one request that has ended."""
        codes = self.codes
        codes[code] = codes.get(code, 0) + 1
        duration = self.duration
        duration.counts[bisect_left(DURATION_BUCKETS_S, seconds)] += 1
        duration.total += seconds
        if self.sizes is not None:
            self.sizes.observe(size)


class Target:
    """What a method and a path ask for, and where that is counted.

    Attributes:
        kind: of in-flight request, "" for requests that may last.
    """

    __slots__ = ("info", "kind", "series")

    def __init__(self, info: RequestInfo, series: Series, kind: str) -> None:
        self.info = info
        self.series = series
        self.kind = kind


class WatchSeries:
    """What is counted of the watches of one resource.

    Attributes:
        sizes: events by the number of bits of their size less one.
        initial: events of initial states.
        terminated: watches that were ended because their client did not read.
    """

    __slots__ = ("count", "initial", "kind", "running", "sizes", "terminated", "total")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.sizes = [0] * 40
        self.total = 0
        self.initial = 0
        self.running = 0
        self.terminated = 0

    def sent(self, size: int, clients: int = 1) -> None:
        """Count one event of so many bytes on its way."""
        self.sizes[(size - 1).bit_length()] += clients
        self.total += size * clients


class InFlight:
    """How many requests of a kind run, and the most that ran at once in the present or latest second with any."""

    __slots__ = ("peak", "running", "second")

    def __init__(self) -> None:
        self.running = 0
        self.peak = 0
        self.second = 0

    def enter(self, now: float) -> None:
        running = self.running = self.running + 1
        second = int(now)
        if second != self.second:
            self.second, self.peak = second, running
        elif running > self.peak:
            self.peak = running

    def recent(self, now: float) -> int:
        """The most at once in the last second."""
        return max(self.running, self.peak if int(now) - self.second <= 1 else 0)


class ServerMetrics:
    """The counters of one server.

    Args:
        find: what is served; everything else is counted together.

    Attributes:
        deprecated: groups, versions, resources and subresources of what is deprecated and was asked for.
    """

    def __init__(self, find: Find) -> None:
        self.requests: dict[tuple[Labels, str], Series] = {}
        self.in_flight = {"mutating": InFlight(), "readOnly": InFlight()}
        self.watches: dict[tuple[str, str, str], WatchSeries] = {}
        self.deprecated: set[tuple[str, str, str, str]] = set()
        self._find = find
        self._targets: dict[tuple[str, str, bool], Target] = {}

    def target(self, method: str, path: str, watch: bool) -> Target:
        """What a request asks for; found at once the second time.

        Args:
            path: as sent, without query.
            watch: whether the query asks for a watch.
        """
        key = (method, path, watch)
        target = self._targets.get(key)
        if target is None:
            info = parse(method, path, watch)
            known = not info.is_resource or self._find(info.group, info.version, info.resource) is not None
            long_running = info.verb == "watch" or (info.subresource in LONG_RUNNING if info.is_resource else
                                                    info.path.startswith(LONG_RUNNING_PATHS))
            kind = "" if long_running else "readOnly" if info.verb in READ_ONLY else "mutating"
            target = Target(info, self.series(info, long_running=long_running), kind)
            if known and len(path) <= LENGTH_MAX:
                # What is not served now may be later; and anybody may send long paths, before he is known.
                if len(self._targets) >= TARGETS_MAX:
                    self._targets.clear()
                self._targets[key] = target
        return target

    def series(self, info: RequestInfo, *, apply: bool = False, dry_run: bool = False, long_running: bool = False) -> Series:
        """Where requests are counted that are like the given one."""
        labels = self._labels(info)
        if apply:
            labels = labels._replace(verb="APPLY")
        key = (labels, "All" if dry_run else "")
        found = self.requests.get(key)
        if found is None:
            found = self.requests[key] = Series(labels, key[1], long_running=long_running)
        return found

    def reset(self) -> None:
        """Begin to count anew."""
        for series in self.requests.values():
            series.reset()

    def watch_series(self, resource: ResourceType) -> WatchSeries:
        found = self.watches.get(resource.gvr)
        if found is None:
            found = self.watches[resource.gvr] = WatchSeries(resource.kind)
        return found

    def deprecated_asked(self, info: RequestInfo) -> None:
        """Note a request for something deprecated."""
        _, group, version, resource, subresource, *_ = self._labels(info)
        self.deprecated.add((group, version, resource, subresource))

    def _labels(self, info: RequestInfo) -> Labels:
        verb = VERBS.get(info.verb, "other")
        resource = self._find(info.group, info.version, info.resource) if info.is_resource else None
        if resource is None:
            first = "/" + info.path.strip("/").partition("/")[0]
            component = "" if first in HEALTH_PATHS else "apiserver"
            return Labels(verb, "", "", "", first if first in PATHS else "/other", "", component)
        subresource = info.subresource if not info.subresource or resource.subresource(info.subresource) else "other"
        if subresource in CONNECTS:
            verb = "CONNECT"
        scope = "resource" if info.name or info.verb == "create" else "namespace" if info.namespace else "cluster"
        return Labels(verb, info.group, info.version, info.resource, subresource, scope, "apiserver")
