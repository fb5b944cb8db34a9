"""Who processes run as: not root, unless root in the pod is somebody else on the node."""

from __future__ import annotations

from .check import Check, Subject, Violation, containers, in_user_namespace, setters


def run_as_non_root(subject: Subject) -> Violation | None:
    pod = subject.spec.security_context.run_as_non_root if subject.spec.security_context is not None else None
    roots, unset = [], []
    for container in subject.containers:
        own = container.security_context.run_as_non_root if container.security_context is not None else None
        if own is False:
            roots.append(container.name)
        elif own is None and not pod:
            unset.append(container.name)
    if who := setters(roots, pod=pod is False):
        return Violation("runAsNonRoot != true", f"{who} must not set securityContext.runAsNonRoot=false")
    if unset:
        return Violation("runAsNonRoot != true", f"pod or {containers(unset)} must set securityContext.runAsNonRoot=true")
    return None


def run_as_non_root_but_in_user_namespaces(subject: Subject) -> Violation | None:
    return None if in_user_namespace(subject) else run_as_non_root(subject)


def run_as_user(subject: Subject) -> Violation | None:
    names = [c.name for c in subject.containers if c.security_context is not None and c.security_context.run_as_user == 0]
    context = subject.spec.security_context
    who = setters(names, pod=context is not None and context.run_as_user == 0)
    return Violation("runAsUser=0", f"{who} must not set runAsUser=0") if who else None


def run_as_user_but_in_user_namespaces(subject: Subject) -> Violation | None:
    return None if in_user_namespace(subject) else run_as_user(subject)


CHECKS = (
    Check("runAsNonRoot", "restricted", ((0, run_as_non_root), (35, run_as_non_root_but_in_user_namespaces))),
    Check("runAsUser", "restricted", ((23, run_as_user), (35, run_as_user_but_in_user_namespaces))),
)
