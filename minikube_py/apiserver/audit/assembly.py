"""Puts the audit log together from its options."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

from minikube_py.client.kubeconfig import Kubeconfig, KubeconfigError
from minikube_py.client.transport import Transport

from .auditor import Auditor
from .backends import Backend, BatchLog, LogBackend, Truncation
from .log_file import DAY_S, DEFAULT_MEBIBYTES, MEBIBYTE, RotatingFile
from .options import AuditArgs
from .policy import LEVEL_NAMES, PolicyEvaluator, read_policy
from .webhook import TRY_TIMEOUT_S, BatchWebhook, BlockingWebhook, Receiver

log = logging.getLogger(__name__)


class Audit:
    """The audit log of a server.

    Attributes:
        auditor: begins records; None where nothing is recorded, so that it costs nothing.
    """

    def __init__(self, args: AuditArgs) -> None:
        """Raises: AuditPolicyError, OSError, ValueError for files that cannot be used."""
        self._errors: Counter[str] = Counter()
        self._log: LogBackend | None = None
        self._webhook: BatchWebhook | BlockingWebhook | None = None
        self.auditor: Auditor | None = None
        if args.policy_file is None:
            if args.log_path or args.webhook_config_file is not None:
                log.warning("no audit policy file provided, no events will be recorded")
            return
        policy = PolicyEvaluator(read_policy(args.policy_file))
        if args.log_path:
            self._log = _log_backend(args, self._errors)
        if args.webhook_config_file is not None:
            self._webhook = _webhook_backend(args, self._errors)
        blocking = self._webhook if isinstance(self._webhook, BlockingWebhook) else None
        backends: list[Backend] = [self._log] if self._log is not None else []
        if isinstance(self._webhook, BatchWebhook):
            backends.append(self._webhook)
        if backends or blocking is not None:
            self.auditor = Auditor(policy, backends, self._errors, blocking)

    async def run(self) -> None:
        """Write and send what goes in batches, until cancelled; returns at once if nothing does."""
        async with asyncio.TaskGroup() as group:
            if isinstance(self._log, BatchLog):
                group.create_task(self._log.run(), name="audit-log")
            if isinstance(self._webhook, BatchWebhook):
                group.create_task(self._webhook.run(), name="audit-webhook")

    async def close(self) -> None:
        """Write and send what is left."""
        await asyncio.gather(*(backend.close() for backend in (self._log, self._webhook) if backend is not None))

    def families(self) -> Iterator[Any]:
        """Metrics, under upstream's names. Source: k8s.io/apiserver/pkg/audit/metrics.go"""
        from prometheus_client.core import CounterMetricFamily

        auditor = self.auditor
        yield CounterMetricFamily(
            "apiserver_audit_event", "Counter of audit events generated and sent to the audit backend.",
            value=0 if auditor is None else auditor.events)
        yield CounterMetricFamily(
            "apiserver_audit_requests_rejected", "Counter of apiserver requests rejected due to an error in audit logging backend.",
            value=0 if auditor is None else auditor.rejected)
        if auditor is None:
            return
        levels = CounterMetricFamily(
            "apiserver_audit_level", "Counter of policy levels for audit events (1 per request).", labels=("level",))
        for name, count in zip(LEVEL_NAMES, auditor.levels, strict=True):
            levels.add_metric((name,), count)
        yield levels
        errors = CounterMetricFamily(
            "apiserver_audit_error", "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by "
            "the error.", labels=("plugin",))
        for plugin, count in self._errors.items():
            errors.add_metric((plugin,), count)
        yield errors


def _log_backend(args: AuditArgs, errors: Counter[str]) -> LogBackend:
    from pathlib import Path

    file = RotatingFile(
        Path(args.log_path), bytes_max=(args.log_maxsize or DEFAULT_MEBIBYTES) * MEBIBYTE, age_max_s=args.log_maxage * DAY_S,
        backups_max=args.log_maxbackup, compress=args.log_compress,
    )
    file.open()
    truncation = Truncation(
        "log", errors, enabled=args.log_truncate_enabled, event_bytes_max=args.log_truncate_max_event_size)
    legacy = args.log_format == "legacy"
    limits = args.batch_limits("log")
    if args.log_mode == "batch" and (limits.max_size > 1 or limits.throttle_enable):
        return BatchLog(file, truncation, errors, limits, legacy=legacy)
    return LogBackend(file, truncation, errors, mode=args.log_mode, legacy=legacy)


def _webhook_backend(args: AuditArgs, errors: Counter[str]) -> BatchWebhook | BlockingWebhook:
    try:
        connection = Kubeconfig.load(str(args.webhook_config_file)).connection()
    except KubeconfigError as error:
        raise ValueError(f"initializing audit webhook: {error}") from error
    truncation = Truncation(
        "webhook", errors, enabled=args.webhook_truncate_enabled, event_bytes_max=args.webhook_truncate_max_event_size)
    receiver = Receiver(Transport(connection, request_timeout_s=TRY_TIMEOUT_S), args.webhook_initial_backoff, errors)
    if args.webhook_mode == "batch":
        return BatchWebhook(receiver, args.batch_limits("webhook"), truncation, errors)
    return BlockingWebhook(receiver, truncation, strict=args.webhook_mode == "blocking-strict")
