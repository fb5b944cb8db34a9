"""PodSecurityConfiguration: the policy of namespaces without labels, and who is exempt.

Source: staging/src/k8s.io/pod-security-admission/admission/api/v1/types.go, defaults.go, admission/api/validation/validation.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from msgspec import field

from .. import syntax
from ..object import Object
from ..validation.causes import Causes, duplicate, invalid
from .policy import LATEST, Level, LevelVersion, Policy, level_complaint, version_complaint

GROUP = "pod-security.admission.config.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")


class PodSecurityDefaults(Object):
    """Levels and versions of namespaces that do not say otherwise."""

    enforce: str = "privileged"
    enforce_version: str = field(default=LATEST, name="enforce-version")
    audit: str = "privileged"
    audit_version: str = field(default=LATEST, name="audit-version")
    warn: str = "privileged"
    warn_version: str = field(default=LATEST, name="warn-version")


class PodSecurityExemptions(Object):
    """Whose pods nobody looks at."""

    usernames: list[str] = []
    namespaces: list[str] = []
    runtime_classes: list[str] = []


class PodSecurityConfiguration(Object):
    """The whole configuration of the plugin."""

    kind: str = ""
    api_version: str = ""
    defaults: PodSecurityDefaults = field(default_factory=PodSecurityDefaults)
    exemptions: PodSecurityExemptions = field(default_factory=PodSecurityExemptions)


def default_policy(configuration: PodSecurityConfiguration) -> Policy:
    """The policy of a configuration without a fault; what is "" in it has its default."""
    return Policy(*(LevelVersion(cast(Level, level or "privileged"), version or LATEST) for _, level, version in _modes(configuration)))


def _modes(configuration: PodSecurityConfiguration) -> tuple[tuple[str, str, str], ...]:
    defaults = configuration.defaults
    return (
        ("enforce", defaults.enforce, defaults.enforce_version), ("audit", defaults.audit, defaults.audit_version),
        ("warn", defaults.warn, defaults.warn_version),
    )


def validate(configuration: PodSecurityConfiguration) -> Causes:
    """What is wrong with a configuration."""
    causes: Causes = []
    for name, level, version in _modes(configuration):
        if level and (complaint := level_complaint(level)):
            causes.append(invalid(f"defaults.{name}", level, complaint))
        if version and (complaint := version_complaint(version)):
            causes.append(invalid(f"defaults.{name}-version", version, complaint))
    exemptions = configuration.exemptions
    _names(causes, "exemptions.namespaces", exemptions.namespaces, syntax.dns_label)
    _names(causes, "exemptions.runtimeClasses", exemptions.runtime_classes, syntax.dns_subdomain)
    _names(causes, "exemptions.usernames", exemptions.usernames, lambda name: () if name else ("username must not be empty",))
    return causes


def _names(causes: Causes, path: str, names: Iterable[str], rule: Callable[[str], syntax.Complaints]) -> None:
    known: set[str] = set()
    for index, name in enumerate(names):
        if complaints := rule(name):
            causes.append(invalid(f"{path}[{index}]", name, ", ".join(complaints)))
        elif name in known:
            causes.append(duplicate(f"{path}[{index}]", name))
        known.add(name)
