"""Which checks make up a level in a version, and what they say together.

Source: staging/src/k8s.io/pod-security-admission/policy/registry.go, checks.go
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ..core_v1 import PodSpec
from ..meta_v1 import ObjectMeta
from . import (
    app_armor,
    capabilities,
    host,
    privileges,
    probes,
    proc_mount,
    se_linux,
    seccomp,
    sysctls,
    users,
    volumes,
    windows,
)
from .check import Check, CheckPod, Subject, Violation
from .policy import LATEST, LevelVersion

CHECKS: tuple[Check, ...] = (
    *app_armor.CHECKS, *capabilities.CHECKS, *host.CHECKS, *privileges.CHECKS, *probes.CHECKS, *proc_mount.CHECKS, *se_linux.CHECKS,
    *seccomp.CHECKS, *sysctls.CHECKS, *users.CHECKS, *volumes.CHECKS, *windows.CHECKS,
)
# The minor version that brought the last change. "latest", and every later version, means this one.
NEWEST = max(minor for check in CHECKS for minor, _ in check.versions)


class Evaluation(NamedTuple):
    """What all checks of a level have against a pod."""

    violations: tuple[Violation, ...]

    @property
    def allowed(self) -> bool:
        return not self.violations

    @property
    def reason(self) -> str:
        """'host namespaces, privileged'."""
        return ", ".join(violation.reason for violation in self.violations)

    @property
    def detail(self) -> str:
        """'host namespaces (hostPID=true), privileged (container "a" must not set securityContext.privileged=true)'."""
        return ", ".join(f"{reason} ({detail})" for reason, detail in self.violations)


ALLOWED = Evaluation(())


def evaluate(policy: LevelVersion, metadata: ObjectMeta, spec: PodSpec) -> Evaluation:
    """Judge a pod, or the template of one."""
    if policy.level == "privileged":
        return ALLOWED
    subject = Subject(metadata, spec)
    minor = NEWEST if policy.version == LATEST else min(int(policy.version.removeprefix("v1.")), NEWEST)
    return Evaluation(tuple(violation for check in _checks(policy.level == "restricted", minor) if (violation := check(subject))))


@lru_cache(2 * (NEWEST + 1))
def _checks(restricted: bool, minor: int) -> tuple[CheckPod, ...]:
    """The checks of a level in a version, those of the baseline first."""
    present = [(check, function) for check in CHECKS if (function := _function(check, minor)) and (restricted or check.level == "baseline")]
    overridden = {name for check, _ in present for name in check.overrides}
    present.sort(key=lambda pair: (pair[0].level, pair[0].id))
    return tuple(function for check, function in present if check.id not in overridden)


def _function(check: Check, minor: int) -> CheckPod | None:
    """The newest function of a check that is not newer than a version."""
    return next((function for since, function in reversed(check.versions) if since <= minor), None)
