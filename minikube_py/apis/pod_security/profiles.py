"""Profiles of seccomp and of AppArmor have the same types; the runtime's own and those of the node are good."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..core_v1 import AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext
from .check import Subject, setters

Field = Literal["app_armor_profile", "seccomp_profile"]
GOOD = frozenset({"RuntimeDefault", "Localhost"})


class WrongProfiles(NamedTuple):
    """Profiles of other types.

    Attributes:
        who: who has set them, "" for nobody.
        types: which types, sorted.
    """

    who: str
    types: list[str]


def profile_of(context: PodSecurityContext | SecurityContext | None, field: Field) -> SeccompProfile | AppArmorProfile | None:
    if context is None:
        return None
    return context.seccomp_profile if field == "seccomp_profile" else context.app_armor_profile


def wrong_profiles(subject: Subject, field: Field) -> WrongProfiles:
    names, types = [], set()
    for container in subject.containers:
        profile = profile_of(container.security_context, field)
        if profile is not None and profile.type not in GOOD:
            names.append(container.name)
            types.add(profile.type)
    pod = profile_of(subject.spec.security_context, field)
    if pod is not None and pod.type not in GOOD:
        return WrongProfiles(setters(names, pod=True), sorted(types | {pod.type}))
    return WrongProfiles(setters(names, pod=False), sorted(types))
