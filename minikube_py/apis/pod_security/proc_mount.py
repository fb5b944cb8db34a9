"""The masks over /proc, which only those may take away who see a /proc of their own."""

from __future__ import annotations

from .check import Check, Subject, Violation, containers, in_user_namespace, quoted


def proc_mount(subject: Subject) -> Violation | None:
    found = [
        (c.name, c.security_context.proc_mount) for c in subject.containers
        if c.security_context is not None and c.security_context.proc_mount not in (None, "Default")
    ]
    if not found:
        return None
    kinds = sorted({kind for _, kind in found if kind is not None})
    return Violation("procMount", f"{containers([name for name, _ in found])} must not set securityContext.procMount to {quoted(kinds)}")


def proc_mount_but_in_user_namespaces(subject: Subject) -> Violation | None:
    return None if in_user_namespace(subject) else proc_mount(subject)


CHECKS = (
    Check("procMount", "baseline", ((0, proc_mount), (35, proc_mount_but_in_user_namespaces))),
    Check("procMount_restricted", "restricted", ((35, proc_mount),), overrides=("procMount",)),
)
