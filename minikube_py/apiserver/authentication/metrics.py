"""What is counted of authentication, for each request and so cheaply.

Invariant: labels are bounded; user names that anybody may have are counted together.
Source: k8s.io/apiserver/pkg/endpoints/filters/metrics.go, pkg/authentication/request/x509/x509.go,
pkg/serviceaccount/metrics.go
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from minikube_py.core.histogram import Histogram

# Seconds. Source: x509.go (clientCertificateExpirationHistogram)
EXPIRATION_BUCKETS_S: Final = (
    0, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 345600, 604800, 2592000, 7776000, 15552000, 31104000
)
# Names that are counted by themselves. Source: metrics.go (compressUsername)
KNOWN: Final = frozenset({"admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"})


class AuthenticationMetrics:
    """The counters of one server.

    Attributes:
        success: requests whose sender is known.
        failures: the others, by result: "failure" or "error".
        named: of those with success, the ones whose name is counted by itself.
        expiration: what was left of the certificates of requests, in seconds.
    """

    def __init__(self) -> None:
        self.success = 0
        self.failures = {"failure": 0, "error": 0}
        self.named: dict[str, int] = {}
        self.expiration = Histogram(EXPIRATION_BUCKETS_S)

    def succeeded(self, name: str) -> None:
        """Count a request whose sender is known, if only as nobody."""
        self.success += 1
        if "@" in name or name in KNOWN:
            label = name if name in KNOWN else "email_id"
            self.named[label] = self.named.get(label, 0) + 1

    def failed(self, result: str) -> None:
        """Count a request with a credential that is not good ("error"), or without one that was needed ("failure")."""
        self.failures[result] += 1

    def families(self) -> Iterator[Any]:
        """Metric families. Upstream's names of the counters have no suffix."""
        from prometheus_client.core import HistogramMetricFamily, Metric

        attempts = {"success": self.success, **self.failures}
        users = {"other": self.success - sum(self.named.values()), **self.named}
        for name, help_text, label, counts in (
            ("authentication_attempts", "Counter of authenticated attempts.", "result", attempts),
            ("authenticated_user_requests", "Counter of authenticated requests broken out by username.", "username", users),
        ):
            family = Metric(name, help_text, "counter")
            for value, count in counts.items():
                if count:
                    family.add_sample(name, {label: value}, count)
            yield family
        expiration = HistogramMetricFamily(
            "apiserver_client_certificate_expiration_seconds",
            "Distribution of the remaining lifetime on the certificate used to authenticate a request.",
        )
        expiration.add_metric((), [*self.expiration.cumulative()], self.expiration.total)
        yield expiration


class TokenCounters:
    """What is counted of tokens that were verified, not of those from the cache.

    Attributes:
        legacy: tokens without audiences.
        legacy_manual, legacy_auto: of those, the good ones of Secrets that somebody has made, and of those that accounts list.
        legacy_invalid: the ones that are marked invalid.
        valid, stale: tokens with an extended life, before and after the time at which their pod should have read a new one.
    """

    def __init__(self) -> None:
        self.legacy = 0
        self.legacy_manual = self.legacy_auto = self.legacy_invalid = 0
        self.valid = 0
        self.stale = 0

    def observe(self, stale: bool) -> None:
        """Count one token with an extended life."""
        if stale:
            self.stale += 1
        else:
            self.valid += 1

    def families(self) -> Iterator[Any]:
        """Metric families."""
        from prometheus_client.core import CounterMetricFamily

        for name, help_text, value in (
            ("legacy_tokens", "Cumulative legacy service account tokens used", self.legacy),
            ("legacy_manual_token_uses", "Cumulative manually created legacy tokens used", self.legacy_manual),
            ("legacy_auto_token_uses", "Cumulative auto-generated legacy tokens used", self.legacy_auto),
            ("invalid_legacy_auto_token_uses", "Cumulative invalid auto-generated legacy tokens used", self.legacy_invalid),
            ("valid_tokens", "Cumulative valid projected service account tokens used", self.valid),
            ("stale_tokens", "Cumulative stale projected service account tokens used", self.stale),
        ):
            yield CounterMetricFamily(f"serviceaccount_{name}", help_text, value)
