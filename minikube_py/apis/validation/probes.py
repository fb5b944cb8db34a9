"""Rules of probes and of the handlers of a container's life.

Source: pkg/apis/core/validation/validation.go (validateProbe, validateLifecycle, validateHandler)
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import core_v1, syntax
from ..core_v1 import Container
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import matches, non_negative, port_or_name


def lifecycle_and_probes(causes: Causes, path: str, item: Container, grace_s: int | None) -> None:
    if item.lifecycle is not None:
        for handler, wire in ((item.lifecycle.post_start, "postStart"), (item.lifecycle.pre_stop, "preStop")):
            if handler is not None:
                actions = (
                    ("exec", handler.exec), ("httpGet", handler.http_get), ("tcpSocket", handler.tcp_socket), ("sleep", handler.sleep),
                )
                _handler(causes, f"{path}.lifecycle.{wire}", actions, grace_s)
    if item.liveness_probe is not None:
        _probe(causes, f"{path}.livenessProbe", item.liveness_probe, once=True)
    readiness = item.readiness_probe
    if readiness is not None:
        _probe(causes, f"{path}.readinessProbe", readiness, once=False)
        if readiness.termination_grace_period_seconds is not None:
            causes.append(invalid(f"{path}.readinessProbe.terminationGracePeriodSeconds", readiness.termination_grace_period_seconds,
                                  "must not be set for readinessProbes"))
    if item.startup_probe is not None:
        _probe(causes, f"{path}.startupProbe", item.startup_probe, once=True)


def _probe(causes: Causes, path: str, probe: core_v1.Probe, *, once: bool) -> None:
    """Args: once: whether a single success is all that counts."""
    actions = (("exec", probe.exec), ("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket), ("grpc", probe.grpc))
    _handler(causes, path, actions, None)
    non_negative(causes, f"{path}.initialDelaySeconds", probe.initial_delay_seconds)
    non_negative(causes, f"{path}.timeoutSeconds", probe.timeout_seconds)
    non_negative(causes, f"{path}.periodSeconds", probe.period_seconds)
    non_negative(causes, f"{path}.successThreshold", probe.success_threshold)
    non_negative(causes, f"{path}.failureThreshold", probe.failure_threshold)
    grace_s = probe.termination_grace_period_seconds
    if grace_s is not None and grace_s <= 0:
        causes.append(invalid(f"{path}.terminationGracePeriodSeconds", grace_s, "must be greater than 0"))
    if once and probe.success_threshold != 1:
        causes.append(invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1"))


def _handler(causes: Causes, path: str, actions: Iterable[tuple[str, object]], grace_s: int | None) -> None:
    """Exactly one action is set."""
    found = False
    for wire, action in actions:
        if action is None:
            continue
        if found:
            causes.append(forbidden(f"{path}.{wire}", "may not specify more than 1 handler type"))
            continue
        found = True
        where = f"{path}.{wire}"
        if isinstance(action, core_v1.HTTPGetAction):
            _http_get(causes, where, action)
        elif isinstance(action, core_v1.ExecAction):
            if not action.command:
                causes.append(required(f"{where}.command"))
        elif isinstance(action, core_v1.TCPSocketAction | core_v1.GRPCAction):
            port_or_name(causes, f"{where}.port", action.port)
        elif isinstance(action, core_v1.SleepAction):
            seconds = action.seconds
            if grace_s is not None and not 0 <= seconds <= grace_s:
                bound = f"terminationGracePeriodSeconds ({grace_s})"
                causes.append(invalid(where, seconds, f"must be non-negative and less than {bound}"))
    if not found:
        causes.append(required(path, "must specify a handler type"))


def _http_get(causes: Causes, path: str, action: core_v1.HTTPGetAction) -> None:
    if not action.path:
        causes.append(required(f"{path}.path"))
    port_or_name(causes, f"{path}.port", action.port)
    if action.scheme not in ("HTTP", "HTTPS"):
        causes.append(not_supported(f"{path}.scheme", action.scheme, ("HTTP", "HTTPS")))
    for header in action.http_headers:
        matches(causes, f"{path}.httpHeaders", header.name, syntax.http_header_name)
