"""Capabilities: none beyond those that runtimes give, or none at all but the one that opens low ports."""

from __future__ import annotations

from .check import Check, Subject, Violation, containers, is_windows, quoted

DEFAULT = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
    "SETUID", "SYS_CHROOT",
})
ADDABLE = frozenset({"NET_BIND_SERVICE"})


def _added(subject: Subject, allowed: frozenset[str]) -> tuple[list[str], list[str]]:
    """The containers that add what is not allowed, and what they add."""
    names, added = [], set()
    for container in subject.containers:
        context = container.security_context
        if context is not None and context.capabilities is not None and (wrong := set(context.capabilities.add) - allowed):
            names.append(container.name)
            added |= wrong
    return names, sorted(added)


def _must_not_include(names: list[str], added: list[str]) -> str:
    return f"{containers(names)} must not include {quoted(added)} in securityContext.capabilities.add"


def baseline(subject: Subject) -> Violation | None:
    names, added = _added(subject, DEFAULT)
    return Violation("non-default capabilities", _must_not_include(names, added)) if names else None


def restricted(subject: Subject) -> Violation | None:
    keeping = [
        c.name for c in subject.containers
        if c.security_context is None or c.security_context.capabilities is None or "ALL" not in c.security_context.capabilities.drop
    ]
    details = [f'{containers(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    names, added = _added(subject, ADDABLE)
    if names:
        details.append(_must_not_include(names, added))
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


def restricted_but_on_windows(subject: Subject) -> Violation | None:
    return None if is_windows(subject) else restricted(subject)


CHECKS = (
    Check("capabilities_baseline", "baseline", ((0, baseline),)),
    Check("capabilities_restricted", "restricted", ((22, restricted), (25, restricted_but_on_windows)),
          overrides=("capabilities_baseline",)),
)
