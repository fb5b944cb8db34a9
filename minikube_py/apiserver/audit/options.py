"""Options of the audit log, under kube-apiserver's names.

Source: k8s.io/apiserver/pkg/server/options/audit.go
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minikube_py.apiserver.authentication.options import read_path
from minikube_py.core.duration import parse_duration
from minikube_py.core.flags import parse_bool

from .batches import BatchLimits
from .event import VERSION

MODES = ("batch", "blocking", "blocking-strict")
FORMATS = ("legacy", "json")


@dataclass(frozen=True, slots=True)
class AuditArgs:
    """The values; each has the name of its flag without "audit-", durations are in seconds.

    Attributes:
        policy_file: without one nothing is recorded.
        log_path: "-" for the standard output.
        log_maxage: days; log_maxsize: MiB; with log_maxbackup 0 stands for no bound (of the size: 100 MiB).
        log_mode, webhook_mode: "blocking" lets the answer wait until its events are where they go; "blocking-strict" also refuses requests
            that cannot be recorded; "batch" lets nothing wait.
        log_batch_max_size, webhook_batch_max_size: events; ..._max_wait: until a batch goes that is not full.
        webhook_config_file: kubeconfig of the server that gets events.
    """

    policy_file: Path | None = None
    log_path: str = ""
    log_maxage: int = 0
    log_maxbackup: int = 0
    log_maxsize: int = 0
    log_compress: bool = False
    log_format: str = "json"
    log_version: str = VERSION
    log_mode: str = "blocking"
    log_batch_buffer_size: int = 10000
    log_batch_max_size: int = 1
    log_batch_max_wait: float = 0.0
    log_batch_throttle_enable: bool = False
    log_batch_throttle_qps: float = 0.0
    log_batch_throttle_burst: int = 0
    log_truncate_enabled: bool = False
    log_truncate_max_event_size: int = 102400
    log_truncate_max_batch_size: int = 10485760
    webhook_config_file: Path | None = None
    webhook_version: str = VERSION
    webhook_mode: str = "batch"
    webhook_initial_backoff: float = 10.0
    webhook_batch_buffer_size: int = 10000
    webhook_batch_max_size: int = 400
    webhook_batch_max_wait: float = 30.0
    webhook_batch_throttle_enable: bool = True
    webhook_batch_throttle_qps: float = 10.0
    webhook_batch_throttle_burst: int = 15
    webhook_truncate_enabled: bool = False
    webhook_truncate_max_event_size: int = 102400
    webhook_truncate_max_batch_size: int = 10485760

    def __post_init__(self) -> None:
        """Raises: ValueError for values that do not go together. Those of a backend that is not asked for do not count."""
        if self.log_path:
            self._check_backend("log")
            if self.log_format not in FORMATS:
                raise ValueError(f'invalid audit log format {self.log_format}, allowed formats are "{",".join(FORMATS)}"')
            for name in ("maxage", "maxbackup", "maxsize"):
                if getattr(self, f"log_{name}") < 0:
                    raise ValueError(f"--audit-log-{name} {getattr(self, f'log_{name}')} can't be a negative number")
        if self.webhook_config_file is not None:
            self._check_backend("webhook")

    def batch_limits(self, plugin: str) -> BatchLimits:
        """How the events of a backend ("log", "webhook") become batches."""
        return BatchLimits(
            **{name: self._of(plugin, f"batch_{name}") for name in _BATCH},
            bytes_max=self._of(plugin, "truncate_max_batch_size") if self._of(plugin, "truncate_enabled") else None,
        )

    def _of(self, plugin: str, name: str) -> Any:
        return getattr(self, f"{plugin}_{name}")

    def _check_backend(self, plugin: str) -> None:
        mode = self._of(plugin, "mode")
        if mode not in MODES:
            raise ValueError(f'invalid audit {plugin} mode {mode}, allowed modes are "{",".join(MODES)}"')
        if mode == "batch":
            self._check_batches(plugin, self.batch_limits(plugin))
        event, batch = self._of(plugin, "truncate_max_event_size"), self._of(plugin, "truncate_max_batch_size")
        if event <= 0:
            raise ValueError(f"invalid audit truncate {plugin} max event size {event}, must be a positive number")
        if batch < event:
            raise ValueError(f"invalid audit truncate {plugin} max batch size {batch}, must be greater than max event size ({event})")
        if self._of(plugin, "version") != VERSION:
            raise ValueError(f'invalid group version, allowed versions are ["{VERSION}"]')

    def _check_batches(self, plugin: str, limits: BatchLimits) -> None:
        values: list[tuple[str, float]] = [("buffer size", limits.buffer_size), ("max batch size", limits.max_size)]
        if limits.throttle_enable:
            values += [("throttle QPS", limits.throttle_qps), ("throttle burst", limits.throttle_burst)]
        for words, value in values:
            if value <= 0:
                raise ValueError(f"invalid audit batch {plugin} {words} {value:g}, must be a positive number")


_BATCH = ("buffer_size", "max_size", "max_wait", "throttle_enable", "throttle_qps", "throttle_burst")

READERS: dict[str, Callable[[str], Any]] = {
    "audit-policy-file": read_path,
    "audit-log-path": str,
    "audit-log-maxage": int,
    "audit-log-maxbackup": int,
    "audit-log-maxsize": int,
    "audit-log-compress": parse_bool,
    "audit-log-format": str,
    "audit-log-version": str,
    "audit-log-mode": str,
    "audit-log-batch-buffer-size": int,
    "audit-log-batch-max-size": int,
    "audit-log-batch-max-wait": parse_duration,
    "audit-log-batch-throttle-enable": parse_bool,
    "audit-log-batch-throttle-qps": float,
    "audit-log-batch-throttle-burst": int,
    "audit-log-truncate-enabled": parse_bool,
    "audit-log-truncate-max-event-size": int,
    "audit-log-truncate-max-batch-size": int,
    "audit-webhook-config-file": read_path,
    "audit-webhook-version": str,
    "audit-webhook-mode": str,
    "audit-webhook-initial-backoff": parse_duration,
    "audit-webhook-batch-buffer-size": int,
    "audit-webhook-batch-max-size": int,
    "audit-webhook-batch-max-wait": parse_duration,
    "audit-webhook-batch-throttle-enable": parse_bool,
    "audit-webhook-batch-throttle-qps": float,
    "audit-webhook-batch-throttle-burst": int,
    "audit-webhook-truncate-enabled": parse_bool,
    "audit-webhook-truncate-max-event-size": int,
    "audit-webhook-truncate-max-batch-size": int,
}
