"""What is counted of configuration files that are read anew while the server runs.

Source: k8s.io/apiserver/pkg/server/options/{authenticationconfig,authorizationconfig,encryptionconfig}/metrics/metrics.go,
pkg/util/configmetrics
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from minikube_py.core.clock import SYSTEM_CLOCK, Clock

from .identity_lease import server_name


def content_hash(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


class ReloadMetrics:
    """The reloads of one file.

    Args:
        what: "authentication", "authorization" or "encryption".
    """

    def __init__(self, what: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._what = what
        self._clock = clock
        self._server = content_hash(server_name(socket.gethostname()).encode())
        # How often it went so, and when it last did, in seconds since the epoch.
        self._reloads: dict[str, tuple[int, float]] = {}
        self._hash = ""

    def use(self, hash_: str) -> None:
        """The content with this hash is in force."""
        self._hash = hash_

    def succeeded(self, hash_: str) -> None:
        """Another content was read, and is in force."""
        self._count("success")
        self.use(hash_)

    def failed(self) -> None:
        """Another content was read that cannot be used."""
        self._count("failure")

    def _count(self, status: str) -> None:
        count, _ = self._reloads.get(status, (0, 0.0))
        self._reloads[status] = (count + 1, self._clock.now().timestamp())

    def families(self) -> Iterator[Any]:
        """Metric families; none before the file is followed."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        if not self._hash:
            return
        prefix, labels = f"apiserver_{self._what}_config_controller_automatic_reload", ("status", "apiserver_id_hash")
        total, last = (
            ("Total number of reload successes and failures of encryption configuration split by apiserver identity.",
             "Timestamp of the last successful or failed automatic reload of encryption configuration split by apiserver identity.")
            if self._what == "encryption" else
            (f"Total number of automatic reloads of {self._what} configuration split by status and apiserver identity.",
             f"Timestamp of the last automatic reload of {self._what} configuration split by status and apiserver identity.")
        )
        counts, times = CounterMetricFamily(f"{prefix}s", total, labels=labels), GaugeMetricFamily(
            f"{prefix}_last_timestamp_seconds", last, labels=labels)
        for status, (count, time) in self._reloads.items():
            counts.add_metric((status, self._server), count)
            times.add_metric((status, self._server), time)
        info = GaugeMetricFamily(
            f"apiserver_{self._what}_config_controller_last_config_info",
            f"Information about the last applied {self._what} configuration with hash as label, split by apiserver identity.",
            labels=("apiserver_id_hash", "hash"))
        info.add_metric((self._server, self._hash), 1)
        yield from (counts, times, info)
