"""What is counted of a node's certificates, under kubelet's names.

Source: pkg/kubelet/certificate/kubelet.go
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .rotation import CertificateRotation

# Seconds that a serving certificate lived before it was replaced.
LIVED_BUCKETS_S = (60, 3600, 14400, 86400, 604800, 2592000, 7776000, 15552000, 31104000, 124416000)


def families(client: CertificateRotation, serving: CertificateRotation) -> Iterator[Any]:
    """Metric families, for the Prometheus library. Upstream's names of the counters have no suffix."""
    from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

    for rotation, which, text in (
        (client, "client", "Gauge of the TTL (time-to-live) of the Kubelet's client certificate."),
        (serving, "server", "Gauge of the shortest TTL (time-to-live) of the Kubelet's serving certificate."),
    ):
        help_text = f"{text} The value is in seconds until certificate expiry (negative if already expired)."
        yield GaugeMetricFamily(f"kubelet_certificate_manager_{which}_ttl_seconds", help_text, rotation.ttl_s())
    lived = HistogramMetricFamily(
        "kubelet_certificate_manager_server_rotation_seconds",
        "Histogram of the number of seconds the previous certificate lived before being rotated.",
    )
    lived.add_metric((), [*serving.lived.cumulative()], serving.lived.total)
    yield lived
    for rotation, name in (
        (client, "kubelet_certificate_manager_client_expiration_renew_errors"), (serving, "kubelet_server_expiration_renew_errors"),
    ):
        errors = Metric(name, "Counter of certificate renewal errors.", "counter")
        errors.add_sample(name, {}, rotation.renew_errors)
        yield errors
