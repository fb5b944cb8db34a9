"""Seccomp profiles: the runtime's or the node's; none is good enough for the baseline alone."""

from __future__ import annotations

from ..syntax import quote
from .check import Check, Subject, Violation, containers, is_windows, plural, quoted
from .profiles import profile_of, wrong_profiles

# Of before there was a field.
POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_ANNOTATION_PREFIX = "container.seccomp.security.alpha.kubernetes.io/"
ANNOTATIONS = frozenset({"runtime/default", "docker/default"})


def by_annotations(subject: Subject) -> Violation | None:
    found = subject.annotations
    keys = {POD_ANNOTATION, *(CONTAINER_ANNOTATION_PREFIX + container.name for container in subject.containers)} & found.keys()
    wrong = sorted(
        f"{key}={quote(value)}" for key in keys if (value := found[key]) not in ANNOTATIONS and not value.startswith("localhost/")
    )
    return Violation("seccompProfile", f"forbidden {plural('annotation', wrong)} {', '.join(wrong)}") if wrong else None


def baseline(subject: Subject) -> Violation | None:
    who, types = wrong_profiles(subject, "seccomp_profile")
    return Violation("seccompProfile", f"{who} must not set securityContext.seccompProfile.type to {quoted(types)}") if who else None


def restricted(subject: Subject) -> Violation | None:
    if violation := baseline(subject):
        return violation
    if profile_of(subject.spec.security_context, "seccomp_profile") is not None:
        return None
    unset = [c.name for c in subject.containers if profile_of(c.security_context, "seccomp_profile") is None]
    if not unset:
        return None
    must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Violation("seccompProfile", f"pod or {containers(unset)} {must}")


def restricted_but_on_windows(subject: Subject) -> Violation | None:
    return None if is_windows(subject) else restricted(subject)


CHECKS = (
    Check("seccompProfile_baseline", "baseline", ((0, by_annotations), (19, baseline))),
    Check("seccompProfile_restricted", "restricted", ((19, restricted), (25, restricted_but_on_windows)),
          overrides=("seccompProfile_baseline",)),
)
