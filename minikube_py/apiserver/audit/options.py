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

LOG_MODES = ("batch", "blocking", "blocking-strict")


@dataclass(frozen=True, slots=True)
class AuditArgs:
    """The values; each has the name of its flag without "audit-", durations are in seconds.

    Attributes:
        policy_file: without one nothing is recorded.
        log_path: "-" for the standard output.
        log_maxage: days; log_maxsize: MiB; with log_maxbackup 0 stands for no bound (of the size: 100 MiB).
        log_mode: "blocking" writes before the request goes on; "blocking-strict" also refuses requests that cannot be recorded; "batch"
            writes a moment later.
        webhook_config_file: kubeconfig of the server that gets events, in batches.
    """

    policy_file: Path | None = None
    log_path: str = ""
    log_maxage: int = 0
    log_maxbackup: int = 0
    log_maxsize: int = 0
    log_compress: bool = False
    log_format: str = "json"
    log_mode: str = "blocking"
    log_truncate_enabled: bool = False
    log_truncate_max_event_size: int = 102400
    log_truncate_max_batch_size: int = 10485760
    webhook_config_file: Path | None = None
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
        """Raises: ValueError for values that do not go together."""
        for plugin, event, batch in (
            ("log", self.log_truncate_max_event_size, self.log_truncate_max_batch_size),
            ("webhook", self.webhook_truncate_max_event_size, self.webhook_truncate_max_batch_size),
        ):
            if event <= 0:
                raise ValueError(f"invalid audit truncate {plugin} max event size {event}, must be a positive number")
            if batch < event:
                raise ValueError(
                    f"invalid audit truncate {plugin} max batch size {batch}, must be greater than max event size ({event})")
        for name in ("buffer_size", "max_size", "throttle_qps", "throttle_burst"):
            value = getattr(self, f"webhook_batch_{name}")
            if value <= 0:
                words = name.replace("max_size", "max batch size").replace("_qps", " QPS").replace("_", " ")
                raise ValueError(f"invalid audit batch webhook {words} {value}, must be a positive number")
        for name in ("maxage", "maxbackup", "maxsize"):
            if getattr(self, f"log_{name}") < 0:
                raise ValueError(f"--audit-log-{name} {getattr(self, f'log_{name}')} can't be a negative number")


def _one_of(*known: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"known are {', '.join(known)}")
        return text

    return read


READERS: dict[str, Callable[[str], Any]] = {
    "audit-policy-file": read_path,
    "audit-log-path": str,
    "audit-log-maxage": int,
    "audit-log-maxbackup": int,
    "audit-log-maxsize": int,
    "audit-log-compress": parse_bool,
    "audit-log-format": _one_of("json", "legacy"),
    "audit-log-mode": _one_of(*LOG_MODES),
    "audit-log-truncate-enabled": parse_bool,
    "audit-log-truncate-max-event-size": int,
    "audit-log-truncate-max-batch-size": int,
    "audit-webhook-config-file": read_path,
    # A request never waits for another server to have been told of it.
    "audit-webhook-mode": _one_of("batch"),
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
