"""Sysctls: those that reach no further than the pod."""

from __future__ import annotations

from functools import partial

from .check import Check, Subject, Violation

SAFE_0 = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
})
SAFE_27 = SAFE_0 | {"net.ipv4.ip_local_reserved_ports"}
SAFE_29 = SAFE_27 | {
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
}
SAFE_32 = SAFE_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}


def sysctls(subject: Subject, safe: frozenset[str]) -> Violation | None:
    context = subject.spec.security_context
    if context is None:
        return None
    names = [sysctl.name for sysctl in context.sysctls if sysctl.name not in safe]
    return Violation("forbidden sysctls", ", ".join(names)) if names else None


CHECKS = (
    Check("sysctls", "baseline", tuple(
        (since, partial(sysctls, safe=safe)) for since, safe in ((0, SAFE_0), (27, SAFE_27), (29, SAFE_29), (32, SAFE_32)))),
)
