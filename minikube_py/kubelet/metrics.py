"""The kubelet's `/metrics` in Prometheus' form; the library is imported when somebody asks.

Source: kubernetes.io/docs/reference/instrumentation/metrics/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def exposition(accept: str, families: Callable[[], Iterable[Any]]) -> tuple[bytes, str]:
    """The text, and its content type."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.gc_collector import GCCollector
    from prometheus_client.process_collector import ProcessCollector

    class Families:
        def collect(self) -> Iterable[Any]:
            return families()

        def describe(self) -> Iterable[Any]:
            return ()

    registry = CollectorRegistry()
    registry.register(Families())
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
