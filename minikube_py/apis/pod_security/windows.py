"""HostProcess containers: processes of the host, on Windows."""

from __future__ import annotations

from ..core_v1 import PodSecurityContext, SecurityContext
from .check import Check, Subject, Violation, setters


def _is_host_process(context: PodSecurityContext | SecurityContext | None) -> bool:
    return context is not None and context.windows_options is not None and bool(context.windows_options.host_process)


def host_process(subject: Subject) -> Violation | None:
    names = [container.name for container in subject.containers if _is_host_process(container.security_context)]
    who = setters(names, pod=_is_host_process(subject.spec.security_context))
    return Violation("hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true") if who else None


CHECKS = (Check("windowsHostProcess", "baseline", ((0, host_process),)),)
