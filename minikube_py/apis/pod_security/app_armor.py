"""AppArmor profiles: the runtime's or the node's, by field or by the annotations of before."""

from __future__ import annotations

from ..syntax import quote
from .check import Check, Subject, Violation, plural, quoted
from .profiles import wrong_profiles

ANNOTATION_PREFIX = "container.apparmor.security.beta.kubernetes.io/"
ANNOTATIONS = frozenset({"", "runtime/default"})


def profiles(subject: Subject) -> Violation | None:
    who, types = wrong_profiles(subject, "app_armor_profile")
    annotations = sorted(
        f"{key}={quote(value)}" for key, value in subject.annotations.items()
        if key.startswith(ANNOTATION_PREFIX) and value not in ANNOTATIONS and not value.startswith("localhost/")
    )
    values = types + annotations
    if not values:
        return None
    all_who = " and ".join(text for text in (who, plural("annotation", annotations) if annotations else "") if text)
    return Violation(plural("forbidden AppArmor profile", values), f"{all_who} must not set AppArmor profile type to {quoted(values)}")


CHECKS = (Check("appArmorProfile", "baseline", ((0, profiles),)),)
