"""Privileged containers, and processes that gain privileges (set-user-ID programs)."""

from __future__ import annotations

from .check import Check, Subject, Violation, containers, is_windows


def privileged(subject: Subject) -> Violation | None:
    names = [c.name for c in subject.containers if c.security_context is not None and c.security_context.privileged]
    return Violation("privileged", f"{containers(names)} must not set securityContext.privileged=true") if names else None


def escalation(subject: Subject) -> Violation | None:
    names = [c.name for c in subject.containers if c.security_context is None or c.security_context.allow_privilege_escalation is not False]
    if not names:
        return None
    return Violation("allowPrivilegeEscalation != false", f"{containers(names)} must set securityContext.allowPrivilegeEscalation=false")


def escalation_but_on_windows(subject: Subject) -> Violation | None:
    return None if is_windows(subject) else escalation(subject)


CHECKS = (
    Check("privileged", "baseline", ((0, privileged),)),
    Check("allowPrivilegeEscalation", "restricted", ((8, escalation), (25, escalation_but_on_windows))),
)
