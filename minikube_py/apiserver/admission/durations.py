"""How long admission took: each plugin's part and all plugins together, as histograms.

Source: k8s.io/apiserver/pkg/admission/metrics/metrics.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final, Literal

from minikube_py.core.histogram import Histogram

# Seconds. Source: metrics.go (latencyBuckets)
BUCKETS_S: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
ABOUT: Final = "latency histogram in seconds, {}broken out for each operation and API resource and {}type (validate or admit)."
Kind = Literal["admit", "validate"]
ALL: Final = ""


class Durations:
    """The histograms of one chain of plugins."""

    def __init__(self) -> None:
        self._histograms: dict[tuple[str, str, str, bool], Histogram] = {}

    def histogram(self, plugin: str, verb: str, kind: Kind, *, rejected: bool) -> Histogram:
        """Where a plugin's part is counted, or `ALL` of them."""
        key = (plugin, verb, kind, rejected)
        found = self._histograms.get(key)
        if found is None:
            found = self._histograms[key] = Histogram(BUCKETS_S)
        return found

    @contextmanager
    def timed(self, plugin: str, verb: str, kind: Kind) -> Iterator[None]:
        """Count what is done within; an error is a refusal."""
        begin, rejected = perf_counter(), True
        try:
            yield
            rejected = False
        finally:
            self.histogram(plugin, verb, kind, rejected=rejected).observe(perf_counter() - begin)

    def families(self) -> Iterator[Any]:
        """Metric families."""
        from prometheus_client.core import HistogramMetricFamily

        labels = ("name", "operation", "rejected", "type")
        parts = HistogramMetricFamily(
            "apiserver_admission_controller_admission_duration_seconds",
            f"Admission controller {ABOUT.format('identified by name and ', '')}", labels=labels)
        whole = HistogramMetricFamily(
            "apiserver_admission_step_admission_duration_seconds", f"Admission sub-step {ABOUT.format('', 'step ')}", labels=labels[1:])
        for (plugin, verb, kind, rejected), histogram in self._histograms.items():
            if any(histogram.counts):
                values = (plugin, verb, "true" if rejected else "false", kind)
                (parts if plugin else whole).add_metric(values if plugin else values[1:], [*histogram.cumulative()], histogram.total)
        yield parts
        yield whole


class Step:
    """The methods that one operation on one resource goes through, in order; none of them waits.

    Args:
        calls: by the name of their plugin.
    """

    __slots__ = ("_accepted", "_calls", "_rejected")

    def __init__(self, durations: Durations, verb: str, kind: Kind, calls: Sequence[tuple[str, Callable[[Any], None]]]) -> None:
        def both(plugin: str) -> tuple[Histogram, Histogram]:
            return durations.histogram(plugin, verb, kind, rejected=False), durations.histogram(plugin, verb, kind, rejected=True)

        self._calls = tuple((call, *both(plugin)) for plugin, call in calls)
        self._accepted, self._rejected = both(ALL)

    def run(self, operation: Any) -> None:
        """Call them; raises what one of them raises. To measure a call costs about 0.1 µs."""
        begin = before = perf_counter()
        part = None
        try:
            for part in self._calls:
                call, accepted, _ = part
                call(operation)
                now = perf_counter()
                took = now - before
                before = now
                if took <= BUCKETS_S[0]:
                    accepted.counts[0] += 1
                    accepted.total += took
                else:
                    accepted.observe(took)
        except BaseException:
            now = perf_counter()
            if part is not None:
                part[2].observe(now - before)
            self._rejected.observe(now - begin)
            raise
        self._accepted.observe(before - begin)
